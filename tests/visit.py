"""One visit of a page in a browser: everything that the tests of pages and of questions ask, seen once."""

import io
import itertools
import json
import re
from pathlib import Path

from figures import FIGURES
from PIL import Image

from tools.browser import load_pictures, open_figures, use_theme, wait_until_ready
from tools.checks.rules import SMALLEST

Image.MAX_IMAGE_PIXELS = None  # a page of figures is long

THEMES = ("light", "dark")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

# What a reader sees who waits for the scripts: the words, and the still pictures of the figures with sliders.
READABLE = """async () => {
  await new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)));
  const seen = box => box.checkVisibility({opacityProperty: true, visibilityProperty: true});
  const paragraphs = [...document.querySelectorAll(".bd-article p")].filter(p => !p.closest("details"));
  const stills = [...document.querySelectorAll("img.interactive-still")];
  return {
    title: seen(document.querySelector(".bd-article h1")),
    hidden: paragraphs.filter(p => !seen(p)).map(p => p.textContent.slice(0, 60)),
    stills: stills.filter(i => seen(i) && i.alt && i.getBoundingClientRect().width >= 240).map(i => i.parentNode.id),
  };
}"""


def open_with_late_scripts(tab, address):
    """Open a page as over a slow line: first the text, and the scripts only when it has been read."""
    held, late = [], True
    tab.route(re.compile(r"\.js(\?|$)"), lambda route: held.append(route) if late else route.continue_())
    try:
        tab.goto(address, wait_until="commit")
        tab.wait_for_function("document.readyState === 'interactive'")
        readable = tab.evaluate(READABLE)
    finally:  # what is held back would keep the next page waiting
        late = False
        for route in held:
            route.continue_()
    wait_until_ready(tab)
    tab.unroute_all(behavior="wait")
    return {**readable, "scripts": len(held)}


def unfold_solutions(tab):
    """Open each solution with the keyboard; return whether it was closed before and open after."""
    found = []
    for solution in tab.query_selector_all("details.solution"):
        before = solution.get_attribute("open")
        solution.query_selector("summary").focus()
        tab.keyboard.press("Enter")
        found.append((before is None, solution.get_attribute("open") is not None))
    return found


def copied_cells(tab):
    """What the buttons of the first and of the last cell copy, the last in a solution, and what these cells say."""
    cells = tab.query_selector_all("div.cell_input div.highlight")
    found = []
    for cell in cells[:1] + cells[-1:]:
        cell.hover()
        cell.query_selector("button.copybtn").click()
        copied = tab.evaluate("navigator.clipboard.readText()")
        found.append((copied.strip(), cell.query_selector("pre").inner_text().strip()))
    return found


# Chooses each answer in turn, asks for its reason, and returns what the page says.
VERDICTS = """box => [...box.querySelectorAll("input")].map(answer => {
  answer.click();
  box.querySelector("button").click();
  const status = box.querySelector("[role=status]");
  return [status.innerText, status.dataset.verdict];
})"""


def answer_by_keyboard(tab, box):
    """Ask for a reason before there is an answer, then choose each answer in turn; return what the page says."""
    button, status = box.query_selector("button"), box.query_selector("[role=status]")
    folded = not box.query_selector("details").is_visible()
    button.focus()
    tab.keyboard.press("Enter")
    early, said = status.inner_text(), []
    box.query_selector("input").focus()
    tab.keyboard.press("Space")
    for place, _ in enumerate(box.query_selector_all("input")):
        if place:
            tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        said.append((status.inner_text(), status.get_attribute("data-verdict")))
        tab.keyboard.press("Shift+Tab")
    return {"folded": folded, "early": early, "said": said, "unfolded": box.query_selector("details").is_visible()}


def answered_questions(tab):
    """What the page says to each answer of each question; those of the first question are chosen by keyboard, too."""
    found = []
    for box in tab.query_selector_all(".question"):
        group = box.query_selector("[role=radiogroup]")
        found.append({
            "id": box.get_attribute("id"),
            "named": bool(group.get_attribute("aria-labelledby")),
            "by keyboard": None if found else answer_by_keyboard(tab, box),
            "said": box.evaluate(VERDICTS),
            "unfolded": box.query_selector("details").is_visible(),
        })
    return found


