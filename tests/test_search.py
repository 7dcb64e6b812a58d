"""The search: what is indexed of a page, and what a reader finds, by keyboard, on a phone, in the dark, from a file."""

import re

import pytest
from visit import THEMES, faults_of

from tools.browser import open_page, use_theme
from tools.layout import HTML
from tools.pages.search import copy_of, words_of

PAGE = "chapters/loss-and-metric/what-a-loss-is.html"


def copied(body: str, name: str = "chapters/part/page") -> str:
    return re.search(r"(?s)<main[^>]*>(.*)</main>", copy_of(name, body))[1]


@pytest.mark.parametrize(("body", "text"), [
    ('<section class="x" id="a">\n<span id="b"></span><h2>A</h2>', '<section>\n<span id="b"></span><h2 id="a">A</h2>'),
    ('<dt class="sig sig-object py" id="lossbook.f">\n<span class="sig-name descname"><span class="pre">f</span></span>'
     '<span class="sig-paren">(</span></dt>', '<h3 id="lossbook.f">f</h3>'),
    ('<dt id="term-hinge">Hinge loss</dt>', '<h3 id="term-hinge">Hinge loss</h3>'),
    (r'<span class="math notranslate">\(\gamma = 2\)</span>', "<span>γ = 2</span>"),
    (r'<span class="math notranslate">\(\lambda &lt; 1\)</span>', "<span>λ &lt; 1</span>"),
    (r'<span class="math notranslate">\(\frac{1}{2}\)</span>', "<span>…</span>"),
    ('<div class="math">\n\\[a\\]</div>', "<span>…</span>"),
    ('<div class="slide math" id="e">\n<span class="eqno">(5.3)<a>#</a></span>\\[a\\]</div>', "<span>…</span>"),
    ('<pre><span class="s2">r"$\\eta$, a share"</span></pre>', '<pre><span class="s2">r"…, a share"</span></pre>'),
])  # fmt: skip
def test_what_can_be_found_is_a_heading_with_an_address_and_no_formula_is_code(body, text):
    assert copied(body) == text


def test_words_of_a_list_count_less_than_those_of_what_teaches():
    weights = {
        name: re.search(r'data-pagefind-weight="([\d.]+)"', copy_of(f"chapters/{name}", "<h1>A</h1>"))
        for name in ("imbalance/focal", "reference/glossary", "reference/api-imbalance", "reference/choosing", "index")
    }
    assert weights.pop("imbalance/focal") is None
    weights = {name: float(found[1]) for name, found in weights.items()}
    assert weights["reference/glossary"] < weights["reference/api-imbalance"] == weights["reference/choosing"] < 1
    assert weights["index"] < 1


def test_a_slip_is_looked_for_among_the_words_of_headings():
    link = '<a class="headerlink">#</a>'
    words = words_of([f'<h2 id="a">Cross-entropy, focal{link}</h2><p>other', "<h3>pos_weight 2024</h3>"])
    assert words == ["cross", "crossentropy", "entropy", "focal", "pos_weight", "weight"]


