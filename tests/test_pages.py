"""The built book in a browser: every page, in light and dark, wide and at the width of a phone.

What was seen on a page is in tests/visit.py; who visits which page is in conftest.py.
"""

import functools
import gzip
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import torch
import yaml
from bs4 import BeautifulSoup
from figures import FIGURES
from visit import AXE_CORE, CONTRAST, THEMES, resize

from tools.browser import PAGES, open_figures, open_page, use_theme
from tools.chapter import read, sliders
from tools.layout import HTML, ROOT, executable_chapters, notebook_chapters

CODE_PAGES = [chapter.relative_to(ROOT).with_suffix(".html").as_posix() for chapter in notebook_chapters()]
DRAWN = {
    chapter.relative_to(ROOT).with_suffix(".html").as_posix(): sliders(chapter.read_text(encoding="utf-8"))
    for chapter in executable_chapters()
}
HTML_SIZE = 300_000  # bytes
FIRST_LOAD = 700_000  # bytes, compressed
LETTERS = 9  # pixels, on a phone of 360
PICTURE = 130_000  # bytes; the largest holds twelve panels

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
@pytest.mark.parametrize("width", [390, 320])
def test_nothing_is_cut_on_a_narrow_phone(page, width, visits):
    assert visits(page)["cut"][width] == []


@every_page
def test_a_wide_formula_opens_at_its_beginning_on_a_phone(page, visits):
    assert visits(page)["opened at its end"] == []


@every_page
def test_what_scrolls_sideways_on_a_phone_shows_where_there_is_more(page, visits):
    assert visits(page)["unhinted"]["faults"] == []


@every_page
def test_no_formula_leaves_its_line_on_a_phone(page, visits):
    assert visits(page)["leaving"] == []


@every_page
def test_no_line_of_visible_code_is_broken_beside_the_contents(page, visits):
    assert visits(page)["scrolling"]["broken lines"] == []


@every_page
@pytest.mark.parametrize("width", [1400, 360])
def test_neither_code_nor_on_a_desktop_a_table_scrolls_sideways(page, width, visits):
    assert visits(page)["scrolling"][width] == []


@every_page
def test_paper_has_the_number_of_the_chapter_and_cuts_no_code(page, visits):
    screen, paper, cut = visits(page)["numbers on paper"]
    assert paper == screen
    assert len(paper) == (not page.startswith(("chapters/reference/", "chapters/index")))
    assert cut == []


@pytest.mark.usefixtures("site")
def test_every_page_names_its_icon_so_that_no_browser_asks_for_another():
    pages = [page for page in HTML.rglob("*.html") if "_static" not in page.parts]
    assert len(pages) > len(PAGES)
    without = [page.name for page in pages if 'rel="icon"' not in page.read_text(encoding="utf-8")[:20_000]]
    assert without == []


@every_page
def test_every_icon_is_in_the_font_of_the_book(page, visits):
    asked = [url.rsplit("/", 1)[1] for url in visits(page)["requests"] if re.search("icons|/fa-", url)]
    assert asked == ["icons.woff"]


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
    for name, (on_the_page, inside, card) in (*light.items(), *dark.items()):
        assert inside >= 7, f"the lines and letters of {name} stand out from its ground"
        assert on_the_page <= 1.1 or card, f"{name} has the page's ground, or keeps its colours on a card"


@every_page
def test_the_letters_of_every_figure_can_be_read_on_a_phone_and_none_is_cut(page, visits):
    letters = visits(page)["letters"]
    assert [(name, round(size, 1)) for name, size, _ in letters if size < LETTERS] == []
    assert [name for name, _, seen in letters if not seen] == []
    assert len(letters) >= len(DRAWN.get(page, []))


@every_page_with_code
def test_each_chapter_has_one_picture_that_is_wider_than_its_text_where_there_is_room(page, visits):
    (picture,) = visits(page)["wide"]
    assert picture["over"] > 0
    assert picture["lost"] == 0
    assert picture["height"] <= 900


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


@every_page_with_code
def test_no_bar_is_longer_than_its_axis_wherever_the_sliders_stand(page, visits):
    assert visits(page)["bars past their axis"] == {}


@every_page_with_code
def test_bars_begin_at_zero(page, site):  # noqa: ARG001 (the book is built)
    """A bar shows its value by its length, and so its axis has to begin at 0."""

    def channels(view):
        """The scales of x and y of all bars in a view, with those that it inherits."""
        mark = view.get("mark", {})
        if (mark if isinstance(mark, str) else mark.get("type")) == "bar":
            yield from (view.get("encoding", {}).get(axis, {}) for axis in "xy")
        inside = (view.get(kind, ()) for kind in ("layer", "vconcat", "hconcat"))
        for inner in itertools.chain(*inside, [view["spec"]] if "spec" in view else []):
            yield from channels({**inner, "encoding": {**view.get("encoding", {}), **inner.get("encoding", {})}})

    soup = BeautifulSoup(Path(HTML, page).read_text(encoding="utf-8"), "html.parser")
    for script in soup.select(".interactive script"):
        for channel in channels(json.loads(script.string)):
            scale = channel.get("scale") or {}
            if channel.get("type") == "quantitative" and scale.get("type") != "log" and not channel.get("bin"):
                assert scale.get("zero", True), (script.parent["id"], channel)
                assert min(scale.get("domain", [0])) <= 0, (script.parent["id"], channel)
    chapter = ROOT / page.replace(".html", ".md")
    for cell in read(chapter).cells:
        for kind, axis in ((r"\.bar\(", "y"), (r"\.barh\(", "x")):
            if re.search(kind, cell.source):
                begins = re.findall(rf"{axis}lim=\(([-\d.]+)", cell.source)
                assert all(float(begin) <= 0 for begin in begins), f"{chapter.name}:{cell.line}: {begins}"


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


