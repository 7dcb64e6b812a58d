"""The built book in a browser: every page, in light and dark, wide and at the width of a phone.

Each page is visited once, and what was seen there is kept for the tests (see conftest.py for who visits what).
"""

import functools
import gzip
import io
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_playwright_python
import pytest
import torch
import yaml
from book import ROOT, executable_chapters, notebook_chapters
from browser import HTML, PAGES, load_pictures, open_figures, use_theme, wait_until_ready
from bs4 import BeautifulSoup
from figures import FIGURES
from PIL import Image
from rules import read

CODE_PAGES = [chapter.relative_to(ROOT).with_suffix(".html").as_posix() for chapter in notebook_chapters()]
DRAWN = {
    chapter.relative_to(ROOT).with_suffix(".html").as_posix(): re.findall(
        r'plots\.interactive\([^"]*name="(fig-[\w-]+)"', "\n".join(cell.source for cell in read(chapter).cells)
    )
    for chapter in executable_chapters()
}
THEMES = ("light", "dark")
HTML_SIZE = 300_000  # bytes
FIRST_LOAD = 1_000_000  # bytes, compressed
PICTURE = 100_000  # bytes
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
    stills: stills.filter(i => seen(i) && i.alt && i.getBoundingClientRect().width >= 250).map(i => i.parentNode.id),
  };
}"""


def open_with_late_scripts(tab, address):
    """Open a page as over a slow line: first the text, and the scripts only when it has been read."""
    held, late = [], True
    tab.route(re.compile(r"\.js(\?|$)"), lambda route: held.append(route) if late else route.continue_())
    tab.goto(address, wait_until="commit")
    tab.wait_for_function("document.readyState === 'interactive'")
    readable = tab.evaluate(READABLE)
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
  return [box.closest("figure, .interactive").id || box.alt, corners];
})"""


def figure_contrasts(tab):
    """Of each figure in each theme: the contrast of its ground with the page, and of its ink with its ground.

    What stands beside figures leaves the page, so that one picture of a theme shows all of them.
    """
    tab.evaluate(ALONE, FIGURE)
    style = tab.add_style_tag(content=".beside { display: none !important; }")
    found = {}
    for theme in reversed(THEMES):
        use_theme(tab, theme)
        page = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        page = tuple(map(int, re.findall(r"\d+", page)[:3]))
        whole = Image.open(io.BytesIO(tab.screenshot(full_page=True, animations="disabled"))).convert("RGB")
        found[theme] = {}
        for name, corners in tab.evaluate(PLACES, FIGURE):
            picture = whole.crop(corners)
            colours = sorted(picture.getcolors(picture.width * picture.height), reverse=True)
            ground = colours[0][1]
            ink = max(contrast(colour, ground) for count, colour in colours if count >= 5)
            found[theme][name] = (round(contrast(ground, page), 1), round(ink, 1))
    style.evaluate("style => style.remove()")
    return found


# Code, formulas and tables scroll inside themselves; nothing else may.
TOO_WIDE = """() => [...document.querySelectorAll("*")].filter(box =>
  box.scrollWidth > box.clientWidth + 1
  && (box === document.documentElement || /auto|scroll/.test(getComputedStyle(box).overflowX))
  && !box.matches("pre, div.math, .pst-scrollable-table-container")
).map(box => box.outerHTML.slice(0, 100))"""
# Contrast takes axe long, and thousands of words share few colours: one of each colour, size and ground is asked.
# Formulas take the colour of their text; they and the words of code that are not asked leave the page.
SAMPLE = """() => {
  for (const formula of document.querySelectorAll("mjx-container")) formula.remove();
  const seen = new Set();
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    let ground = element;
    while (ground.parentElement && /, 0\\)$/.test(getComputedStyle(ground).backgroundColor)) {
      ground = ground.parentElement;
    }
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const key = [element.className, color, fontSize, fontWeight, getComputedStyle(ground).backgroundColor].join();
    if (!seen.has(key)) element.classList.add("sample");
    else if (element.matches(".highlight span, dt.sig span, code span")) element.replaceWith(...element.childNodes);
    seen.add(key);
  }
}"""
AXE = """async (tags) => {
  const {violations} = await axe.run({runOnly: tags, rules: {"color-contrast": {enabled: false}}});
  return violations;
}"""
CONTRAST = "async () => (await axe.run({include: ['.sample']}, {runOnly: ['color-contrast']})).violations"


def accessibility_faults(tab):
    """What axe-core finds against WCAG 2.2 AA in each theme, one line for each place."""
    faults = {}
    tab.add_script_tag(path=str(Path(axe_playwright_python.__file__).with_name("axe.min.js")))
    tab.evaluate(SAMPLE)
    found = tab.evaluate(AXE, WCAG)
    for theme in THEMES:
        use_theme(tab, theme)
        both = [*found, *tab.evaluate(CONTRAST)]
        faults[theme] = [f"{rule['id']}: {node['html'][:200]}" for rule in both for node in rule["nodes"]]
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