def luminance(colour):
    parts = [part / 255 for part in colour[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """The contrast of two colours, as WCAG defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


FIGURE = ":is(figure img:not(.interactive-still), .interactive)"
ALONE = """figure => {
  const kept = `${figure}, :has(${figure})`;
  for (const box of document.querySelectorAll(`.bd-article :has(${figure}) > *`)) {
    if (!box.matches(kept)) box.classList.add("beside");
  }
}"""
PLACES = """figure => [...document.querySelectorAll(`.bd-article ${figure}`)].map(box => {
  const {left, top, right, bottom} = box.getBoundingClientRect();
  const corners = [left + scrollX, top + scrollY, right + scrollX, bottom + scrollY].map(Math.round);
  return [box.closest("figure, .interactive").id || box.alt, corners, !!box.closest(".tag_keep-colours")];
})"""


def figure_contrasts(tab):
    """Of each figure in each theme: the contrasts of its ground with the page and of its ink with its ground, and
    whether it keeps its colours in the dark.

    What stands beside figures leaves the page, so that one picture of a theme shows all of them.
    """
    if tab.query_selector(f".bd-article {FIGURE}") is None:  # or all of a long page would be pictured
        return {theme: {} for theme in THEMES}
    tab.evaluate(ALONE, FIGURE)
    style = tab.add_style_tag(content=".beside { display: none !important; }")
    found = {}
    for theme in reversed(THEMES):
        use_theme(tab, theme)
        page = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        page = tuple(map(int, re.findall(r"\d+", page)[:3]))
        whole = Image.open(io.BytesIO(tab.screenshot(full_page=True, animations="disabled"))).convert("RGB")
        found[theme] = {}
        for name, corners, card in tab.evaluate(PLACES, FIGURE):
            picture = whole.crop(corners)
            colours = sorted(picture.getcolors(picture.width * picture.height), reverse=True)
            ground = colours[0][1]
            ink = max(contrast(colour, ground) for count, colour in colours if count >= 5)
            found[theme][name] = (round(contrast(ground, page), 1), round(ink, 1), card)
    style.evaluate("style => style.remove()")
    return found


# Of each figure the smallest letters as they are seen, in pixels, and whether it is seen up to its edges. A picture has
# no letters below SMALLEST, which the rules see to; its pixels are two for each of the hundred of an inch.
LETTERS = """smallest => [...document.querySelectorAll(".bd-article :is(figure, .cell_output) img, .interactive svg")]
.filter(shown => !shown.closest(".math") && (shown.closest(".interactive") || !shown.src.endsWith(".svg")))
.map(shown => {
  shown.scrollIntoView({block: "center", inline: "nearest"});
  const {left, right, top, width, height} = shown.getBoundingClientRect();
  const seen = [left + 2, right - 2].every(x => shown.contains(document.elementFromPoint(x, top + height / 2)));
  const texts = [...shown.querySelectorAll("text")].filter(text => text.textContent.trim());
  const sizes = texts.map(text => {
    const {a, b} = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
  });
  const drawn = smallest / 72 * 200 * width / (shown.naturalWidth || Infinity);
  return [shown.closest("figure")?.id || shown.alt, Math.min(...sizes, shown.naturalWidth ? drawn : Infinity), seen];
})"""
# Where there is room the picture of a chapter is wider than the text, and with its sliders no higher than the window.
WIDE = """() => [...document.querySelectorAll(".bd-article figure.wide")].map(figure => {
  const boxes = [
    figure.querySelector(".interactive > :is(img, .interactive-chart)"), figure.querySelector(".interactive"),
    figure.closest("section")];
  const [still, all, text] = boxes.map(box => box.getBoundingClientRect());
  return {over: still.width - text.width, height: all.height, lost: Math.max(0, still.right - innerWidth)};
})"""
# Code, formulas and tables scroll inside themselves; nothing else may.
TOO_WIDE = """() => [...document.querySelectorAll("*")].filter(box =>
  box.scrollWidth > box.clientWidth + 1
  && (box === document.documentElement || /auto|scroll/.test(getComputedStyle(box).overflowX))
  && !box.matches("pre, div.math, span.wide, .pst-scrollable-table-container")
).map(box => box.outerHTML.slice(0, 100))"""
# A formula that is wider than the page shows its beginning first.
BEGUN = """() => [...document.querySelectorAll(".bd-article div.math")].filter(box => {
  const formula = box.querySelector("mjx-container");
  return formula && formula.getBoundingClientRect().left < box.getBoundingClientRect().left - 2;
}).map(box => box.outerHTML.slice(0, 100))"""
# What lies beyond the column and cannot be scrolled to is lost.
CUT = """() => {
  const article = document.querySelector(".bd-article").getBoundingClientRect();
  const scrolls = box => box && box !== document.documentElement
    && (/auto|scroll/.test(getComputedStyle(box).overflowX) || scrolls(box.parentElement));
  const cut = [...document.querySelectorAll(".bd-article *")].filter(box => {
    const {width, right} = box.getBoundingClientRect();
    return width && right > article.right + 1 && !scrolls(box)
      && !box.closest("mjx-assistive-mml, svg, .vega-embed") && !box.parentElement.closest("mjx-container");
  });
  const page = document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
  return [...page, ...cut.map(box => `${box.tagName} ${box.className} ${box.textContent.slice(0, 60)}`)];
}"""
# Beside the contents, no line of a cell is broken, unless the reader has unfolded it; what is shown from the package
# has lines of up to 120 columns.
BROKEN_LINES = """() => [...document.querySelectorAll(".bd-article pre")].filter(box => {
  if (!box.closest(".cell_input") || box.closest("details.hide")) return false;
  const space = box.style.whiteSpace;
  box.style.whiteSpace = "pre";
  const cut = box.scrollWidth > box.clientWidth + 1;
  box.style.whiteSpace = space;
  return cut;
}).map(box => box.innerText.slice(0, 60))"""
# Neither code nor a table scrolls there, and on a phone no code does.
SCROLLING = """boxes => [...document.querySelectorAll(boxes)].filter(box => box.scrollWidth > box.clientWidth + 1
).map(box => box.innerText.slice(0, 60))"""
CODE = ".bd-article div:is(.cell_input, [class*='highlight-']):not(.cell_output *) pre"
TABLES = ".bd-article .pst-scrollable-table-container"
# What scrolls sideways shows at which of its edges there is more, before and after it was pushed to its end.
UNHINTED = """async () => {
  const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const all = ".bd-article :is(pre, div.math, span.wide, .pst-scrollable-table-container)";
  const wide = [...document.querySelectorAll(all)].filter(box => box.scrollWidth > box.clientWidth + 1);
  const shows = (box, more) => box.dataset.more === more && getComputedStyle(box).maskImage !== "none";
  const faults = wide.filter(box => !shows(box, "right"));
  for (const box of wide) box.scrollLeft = 1e6;
  await painted();
  faults.push(...wide.filter(box => !shows(box, "left")));
  for (const box of wide) box.scrollLeft = 0;
  await painted();
  return {found: wide.length, faults: faults.map(box => box.outerHTML.slice(0, 100))};
}"""
# A formula in a line ends with the line, or scrolls inside it.
LEAVING = """() => {
  const {right} = document.querySelector(".bd-article").getBoundingClientRect();
  return [...document.querySelectorAll(".bd-article span.math > mjx-container")].filter(formula =>
    formula.getBoundingClientRect().right > right + 1
    && !formula.closest("span.wide, .pst-scrollable-table-container, div.math")
  ).map(formula => formula.parentElement.outerHTML.slice(0, 100));
}"""
# Contrast takes axe long, and thousands of words share few colours: one of each colour, size and ground is asked.
# Formulas take the colour of their text; they and the words of code that are not asked leave the page.
SAMPLE = """() => {
  for (const formula of document.querySelectorAll("mjx-container")) formula.remove();
  const seen = new Set(), asked = [], left = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    let ground = element;
    while (ground.parentElement && /, 0\\)$/.test(getComputedStyle(ground).backgroundColor)) {
      ground = ground.parentElement;
    }
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const key = [element.className, color, fontSize, fontWeight, getComputedStyle(ground).backgroundColor].join();
    if (!seen.has(key)) asked.push(element);
    else if (element.matches(".highlight span, dt.sig span, code span")) left.push(element);
    seen.add(key);
  }
  for (const element of asked) element.classList.add("sample");
  for (const element of left) element.replaceWith(...element.childNodes);
}"""
AXE_CORE = str(Path(__file__).parent / "axe-core" / "axe.min.js")  # 4.14.1, as npm has it; its licence lies beside it
AXE = """async (tags) => {
  const {violations} = await axe.run({runOnly: tags, rules: {"color-contrast": {enabled: false}}});
  return violations;
}"""
CONTRAST = "async () => (await axe.run({include: ['.sample']}, {runOnly: ['color-contrast']})).violations"


def places(rules) -> list[str]:
    return [f"{rule['id']}: {node['html'][:200]}" for rule in rules for node in rule["nodes"]]


def faults_of(tab) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA on a page as it is now, one line for each place."""
    tab.add_script_tag(path=AXE_CORE)
    tab.evaluate(SAMPLE)
    return places([*tab.evaluate(AXE, WCAG), *tab.evaluate(CONTRAST)])