@pytest.fixture(scope="module")
def reader(browser, site):
    """A tab, and what it has asked for."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    tab.asked, tab.noise = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: tab.noise.append(str(error)))
    open_page(tab, site + PAGE)
    yield tab
    assert tab.noise == []
    assert [url for url in tab.asked if not url.startswith((site, "data:"))] == []
    context.close()


def search(tab, query: str) -> list[tuple[str, str]]:
    """Open the window by keyboard and type; return the address and the words of each place found."""
    tab.keyboard.press("Control+k")
    tab.keyboard.press("Control+a")
    tab.keyboard.type(query)
    tab.wait_for_function("query => document.querySelector('dialog .search-found')?.dataset.query === query", arg=query)
    found = tab.query_selector_all("dialog .search-found li:not(.all)")
    places = [(place.query_selector("a").get_attribute("href"), place.inner_text()) for place in found]
    tab.keyboard.press("Escape")
    return places


def test_nothing_of_the_search_is_loaded_before_it_is_asked_for(reader, site):
    assert not [url for url in reader.asked if "pagefind" in url or "search" in url.removeprefix(site)]


@pytest.mark.parametrize(("query", "first"), [
    ("entropy", "information-theory/entropy.html"),
    ("focal", "imbalance/focal.html"),
    ("foccal", "imbalance/focal.html"),
    ("clas weigths", "imbalance/weighting.html"),
    ("crossentropy", "cross-entropy"),
    ("pos_weight", "cross-entropy/binary.html#what-pos-weight-asks-for"),
    ("focal_loss", "focal"),
    ("손실 함수", "reference/glossary.html#term-"),
    ("엔트로피", "reference/glossary.html#term-"),
])  # fmt: skip
def test_search_finds(query, first, reader):
    places = search(reader, query)
    assert first in places[0][0]
    assert [words for _, words in places if re.search(r"\\[a-z]+|\$", words)] == [], "a formula is no text"
    target, _, anchor = places[0][0].removeprefix(reader.url.split("chapters/")[0]).partition("#")
    assert f'id="{anchor}"' in (HTML / target).read_text(encoding="utf-8")


@pytest.mark.parametrize("query", ["entropy", "cross-entropy", "hinge", "calibration", "Huber"])
def test_chapters_come_before_the_glossary(query, reader):
    places = [address for address, _ in search(reader, query)]
    glossary = [place for place, address in enumerate(places) if "glossary" in address]
    assert all("reference/" not in address for address in places[:2])
    assert not glossary or min(glossary) > 3


def test_crossentropy_finds_what_cross_entropy_finds(reader):
    both = [search(reader, query) for query in ("crossentropy", "cross-entropy")]
    one, other = ({address.split("#")[0] for address, _ in places} for places in both)
    assert len(one) > 5
    assert one == other


def test_a_korean_word_is_found_with_its_particle(reader):
    assert "잡음이" in " ".join(words for _, words in search(reader, "잡음"))
    assert "정밀도의" in " ".join(words for _, words in search(reader, "정밀도"))


def test_a_slip_is_mended_and_the_reader_is_told(reader):
    search(reader, "foccal")
    assert reader.text_content("dialog [role=status]") == "Nothing has “foccal”. Shown is what has “focal”."
    assert search(reader, "qqqqq") == []
    assert reader.text_content("dialog [role=status]") == "Nothing has “qqqqq”."


def test_the_places_found_are_reached_by_the_arrows_and_opened_by_enter(reader, site):
    search(reader, "pos_weight")
    reader.keyboard.press("Control+k")
    stops = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp"):
        reader.keyboard.press(key)
        stops.append(reader.evaluate("document.activeElement.getAttribute('href')"))
    places = reader.eval_on_selector_all("dialog .search-found a", "links => links.map(a => a.getAttribute('href'))")
    assert stops == [places[0], places[1], places[0], None]
    reader.keyboard.press("Enter")
    reader.wait_for_url(f"{site}chapters/cross-entropy/binary.html#what-pos-weight-asks-for")
    open_page(reader, site + PAGE)


def test_the_icon_lies_before_the_words_and_the_ring_has_the_colour_of_links(reader):
    reader.keyboard.press("Control+k")
    icon, start, ring, link = reader.evaluate("""() => {
      const form = document.querySelector("dialog form"), input = form.querySelector("input");
      const probe = document.body.appendChild(document.createElement("a"));
      probe.style.color = "var(--pst-color-link)";
      return [form.querySelector("i").getBoundingClientRect().right,
        input.getBoundingClientRect().left + parseFloat(getComputedStyle(input).paddingLeft),
        getComputedStyle(form).boxShadow, getComputedStyle(probe).color];
    }""")
    reader.keyboard.press("Escape")
    assert start >= icon + 4
    assert ring.startswith(link)


@pytest.mark.parametrize("width", [1400, 360])
@pytest.mark.parametrize("theme", THEMES)
def test_the_window_is_accessible_and_fits(theme, width, browser, site):
    context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    tab = context.new_page()
    open_page(tab, site + PAGE)
    use_theme(tab, theme)
    assert search(tab, "foccal")
    tab.keyboard.press("Control+k")
    box = tab.query_selector("dialog .search-found").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= 800
    assert faults_of(tab) == []
    context.close()


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_of_all_places_is_accessible_and_keeps_its_address(theme, browser, site):
    tab = browser.new_page(reduced_motion="reduce")
    open_page(tab, f"{site}search.html?q=calibraton")
    use_theme(tab, theme)
    tab.wait_for_selector("#search-results li a")
    assert "calibration" in tab.get_attribute("#search-results li a", "href")
    assert faults_of(tab) == []
    tab.fill("article form input, .bd-search-container form input", "hinge")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{site}search.html?q=hinge")
    tab.close()


def test_a_book_opened_from_a_file_is_searched_by_sphinx(browser):
    tab = browser.new_page()
    open_page(tab, (HTML / PAGE).as_uri())
    tab.keyboard.press("Control+k")
    tab.keyboard.type("focal")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    links = tab.query_selector_all("#search-results a")
    assert any("imbalance/focal.html" in link.get_attribute("href") for link in links)
    tab.close()