def pushed_controls(tab, figure):
    """Push each control by keyboard and each slider by mouse; one line for each push that does nothing."""
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
    return dead


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
    }
    tab.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    load_pictures(tab)
    seen["images"] = tab.evaluate(
        "[...document.images].map(i => ({source: i.src, alt: i.alt, loaded: i.naturalWidth > 0,"
        " room: i.hasAttribute('width') && i.hasAttribute('height'),"
        " sharp: i.src.endsWith('.svg') || i.naturalWidth >= 2 * i.getBoundingClientRect().width - 2}))"
    )
    seen["contrasts"] = figure_contrasts(tab)
    tab.set_viewport_size({"width": 360, "height": 800})
    places = "() => [...document.querySelectorAll('.interactive')].map(box => box.getBoundingClientRect().height)"
    seen["heights"] = [tab.evaluate(places)]
    figures = {figure.get_attribute("id").removesuffix("-chart"): figure for figure in open_figures(tab)}
    seen["heights"] += [tab.evaluate(places)]
    seen["dead controls"] = [line for figure in figures.values() for line in pushed_controls(tab, figure)]
    seen["computed"] = {
        name: [computed(figure, position) for position in FIGURES[name].positions]
        for name, figure in figures.items()
        if name in FIGURES
    }
    seen["too wide"] = tab.evaluate(TOO_WIDE)
    seen["axe"] = accessibility_faults(tab)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return {**seen, "requests": requests, "console": console, "failed": failed}


@pytest.fixture(scope="session")
def visits(tab, site):
    return functools.cache(lambda page: look_at(tab, site + page))


every_page = pytest.mark.parametrize("page", PAGES)
every_page_with_code = pytest.mark.parametrize("page", CODE_PAGES)


@every_page
def test_page_asks_no_other_host_and_nothing_fails(page, visits, site):
    visit = visits(page)
    assert [url for url in visit["requests"] if not url.startswith((site, "data:"))] == []
    assert visit["failed"] == []
    assert visit["console"] == []


@every_page
@pytest.mark.parametrize("theme", THEMES)
def test_page_is_accessible(page, theme, visits):
    assert visits(page)["axe"][theme] == []


@every_page
def test_page_does_not_scroll_sideways_on_a_phone(page, visits):
    assert visits(page)["too wide"] == []


@every_page
def test_every_formula_is_rendered(page, visits):
    assert visits(page)["raw math"] == []


@every_page
def test_every_picture_is_loaded_described_sharp_and_has_its_room(page, visits):
    poor = [image for image in visits(page)["images"] if not all(image.values())]
    assert poor == []


@every_page
def test_every_picture_is_light(page, visits, site):
    files = [HTML / image["source"].removeprefix(site) for image in visits(page)["images"]]
    weights = {file.name: len(compressed(file)) for file in files}
    assert [(name, weight) for name, weight in weights.items() if weight > PICTURE] == []


@every_page
def test_every_figure_can_be_read_in_both_themes(page, visits):
    light, dark = (visits(page)["contrasts"][theme] for theme in THEMES)
    assert set(light) == set(dark)
    assert set(light) >= {f"{name}-chart" for name in DRAWN.get(page, [])}
    for on_the_page, inside in (*light.values(), *dark.values()):
        assert inside >= 7, "the lines and letters of a figure stand out from its ground"
        assert on_the_page <= 1.1 or on_the_page >= 3, "a figure has the page's ground, or is a card on it"


@every_page
def test_first_load_is_light_and_does_not_jump(page, visits, site, record_property):
    visit = visits(page)
    kilobytes = [round(size / 1000) for size in ((HTML / page).stat().st_size, first_load(visit, site))]
    other_hosts = sum(not url.startswith((site, "data:")) for url in visit["requests"])
    faults = [len(visit["axe"][theme]) for theme in THEMES]
    record_property("page", [page, *kilobytes, round(visit["shifts"], 3), other_hosts, *faults])
    assert (HTML / page).stat().st_size <= HTML_SIZE
    assert first_load(visit, site) <= FIRST_LOAD
    assert visit["shifts"] <= 0.1  # the bound that Chromium's own guidance calls good


@functools.cache
def compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes())


def first_load(visit, site) -> int:
    """The compressed size in bytes of all that a page asks for until it is ready."""
    files = {HTML / urlsplit(url).path.lstrip("/") for url in visit["first load"] if url.startswith(site)}
    return sum(len(compressed(file)) for file in files)


@every_page
def test_page_can_be_read_before_its_scripts_have_loaded(page, visits):
    before = visits(page)["before the scripts"]
    assert before["scripts"] > 3, "the scripts were really held back"
    assert before["title"]
    assert before["hidden"] == []
    assert before["stills"] == [f"{name}-chart" for name in DRAWN.get(page, [])]