def accessibility_faults(tab) -> dict[str, list[str]]:
    """The same in each theme; only contrast can differ between them."""
    tab.add_script_tag(path=AXE_CORE)
    tab.evaluate(SAMPLE)
    found, faults = tab.evaluate(AXE, WCAG), {}
    for theme in THEMES:
        use_theme(tab, theme)
        faults[theme] = places([*found, *tab.evaluate(CONTRAST)])
    return faults


def settle(figure):
    """Wait until the chart has drawn what its sliders say."""
    figure.evaluate("async figure => { await figure.__vegaView.runAsync(); }")


def push(tab, control, how):
    """Move a slider, or choose another entry of a list, as a person does."""
    if how == "key":
        control.focus()
        keys = control.evaluate(
            "c => c.options ? [c.selectedIndex < c.options.length - 1, 'ArrowDown', 'ArrowUp']"
            " : [+c.value < +c.max, 'ArrowRight', 'ArrowLeft']"
        )
        tab.keyboard.press(keys[1] if keys[0] else keys[2])
    else:
        box = control.bounding_box()
        far = control.evaluate("s => 2 * s.value > +s.min + +s.max ? 0.15 : 0.85")
        tab.mouse.click(box["x"] + far * box["width"], box["y"] + box["height"] / 2)


# The bars that are longer than their panel, though nothing cuts them there.
BARS_OUTSIDE = """figure => [...figure.querySelectorAll("g.mark-rect.role-mark path")].filter(bar => {
  if (bar.closest("[clip-path]")) return false;
  const panel = bar.closest(".mark-group").querySelector(".background").getBoundingClientRect();
  const {left, right, top, bottom} = bar.getBoundingClientRect();
  return left < panel.left - 2 || right > panel.right + 2 || top < panel.top - 2 || bottom > panel.bottom + 2;
}).length"""