def test_the_picture_of_a_chapter_grows_with_its_letters_and_shrinks_where_the_window_is_low(browser, site):
    grown = {}
    for height in (900, 650):
        tab = browser.new_page(viewport={"width": 1400, "height": height}, reduced_motion="reduce")
        open_page(tab, f"{site}chapters/imbalance/focal.html")
        figure = open_figures(tab)[0]
        svg, chart = (figure.query_selector(name).bounding_box() for name in ("svg", ".interactive-chart"))
        assert (svg["width"], svg["height"]) == (chart["width"], chart["height"])
        grown[height] = figure.evaluate("""figure => {
          const text = figure.querySelector("svg text");
          return parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().d;
        }""")
        tab.close()
    assert grown[900] > 14 > grown[650] > 10


def test_a_chart_that_is_alive_fits_a_window_of_another_width_and_keeps_its_values(browser, site):
    tab = browser.new_page(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    open_page(tab, f"{site}chapters/loss-and-metric/regression.html")
    figure = open_figures(tab)[0]
    tab.evaluate("document.querySelectorAll('.interactive details').forEach(fold => fold.open = true)")
    slider = figure.query_selector("[name=t2]")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    resize(tab, 360, 800)
    size = "figure => figure.querySelector('svg text').getScreenCTM().a"
    assert figure.evaluate(size) == pytest.approx(1, abs=0.03)
    assert tab.evaluate("[document.activeElement.name, document.activeElement.value]") == ["t2", "24"]
    assert figure.evaluate("figure => figure.__vegaView.signal('t2')") == 24
    tab.close()


@pytest.mark.parametrize(("page", "figure", "start", "end", "moved"), [
    ("loss-and-metric/regression", "fig-regression-sliders", 24.2, 70, {"t3": "70"}),  # the nearest
    ("imbalance/why-it-breaks", "fig-breaks-sliders", -2, 1.4, {"tau": "0.65"}),  # 1 - 2 * 0.4 / ln 9 = 0.636
])
def test_a_drag_moves_the_slider_that_is_nearest_or_goes_where_the_formula_says(page, figure, start, end, moved,
                                                                               browser, site):
    tab = browser.new_page(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    open_page(tab, f"{site}chapters/{page}.html")
    open_figures(tab)
    chart = tab.query_selector(f"#{figure}-chart")
    panel = chart.query_selector(".drag_group > g > .background")
    panel.scroll_into_view_if_needed()
    box, (low, high) = panel.bounding_box(), chart.evaluate("chart => chart.__vegaView.scale('drag_x').domain()")
    values = "chart => Object.fromEntries([...chart.querySelectorAll('input')].map(s => [s.name, s.value]))"
    before = chart.evaluate(values)
    for place, button in ((start, tab.mouse.down), (end, tab.mouse.up)):
        tab.mouse.move(box["x"] + box["width"] * (place - low) / (high - low), box["y"] + 20)
        button()
    tab.wait_for_timeout(100)
    assert chart.evaluate(values) == {**before, **moved}
    tab.close()


class Anchors(HTMLParser):
    """The places of a page, and the links on it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(file.read_text(encoding="utf-8"))

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
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    url, branch = config["url"], config["branch"]
    source = Path(page).with_suffix(".md").as_posix()
    notebook = Path(page).with_suffix(".ipynb").as_posix()
    up = "../" * page.count("/")
    soup = BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")
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


def test_words_that_a_search_has_found_can_be_read_in_both_themes(browser, site):
    context = browser.new_context(reduced_motion="reduce")
    tab = context.new_page()
    open_page(tab, f"{site}chapters/reference/glossary.html?highlight=entropy")
    tab.add_script_tag(path=AXE_CORE)
    tab.evaluate("document.querySelectorAll('.highlighted').forEach(word => word.classList.add('sample'))")
    assert tab.query_selector("nav .highlighted.sample")
    assert tab.query_selector("article .highlighted.sample")
    for theme in THEMES:
        use_theme(tab, theme)
        assert tab.evaluate(CONTRAST) == []
    context.close()


def test_page_can_be_read_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}chapters/imbalance/focal.html")
    still = tab.query_selector(".interactive img")
    assert still.is_visible()
    assert len(still.get_attribute("alt").split()) > 5
    assert still.bounding_box()["width"] >= 240
    assert tab.query_selector("article h1").is_visible()
    context.close()