@every_page_with_code
def test_solutions_open_by_keyboard(page, visits):
    solutions = visits(page)["solutions"]
    assert len(solutions) >= 5
    assert set(solutions) == {(True, True)}


@every_page_with_code
def test_copy_buttons_copy_the_cell(page, visits):
    copied = visits(page)["copied"]
    assert len(copied) == 2
    assert all(copy == cell and cell for copy, cell in copied)


@every_page_with_code
def test_interactive_figure_keeps_its_place_when_it_comes_to_life(page, visits):
    stills, alive = visits(page)["heights"]
    assert len(stills) == len(DRAWN[page]) > 0
    assert alive == stills


@every_page_with_code
def test_sliders_answer_to_keys_and_to_the_mouse(page, visits):
    assert visits(page)["dead controls"] == []


@pytest.mark.parametrize(("page", "figure"), [(page, name) for page, names in DRAWN.items() for name in names])
def test_interactive_figure_computes_what_lossbook_computes(page, figure, visits):
    assert figure in FIGURES, f"tests/figures.py has no row for {figure}: nothing compares what it computes"
    positions = visits(page)["computed"][figure]
    assert len(positions) >= 3
    for wanted, (values, tables) in zip(FIGURES[figure].positions, positions, strict=True):
        assert {name: pytest.approx(value) for name, value in wanted.items()} == values
        pairs = list(FIGURES[figure].pairs(values, tables))
        assert pairs
        for found, exact in pairs:
            exact = torch.as_tensor(exact, dtype=torch.float64).flatten().tolist()
            assert found == pytest.approx(exact, rel=1e-6, abs=1e-9), values


class Anchors(HTMLParser):
    """The places of a page, and the links on it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


anchors = functools.cache(Anchors)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("page", ["index.html", "genindex.html", "search.html", *PAGES])
def test_internal_links_lead_somewhere(page):
    broken = []
    for link in anchors(HTML / page).links:
        target, fragment = urldefrag(urljoin(f"/{page}", link))
        if urlsplit(target).scheme:
            continue
        file = HTML / unquote(urlsplit(target).path).lstrip("/")
        anchored = not fragment or (file.is_file() and unquote(fragment) in anchors(file).ids)
        if not file.is_file() or not anchored:
            broken.append(link)
    assert broken == []


@pytest.mark.usefixtures("site")
@every_page
def test_links_under_the_title_come_from_the_repository_address(page):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    url, branch = config["url"], config["branch"]
    source = Path(page).with_suffix(".md").as_posix()
    notebook = Path(page).with_suffix(".ipynb").as_posix()
    up = "../" * page.count("/")
    soup = BeautifulSoup((HTML / page).read_text(), "html.parser")
    links = {link.text: link["href"] for link in soup.select(".page-links a")}
    expected = {
        "Source": f"{up}_sources/{source}",
        "Edit": f"{url}/edit/{branch}/{source}",
        "Report an issue": f"{url}/issues/new?title={source}%3A%20",
    }
    if page == PAGES[0]:
        expected["Repository"] = url
        shapes = {"Download EPUB": "lossbook.epub", "Download PDF": "lossbook.pdf"}
        expected |= {text: f"{up}{file}" for text, file in shapes.items() if (HTML / file).exists()}
    if page in CODE_PAGES:
        colab = url.replace("https://github.com", "https://colab.research.google.com/github")
        expected["Open in Colab"] = f"{colab}/blob/{branch}/{notebook}"
        expected["Download notebook"] = f"{up}{notebook}"
        expected["Slides"] = f"{up}slides/{Path(page).stem}.html"
        assert (HTML / notebook).read_bytes() == (ROOT / notebook).read_bytes()
    assert links == expected
    assert (HTML / "_sources" / source).read_bytes() == (ROOT / source).read_bytes()


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("entropy", "chapters/information-theory/entropy.html"),
        ("focal", "chapters/imbalance/focal.html"),
        ("손실 함수", "chapters/reference/glossary.html"),
        ("엔트로피", "chapters/reference/glossary.html"),
    ],
)
def test_search_finds(word, address, tab, site):
    tab.goto(f"{site}search.html?q={word}")
    tab.wait_for_selector("#search-results li a")
    found = [link.get_attribute("href") for link in tab.query_selector_all("#search-results li a")]
    assert any(address in href for href in found)


def test_page_can_be_read_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}chapters/imbalance/focal.html")
    still = tab.query_selector(".interactive img")
    assert still.is_visible()
    assert len(still.get_attribute("alt").split()) > 5
    assert still.bounding_box()["width"] >= 250
    assert tab.query_selector("article h1").is_visible()
    context.close()