def bars_past_their_axis(figure):
    """Put each slider at its ends, the others at their beginning; a line wherever a bar is longer than its axis."""
    places = "s => [s.name, +s.value, +s.min, +s.max]"
    sliders = figure.evaluate(f"figure => [...figure.querySelectorAll('input[type=range]')].map({places})")
    found = []
    for name, start, low, high in sliders:
        for at in (low, high, start):
            figure.evaluate("async (f, [name, to]) => { await f.__vegaView.signal(name, to).runAsync(); }", [name, at])
            if count := figure.evaluate(BARS_OUTSIDE):
                found.append(f"{name} at {at}: {count}")
    return found


def pushed_controls(tab, figure):
    """Push each control by keyboard and each slider by mouse; one line for each push that does nothing."""
    figure.evaluate("figure => figure.querySelectorAll('details').forEach(fold => fold.open = true)")
    controls = figure.query_selector_all("input[type=range], select")
    dead = [] if controls else ["no control"]
    for control in controls:
        control.evaluate("control => control.scrollIntoView({block: 'center'})")
        slider = control.evaluate("control => control.type === 'range'")
        for how in ("key", "mouse")[: 1 + slider]:
            picture, value = figure.query_selector("svg").inner_html(), control.input_value()
            push(tab, control, how)
            settle(figure)
            shown = control.evaluate("control => control.closest('label').lastElementChild.textContent")
            moved = control.input_value() != value and figure.query_selector("svg").inner_html() != picture
            if not moved or (slider and float(shown) != float(control.input_value())):
                name = control.get_attribute("name")
                dead.append(f"{name} by {how}: {value} to {control.input_value()}, shown {shown}")
    return dead + dragged(tab, figure) + played(tab, figure)


