"""The built book in a browser: every page, in light and dark, wide and at the width of a phone.

Each page is visited once, and what was seen there is kept for the tests.
"""

import functools
import gzip
import http.server
import json
import math
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_playwright_python
import numpy as np
import pytest
import torch
import yaml
from book import ROOT, chapters, notebook_chapters
from bs4 import BeautifulSoup

import lossbook
from lossbook import information

HTML = Path(os.environ.get("LOSSBOOK_HTML", ROOT / "_build" / "html"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = [chapter.relative_to(ROOT).with_suffix(".html").as_posix() for chapter in chapters()]
CODE_PAGES = [chapter.relative_to(ROOT).with_suffix(".html").as_posix() for chapter in notebook_chapters()]
FIRST_LOAD = 1_000_000  # bytes, compressed
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LAYOUT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def missing() -> str | None:
    if CHROMIUM is None:
        return "no Chromium on this machine: install the package chromium"
    if not (HTML / PAGES[0]).exists():
        return f"no book in {HTML}: run make book"
    return None


@pytest.fixture(scope="session")
def site():
    """The address of the built book, served from this machine."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=HTML)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser(site):  # noqa: ARG001 (without a book no browser is started)
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tab(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))
    context.add_init_script(LAYOUT_SHIFTS)
    yield context.new_page()
    context.close()


def open_page(tab, address):
    tab.goto(address)
    tab.wait_for_function("document.documentElement.dataset.ready")


def open_figures(tab):
    """Bring each interactive figure into view and wait until it answers."""
    figures = tab.query_selector_all(".interactive")
    for figure in figures:
        figure.scroll_into_view_if_needed()
        tab.wait_for_function("figure => figure.dataset.ready", arg=figure)
    return figures


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
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        both = [*found, *tab.evaluate(CONTRAST)]
        faults[theme] = [f"{rule['id']}: {node['html'][:200]}" for rule in both for node in rule["nodes"]]
    return faults


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
    open_page(tab, address)
    seen = {
        "first load": list(requests),
        "shifts": tab.evaluate("window.shifts"),
        "raw math": tab.evaluate(
            "[...document.querySelectorAll('.bd-article .math')]"
            ".filter(m => !m.querySelector('mjx-container') || m.querySelector('mjx-merror')).map(m => m.textContent)"
        ),
    }
    tab.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    open_figures(tab)
    tab.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    tab.wait_for_function("[...document.images].every(image => image.complete)")
    seen["images"] = tab.evaluate(
        "[...document.images].map(i => ({source: i.src.slice(0, 80), alt: i.alt, loaded: i.naturalWidth > 0,"
        " room: i.hasAttribute('width') && i.hasAttribute('height')}))"
    )
    tab.set_viewport_size({"width": 360, "height": 800})
    tab.wait_for_timeout(100)
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
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_accessible(page, theme, visits):
    assert visits(page)["axe"][theme] == []


@every_page
def test_page_does_not_scroll_sideways_on_a_phone(page, visits):
    assert visits(page)["too wide"] == []


@every_page
def test_every_formula_is_rendered(page, visits):
    assert visits(page)["raw math"] == []


@every_page
def test_every_picture_is_loaded_described_and_has_its_room(page, visits):
    poor = [image for image in visits(page)["images"] if not all(image.values())]
    assert poor == []


@every_page
def test_first_load_is_light_and_does_not_jump(page, visits, site, record_property):
    visit = visits(page)
    kilobytes = [round(size / 1000) for size in ((HTML / page).stat().st_size, first_load(visit, site))]
    other_hosts = sum(not url.startswith((site, "data:")) for url in visit["requests"])
    faults = [len(visit["axe"][theme]) for theme in ("light", "dark")]
    record_property("page", [page, *kilobytes, other_hosts, *faults])
    assert (HTML / page).stat().st_size <= 300_000
    assert first_load(visit, site) <= FIRST_LOAD
    assert visit["shifts"] <= 0.1  # the bound that Chromium's own guidance calls good


def first_load(visit, site) -> int:
    """The compressed size in bytes of all that a page asks for until it is ready."""
    files = {HTML / urlsplit(url).path.lstrip("/") for url in visit["first load"] if url.startswith(site)}
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


@functools.cache
def parsed(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text(), "html.parser")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("page", ["index.html", *PAGES])
def test_internal_links_lead_somewhere(page):
    broken = []
    for link in parsed(HTML / page).find_all("a", href=True):
        target, fragment = urldefrag(urljoin(f"/{page}", link["href"]))
        if urlsplit(target).scheme:
            continue
        file = HTML / unquote(urlsplit(target).path).lstrip("/")
        anchored = not fragment or (file.is_file() and parsed(file).find(id=unquote(fragment)))
        if not file.is_file() or not anchored:
            broken.append(link["href"])
    assert broken == []


@pytest.mark.usefixtures("site")
@every_page
def test_links_under_the_title_come_from_the_repository_address(page):
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    url, branch = config["url"], config["branch"]
    source = Path(page).with_suffix(".md").as_posix()
    notebook = Path(page).with_suffix(".ipynb").as_posix()
    up = "../" * page.count("/")
    links = {link.text: link["href"] for link in parsed(HTML / page).select(".page-links a")}
    expected = {
        "Source": f"{up}_sources/{source}",
        "Edit": f"{url}/edit/{branch}/{source}",
        "Report an issue": f"{url}/issues/new?title={source}%3A%20",
    }
    if page == PAGES[0]:
        expected["Repository"] = url
    if page in CODE_PAGES:
        colab = url.replace("https://github.com", "https://colab.research.google.com/github")
        expected["Open in Colab"] = f"{colab}/blob/{branch}/{notebook}"
        expected["Download notebook"] = f"{up}{notebook}"
        assert (HTML / notebook).read_bytes() == (ROOT / notebook).read_bytes()
    assert links == expected
    assert (HTML / "_sources" / source).read_bytes() == (ROOT / source).read_bytes()


@every_page_with_code
def test_solutions_open_by_keyboard(page, tab, site):
    open_page(tab, site + page)
    solutions = tab.query_selector_all("details.solution")
    assert solutions
    for solution in solutions:
        assert solution.get_attribute("open") is None
        solution.query_selector("summary").focus()
        tab.keyboard.press("Enter")
        assert solution.get_attribute("open") is not None


@every_page_with_code
def test_copy_button_copies_the_cell(page, tab, site):
    tab.set_viewport_size({"width": 1280, "height": 900})
    open_page(tab, site + page)
    cell = tab.query_selector("div.cell_input div.highlight")
    cell.hover()
    cell.query_selector("button.copybtn").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.query_selector("pre").inner_text().strip()


@every_page_with_code
def test_interactive_figure_keeps_its_place_when_it_comes_to_life(page, tab, site):
    tab.set_viewport_size({"width": 360, "height": 800})
    open_page(tab, site + page)
    stills = [figure.bounding_box() for figure in tab.query_selector_all(".interactive")]
    assert stills
    assert [figure.bounding_box()["height"] for figure in open_figures(tab)] == [box["height"] for box in stills]


@every_page_with_code
def test_sliders_answer_to_keys_and_to_the_mouse(page, tab, site):
    tab.set_viewport_size({"width": 1280, "height": 900})
    open_page(tab, site + page)
    for figure in open_figures(tab):
        for slider in figure.query_selector_all("input[type=range]"):
            picture = figure.query_selector("svg").inner_html()
            for act in ("key", "mouse"):
                before, value = picture, slider.input_value()
                if act == "key":
                    slider.focus()
                    tab.keyboard.press("ArrowRight")
                else:
                    box = slider.bounding_box()
                    far = slider.evaluate("s => 2 * s.value > +s.min + +s.max ? 0.15 : 0.85")
                    tab.mouse.click(box["x"] + far * box["width"], box["y"] + box["height"] / 2)
                settle(figure)
                picture = figure.query_selector("svg").inner_html()
                assert slider.input_value() != value
                assert picture != before
                shown = slider.evaluate("slider => slider.closest('label').lastElementChild.textContent")
                assert float(shown) == float(slider.input_value())


def settle(figure):
    """Wait until the chart has drawn what its sliders say."""
    figure.evaluate("async figure => { await figure.__vegaView.runAsync(); }")


def set_slider(figure, name, value):
    slider = figure.query_selector(f"input[name='{name}']")
    slider.evaluate("(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)
    settle(figure)
    return float(slider.input_value())


def table(figure, field):
    """The numbers of the first table of the chart, as the page holds it now, that has the given field."""
    return figure.evaluate(
        """(figure, field) => {
          const view = figure.__vegaView;
          const names = Object.keys(view.getState({data: () => true, signals: () => false}).data);
          const rows = names.map(name => view.data(name)).find(rows => typeof rows[0]?.[field] === "number");
          return rows.map(row => Object.fromEntries(Object.entries(row).filter(([, x]) => typeof x === "number")));
        }""",
        field,
    )


@pytest.mark.parametrize(("p_a", "share"), [(0.5, 0.5), (0.02, 0.9), (0.77, 0.31)])
def test_three_symbols_have_the_entropy_of_lossbook(p_a, share, tab, site):
    open_page(tab, site + "chapters/information-theory/entropy.html")
    (figure,) = open_figures(tab)
    p_a, share = set_slider(figure, "p_a", str(p_a)), set_slider(figure, "share", str(share))
    p = [p_a, (1 - p_a) * share, (1 - p_a) * (1 - share)]
    bits = information.information_content(p, base=2).tolist()
    assert [row["bits"] for row in table(figure, "bits")] == pytest.approx(bits)
    (total,) = table(figure, "most")
    assert total["H"] == pytest.approx(float(information.entropy(p, base=2)))
    assert total["most"] == pytest.approx(math.log2(3))


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.0, 0.5), (4.3, 0.9)])
def test_focal_curves_have_the_loss_of_lossbook(gamma, alpha, tab, site):
    open_page(tab, site + "chapters/imbalance/focal.html")
    (figure,) = open_figures(tab)
    gamma, alpha = set_slider(figure, "gamma", str(gamma)), set_slider(figure, "alpha", str(alpha))
    curve = table(figure, "background")
    assert len(curve) > 50
    p_t = torch.tensor([row["p_t"] for row in curve], dtype=torch.float64)
    for field, target in (("object", 1.0), ("background", 0.0)):
        logits = torch.logit(p_t) * (1 if target else -1)
        exact = lossbook.focal_loss(
            logits, torch.full_like(logits, target), gamma=gamma, alpha=alpha, reduction="none"
        )
        assert [row[field] for row in curve] == pytest.approx(exact.tolist(), rel=1e-9)


def test_menus_answer_to_keys_and_show_the_stored_differences(tab, site):
    tab.set_viewport_size({"width": 1280, "height": 900})
    open_page(tab, site + "chapters/imbalance/bake-off.html")
    (figure,) = open_figures(tab)
    stored = json.loads((ROOT / "bench" / "results" / "bakeoff.json").read_text())["rows"]

    def shown_as_stored():
        metric, ratio, baseline = (menu.input_value() for menu in figure.query_selector_all("select"))
        runs = {row["method"]: row[metric] for row in stored if row["set"] == f"digits, ratio {ratio}"}
        gains = [np.subtract(runs[method], runs[baseline]).mean() for method in runs if method != baseline]
        return sorted(row["mean"] for row in table(figure, "mean")) == pytest.approx(sorted(gains), abs=6e-5)

    assert shown_as_stored()
    menus = figure.query_selector_all("select")
    assert len(menus) == 3
    for menu in menus:
        before, value = figure.query_selector("svg").inner_html(), menu.input_value()
        menu.focus()
        last = menu.evaluate("menu => menu.selectedIndex === menu.length - 1")
        tab.keyboard.press("ArrowUp" if last else "ArrowDown")
        settle(figure)
        assert menu.input_value() != value
        assert figure.query_selector("svg").inner_html() != before
        assert shown_as_stored()


@pytest.mark.parametrize("word", ["entropy"])
def test_search_finds(word, tab, site):
    tab.goto(f"{site}search.html?q={word}")
    tab.wait_for_selector("#search-results li a")
    found = [link.get_attribute("href") for link in tab.query_selector_all("#search-results li a")]
    assert any("information-theory/entropy.html" in href for href in found)


@every_page_with_code
def test_page_can_be_read_without_scripts(page, browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + page)
    still = tab.query_selector(".interactive img")
    assert still.is_visible()
    assert len(still.get_attribute("alt").split()) > 5
    assert still.bounding_box()["width"] >= 250
    assert tab.query_selector("article h1").is_visible()
    context.close()
