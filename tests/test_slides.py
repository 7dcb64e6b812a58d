"""The slides: each chapter has a deck that fits the screen, can be read from afar and asks no other host."""

import functools
import re

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser

from tools.layout import HTML, ROOT, notebook_chapters
from tools.pages.slide_marks import mark_blocks
from tools.shapes import slides

CHAPTERS = [path for path in notebook_chapters() if path.parent.name != "reference"]
WORDS = {"p": 75, "li": 175}  # in the paragraphs and in the lists of one slide
PAGE = """
<article><section id="one"><h2><span class="section-number">1.1. </span>One<a class="headerlink" href="#one">#</a></h2>
<p class="slide sentences-2">First <b>bold.</b>
Second.
Third <i>italic.</i>
Fourth.</p>
<p>Said only.</p>
<div class="cell then"><div class="cell_input"><pre>code</pre></div><div class="cell_output"><pre>42</pre></div></div>
<div class="slide math">\\(x\\)</div>
</section></article>
"""


@pytest.fixture
def deck(tmp_path):
    (tmp_path / "x.html").write_text(PAGE, encoding="utf-8")
    text = "% slide 2/4\n\nFirst\n\n% then\n\ncell\n\n% slide: Own < heading\n\n$$x$$\n"
    (tmp_path / "x.md").write_text(text, encoding="utf-8")
    return slides.slides_of(tmp_path / "x.html", tmp_path / "x.md")


def test_a_slide_has_the_heading_of_its_section_or_its_own(deck):
    assert [slide["heading"] for slide in deck] == ["One", "Own &lt; heading"]


def test_what_a_slide_leaves_out_is_for_the_speaker(deck):
    assert "Second." in str(deck[0]["parts"][0][0])
    assert "Third" not in str(deck[0]["parts"][0][0])
    assert deck[0]["notes"] == ["Third italic. Fourth.", "Said only."]


def test_a_result_comes_after_its_code(deck):
    texts = [(part.get_text(), waits) for part, waits in deck[0]["parts"][1:]]
    assert texts == [("code", True), ("42", True)]


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_a_deck_has_twelve_to_twenty_five_slides_and_no_wall_of_text(deck):
    page = HTML / deck.relative_to(ROOT).with_suffix(".html")
    shown = slides.slides_of(page, deck)
    assert 12 <= len(shown) + 1 <= 25
    for slide in shown:
        text = BeautifulSoup("".join(str(part) for part, _ in slide["parts"]), "html.parser")
        for other in text.select("pre, .math, table, script, figure, li p"):
            (other.unwrap if other.name == "p" else other.decompose)()
        for name, most in WORDS.items():
            assert sum(len(tag.get_text().split()) for tag in text.find_all(name)) <= most, slide["heading"]
    assert any(part.find("figure") or part.name == "figure" for slide in shown for part, _ in slide["parts"])
    assert any(waits for slide in shown for _, waits in slide["parts"])
    assert sum(bool(slide["notes"]) for slide in shown) >= len(shown) / 2


FITS = """() => {
  const slide = Reveal.getCurrentSlide(), sizes = [];
  for (const fragment of slide.querySelectorAll(".fragment")) fragment.classList.add("visible");
  for (const element of slide.querySelectorAll(":is(p, li, h1, h2, pre, td, th):not(.notes *)")) {
    sizes.push(parseFloat(getComputedStyle(element).fontSize));
  }
  const wide = [...slide.querySelectorAll("*")].filter(box => box.getBoundingClientRect().right > innerWidth + 1
    && !box.closest(".notes, .mjx-assistive-mml, mjx-assistive-mml"));
  return {name: slide.querySelector("h1, h2").innerText, height: slide.scrollHeight, smallest: Math.min(...sizes),
          wide: wide.map(box => box.outerHTML.slice(0, 80))};
}"""


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_every_slide_fits_and_can_be_read_from_afar(deck, browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    requests, faults = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{site}slides/{deck.stem}.html")
    page.wait_for_function("document.documentElement.dataset.ready")
    total = page.evaluate("Reveal.getTotalSlides()")
    for place in range(total):
        page.evaluate(f"Reveal.slide({place})")
        if page.query_selector("section.present .interactive"):
            page.wait_for_function("document.querySelector('section.present .interactive').dataset.ready")
        seen = page.evaluate(FITS)
        assert seen["height"] <= 720, seen
        assert seen["smallest"] >= 20, seen
        assert seen["wide"] == [], seen
    assert faults == []
    assert [url for url in requests if not url.startswith((site, "data:"))] == []
    page.evaluate("Reveal.slide(0)")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1
    assert page.evaluate("Reveal.getPlugin('notes') !== undefined")
    context.close()


@functools.cache
def source(chapter):
    return chapter.read_text(encoding="utf-8")


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_no_mark_reaches_the_page(deck):
    text = (HTML / deck.relative_to(ROOT).with_suffix(".html")).read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert not re.search(r"% (slide|also|then)\b", page.get_text())
    counted = len(re.findall(r"(?m)^% (?:slide|also|then)\b", source(deck)))
    assert len(page.find("article").select(".slide, .also, .then")) == counted


def read(text: str) -> nodes.document:
    document = publish_doctree(text, parser=Parser(), settings_overrides={"report_level": 5})
    mark_blocks(None, document)
    return document


def test_a_mark_counts_the_lines_that_the_paragraph_has():
    marked = read("# A\n\n% slide 2/3\n\nOne *a*.\nTwo.\nThree.\n")
    assert marked.next_node(nodes.paragraph)["classes"] == ["slide", "sentences-2"]


@pytest.mark.parametrize("mark", ["slide 2/4", "also 2/2", "then 4/3"])
def test_a_mark_that_has_slipped_is_an_error(mark):
    with pytest.raises(ValueError, match="the paragraph has 3"):
        read(f"# A\n\n% {mark}\n\nOne *a*.\nTwo.\nThree.\n")