def played(tab, figure):
    """Press each button that plays a slider: at once at its end where motion is unwanted, else on its way there."""
    dead = []
    for button in figure.query_selector_all(".interactive-play"):
        values = "figure => [...figure.querySelectorAll('input')].map(slider => +slider.value)"
        before, picture = figure.evaluate(values), figure.query_selector("svg").inner_html()
        button.press("Enter")
        settle(figure)
        at_end = figure.evaluate("figure => [...figure.querySelectorAll('input')].some(s => s.value === s.max)")
        if not at_end or before == figure.evaluate(values) or picture == figure.query_selector("svg").inner_html():
            dead.append(f"{button.inner_text()} does not go to the end")
        tab.emulate_media(reduced_motion="no-preference")
        button.press("Enter")
        began = figure.evaluate(values)
        anew = "([figure, began]) => `${[...figure.querySelectorAll('input')].map(slider => +slider.value)}` !== began"
        tab.wait_for_function(anew, arg=[figure, ",".join(f"{value:g}" for value in began)])
        button.press("Enter")
        tab.emulate_media(reduced_motion="reduce")
    return dead


def dragged(tab, figure):
    """Drag across the panel that answers to it; a line if this moves no slider, or does not move the picture."""
    panel = figure.query_selector(".drag_group > g > .background")
    if panel is None:
        return []
    panel.evaluate("panel => panel.scrollIntoView({block: 'center'})")
    box, seen = panel.bounding_box(), []
    for far, button in ((0.2, tab.mouse.down), (0.9, tab.mouse.up)):
        tab.mouse.move(box["x"] + far * box["width"], box["y"] + far * box["height"])
        button()
        settle(figure)
        values = figure.evaluate("figure => [...figure.querySelectorAll('input')].map(slider => slider.value)")
        seen.append((values, figure.query_selector("svg").inner_html()))
    return ["a drag"] * any(before == after for before, after in zip(*seen, strict=True))


def computed(figure, position):
    """Put the controls in a position; return the values that they take, and all rows of numbers that the page has."""
    text = figure.evaluate(
        """async (figure, position) => {
          const values = {};
          for (const [name, value] of Object.entries(position)) {
            const control = figure.querySelector(`[name='${name}']`);
            control.value = value;
            for (const event of ["input", "change"]) control.dispatchEvent(new Event(event));
            values[name] = typeof value === "number" ? +control.value : control.value;
          }
          const view = figure.__vegaView;
          await view.runAsync();
          const names = Object.keys(view.getState({data: () => true, signals: () => false}).data);
          const plain = row => Object.fromEntries(
            Object.entries(row).filter(([, x]) => ["number", "string"].includes(typeof x)));
          const tables = Object.fromEntries(names.map(name => [name, view.data(name).map(plain)]));
          return JSON.stringify([values, tables], (_, x) => typeof x !== "number" || isFinite(x) ? x : `${x}`);
        }""",
        position,
    )
    values, tables = json.loads(text)  # Playwright takes seconds for thousands of rows, and JSON has no infinity
    for row in itertools.chain(*tables.values()):
        row.update({name: float(x) for name, x in row.items() if x in ("NaN", "Infinity", "-Infinity")})
    return values, tables


def on_paper(tab):
    """The number of the title on the screen and on paper, and what paper would cut."""
    shown = """() => [...document.querySelectorAll("h1 .section-number")].filter(box => box.checkVisibility())
      .map(box => box.textContent.trim())"""
    screen = tab.evaluate(shown)
    tab.emulate_media(media="print")
    paper, cut = tab.evaluate(shown), tab.evaluate(SCROLLING, ".bd-article pre")
    tab.emulate_media(media="screen")
    return screen, paper, cut


def resize(tab, width, height):
    """Give the window another size, and wait until the page has noticed and its charts are drawn anew."""
    alive = tab.evaluate("document.querySelectorAll('.interactive[data-ready]').length")
    tab.set_viewport_size({"width": width, "height": height})
    tab.wait_for_timeout(100)
    tab.wait_for_function("n => document.querySelectorAll('.interactive[data-ready]').length >= n", arg=alive)


def look_at(tab, address):
    """Everything that the tests ask about one page."""
    requests, console, failed = [], [], []

    def on_response(response):
        requests.append(response.url)
        if response.status >= 400:
            failed.append(f"{response.status} {response.url}")

    listeners = {
        "response": on_response,
        "requestfailed": lambda request: failed.append(request.url),
        "pageerror": lambda error: console.append(str(error)),
        "console": lambda note: console.append(note.text) if note.type in ("error", "warning") else None,
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    seen = {
        "before the scripts": open_with_late_scripts(tab, address),
        "first load": list(requests),
        "shifts": tab.evaluate("window.shifts"),
        "raw math": tab.evaluate(
            "[...document.querySelectorAll('.bd-article .math')]"
            ".filter(m => !m.querySelector('mjx-container') || m.querySelector('mjx-merror')).map(m => m.textContent)"
        ),
        "solutions": unfold_solutions(tab),
        "copied": copied_cells(tab),
        "questions": answered_questions(tab),
    }
    tab.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    load_pictures(tab)
    seen["images"] = tab.evaluate(
        "[...document.images].map(i => ({source: i.src, alt: i.alt, loaded: i.naturalWidth > 0,"
        " room: i.hasAttribute('width') && i.hasAttribute('height'),"
        " sharp: i.src.endsWith('.svg') || i.naturalWidth >= 2 * i.getBoundingClientRect().width - 2}))"
    )
    seen["contrasts"] = figure_contrasts(tab)
    resize(tab, 1400, 900)
    wide = {"broken lines": tab.evaluate(BROKEN_LINES), 1400: tab.evaluate(SCROLLING, f"{TABLES}, .bd-article pre")}
    seen["wide"] = tab.evaluate(WIDE)
    resize(tab, 360, 800)
    places = "() => [...document.querySelectorAll('.interactive')].map(box => box.getBoundingClientRect().height)"
    seen["heights"] = [tab.evaluate(places)]
    figures = {figure.get_attribute("id").removesuffix("-chart"): figure for figure in open_figures(tab)}
    seen["heights"] += [tab.evaluate(places)]
    past = {name: bars_past_their_axis(figure) for name, figure in figures.items()}
    seen["bars past their axis"] = {name: lines for name, lines in past.items() if lines}
    seen["dead controls"] = [line for figure in figures.values() for line in pushed_controls(tab, figure)]
    seen["computed"] = {
        name: [computed(figure, position) for position in FIGURES[name].positions]
        for name, figure in figures.items()
        if name in FIGURES
    }
    seen["too wide"] = tab.evaluate(TOO_WIDE)
    tab.wait_for_timeout(100)  # until the page has noticed
    seen["unhinted"] = tab.evaluate(UNHINTED)
    seen["leaving"] = tab.evaluate(LEAVING)
    seen["scrolling"] = {**wide, 360: tab.evaluate(SCROLLING, CODE)}
    seen["numbers on paper"] = on_paper(tab)
    seen["opened at its end"] = tab.evaluate(BEGUN)
    seen["letters"] = tab.evaluate(LETTERS, SMALLEST)
    seen["cut"] = {}
    for width in (390, 320):
        resize(tab, width, 800)
        seen["cut"][width] = tab.evaluate(CUT)
    resize(tab, 360, 800)
    seen["axe"] = accessibility_faults(tab)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return {**seen, "requests": requests, "console": console, "failed": failed}
