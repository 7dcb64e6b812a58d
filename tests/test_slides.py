"""The slides: each chapter has a deck that fits the screen, can be read from afar and asks no other host."""

import functools
import re
from urllib.parse import urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser
from visit import faults_of

from tools.layout import HTML, ROOT, notebook_chapters, published_url
from tools.pages.slide_marks import mark_blocks
from tools.shapes import slides
from tools.shapes.slide_blocks import article_of, has_words

CHAPTERS = [path for path in notebook_chapters() if path.parent.name != "reference"]
WORDS = {"p": 75, "li": 175}  # in the paragraphs and in the lists of one slide
PAGE = """
<article><h1><span class="section-number">7. </span>A &amp; B<a class="headerlink" href="#a">#</a></h1>
<section id="one"><h2><span class="section-number">1.1. </span>One<a class="headerlink" href="#one">#</a></h2>
<p class="slide sentences-2">First <b>bold.</b>
Second.
Third <i>italic.</i>
Fourth.</p>
<p>Said only.</p>
<div class="cell then"><div class="cell_input"><pre>code</pre></div><div class="cell_output"><pre>42</pre></div></div>
<p>Left out.
It leads to:</p>
<div class="slide math">\\(x\\)</div>
<p>where x is <a href="#two">known.</a>
Left out, too.</p>
<p>What will it be?
We draw it.</p>
<div class="cell slide answers-prediction"><details class="outcome"><summary>Show</summary><div class="cell_output">
<figure id="fig-x"><img src="../../_images/x.webp" width="590" height="360" alt="A line">
<figcaption>
<p>A caption with the <a href="../y/z.html#there">legend.</a></p></figcaption></figure>
</div></details></div>
</section>
<section id="two"><h2>Two</h2>
<div class="warning slide admonition"><p class="admonition-title">Common misconceptions</p>
<ul><li><p>It is 1.</p></li><li><p>It is 2.</p></li></ul></div>
<p class="verdict verdict-2-2"><em>The second.</em> Look.
It is <b>3.</b></p><p class="verdict verdict-1-1"><em>The first.</em> It is 4.</p>
<p class="slide">Take it.</p>
</section>
<p>You will be able to:</p><ul><li>look.</li></ul>
<section id="summary"><h2>Summary</h2><ul class="slide"><li>Done.</li></ul></section>
QUESTION
<div class="exercise admonition" id="ex-one"><p class="admonition-title">Exercise 7.1 (Do)</p>
<section><p>Do it.</p></section></div>
<details class="solution"><p>Done so.</p></details>
</article>
"""
QUESTION = """
<div class="question admonition" data-right="2" id="question-NAME"><p class="admonition-title">Question 1</p>
<p>Which NAME?</p><div class="choices" role="radiogroup">
<label><input type="radio"><span>This.</span></label><label><input type="radio"><span>That.</span></label></div>
<details class="reasons admonition"><summary>Answers</summary><ol>
<li><p><strong>Misconception: so.</strong> Not this.</p></li><li><p><strong>Right.</strong> That it is.</p></li>
</ol></details></div>
"""
MARKS = "% slide 2/4\n\nFirst\n\n% slide: Own < heading\n\n% slide\n\n% slide: True or false?\n\n% slide\n\n% slide\n"


@pytest.fixture
def page(tmp_path):
    questions = "".join(QUESTION.replace("NAME", name) for name in ("early", "middle", "late"))
    (tmp_path / "x.html").write_text(PAGE.replace("QUESTION", questions), encoding="utf-8")
    (tmp_path / "x.md").write_text(MARKS, encoding="utf-8")
    return tmp_path / "x.html"


@pytest.fixture
def deck(page):
    return slides.slides_of(page, page.with_suffix(".md"))


def texts(slide: dict) -> list[tuple[str, bool]]:
    return [(" ".join(part.get_text(" ").split()), waits) for part, waits in slide["parts"]]


def test_a_slide_has_the_heading_of_its_section_or_its_own(deck):
    headings = [slide["heading"] for slide in deck]
    assert headings == ["One", "Own &lt; heading", "One", "True or false?", "Two", "Summary"]


def test_what_a_slide_leaves_out_is_for_the_speaker(deck):
    assert texts(deck[0])[0] == ("First bold. Second.", False)
    assert deck[0]["notes"] == ["Third italic. Fourth.", "Said only.", "Left out. It leads to:"]


def test_a_result_comes_after_its_code(deck):
    assert texts(deck[0])[1:] == [("code", True), ("42", True)]


def test_a_bare_formula_gets_the_sentences_beside_it(deck):
    assert texts(deck[1]) == [("It leads to:", False), (r"\(x\)", False), ("where x is known.", True)]


def test_what_answers_a_prediction_comes_after_its_question(deck):
    assert texts(deck[2]) == [("What will it be?", False), ("A caption with the legend.", True)]
    assert not deck[2]["parts"][1][0].select("details, summary")


def test_every_statement_has_its_verdict_at_the_next_click(deck):
    found = [" ".join(item.get_text(" ").split()) for item in deck[3]["parts"][0][0].find_all("li")]
    assert found == ["It is 1. False. It is 4.", "It is 2. False. It is 3."]
    assert len(deck[3]["parts"][0][0].select("li > .verdict.fragment")) == 2
    assert "Common misconceptions" not in deck[3]["parts"][0][0].get_text()


def test_a_deck_has_its_frame_from_the_page(page, deck):
    article, chapter = article_of(page), ROOT / "chapters" / "part" / "x.md"
    framed = slides.framed(deck, article, chapter)
    kinds = [slide.get("kind", slide["heading"]) for slide in framed]
    assert kinds == ["One", "goals", "Own &lt; heading", "One", "poll", "True or false?", "Two", "poll", "Summary",
                     "exercise", "closing"]
    assert [texts(slide)[0][0] for slide in framed if slide.get("kind") == "poll"] == ["Which early?", "Which late?"]
    poll = framed[4]
    assert texts(poll)[1:] == [("This. That.", False), ("B. That it is.", True)]
    assert [item.get_text() for item in poll["parts"][1][0].select("[data-right]")] == ["That."]
    assert poll["notes"] == ["A: Misconception: so. Not this."]
    exercise, closing = framed[-2:]
    assert (exercise["heading"], exercise["notes"]) == ("Exercise 7.1 (Do)", ["Done so."])
    address = f"{published_url()}chapters/part/x.html"
    assert exercise["parts"][1][0].a["href"] == f"{address}#ex-one"
    assert [link["href"] for part, _ in closing["parts"] for link in part.select("a")] == [
        address, f"{published_url()}student/x.ipynb"]
    shown = BeautifulSoup(slides.title(article), "html.parser")
    assert (shown.h1.get_text(), shown.a["href"]) == ("A & B", published_url())
    assert "Chapter 7" in shown.get_text()


def test_text_and_figure_stand_beside_each_other_and_clicks_keep_their_order(deck):
    section = BeautifulSoup(slides.section(deck[2]), "html.parser")
    assert [child.name for child in section.select_one(".columns").find_all(True, recursive=False)] == ["div", "div"]
    clicks = BeautifulSoup(slides.section(deck[0]), "html.parser").select(".fragment")
    assert [tag["data-fragment-index"] for tag in clicks] == ["0", "1"]


def test_links_and_pictures_are_found_from_the_folder_of_the_decks(deck):
    section = slides.mend_links(slides.section(deck[1]) + slides.section(deck[2]), "chapters/part/x.html")
    addresses = re.findall(r'(?:href|src)="([^"]*)"', section)
    assert addresses == ["../chapters/part/x.html#two", "../_images/x.webp", "../chapters/y/z.html#there"]


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_a_deck_has_twelve_to_twenty_five_marked_slides_and_no_wall_of_text(deck):
    page = HTML / deck.relative_to(ROOT).with_suffix(".html")
    shown = slides.slides_of(page, deck)
    assert 12 <= len(shown) + 1 <= 25
    for slide in shown:
        text = BeautifulSoup("".join(str(part) for part, _ in slide["parts"]), "html.parser")
        assert has_words(slide), f"{slide['heading']}: no sentence stands on it"
        for other in text.select("pre, .math, table, script, figure, li p"):
            (other.unwrap if other.name == "p" else other.decompose)()
        for name, most in WORDS.items():
            assert sum(len(tag.get_text().split()) for tag in text.find_all(name)) <= most, slide["heading"]
    assert any(part.find("figure") or part.name == "figure" for slide in shown for part, _ in slide["parts"])
    assert any(waits for slide in shown for _, waits in slide["parts"])
    assert sum(bool(slide["notes"]) for slide in shown) >= len(shown) / 2
    statements = [item for slide in shown if slide["heading"] == "True or false?" for part, _ in slide["parts"]
                  for item in part.find_all("li")]
    assert len(statements) >= 3
    assert [item.get_text() for item in statements if not item.find(class_="verdict")] == []


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_every_link_of_a_deck_leads_somewhere(deck):
    text = (HTML / "slides" / f"{deck.stem}.html").read_text(encoding="utf-8")
    for tag in BeautifulSoup(text, "html.parser").select("main [href], main [src]"):
        address, place = urldefrag(tag.get("href") or tag["src"])
        address = address.replace(published_url(), "../")
        if not urlsplit(address).scheme:
            target = HTML / "slides" / address
            assert (target / "index.html" if target.is_dir() else target).exists(), address
            assert not place or f'id="{place}"' in target.read_text(encoding="utf-8"), (address, place)


FITS = """() => {
  const slide = Reveal.getCurrentSlide(), body = slide.querySelector(".body"), sizes = [];
  for (const fragment of slide.querySelectorAll(".fragment")) fragment.classList.add("visible");
  for (const element of slide.querySelectorAll(":is(p, li, h1, h2, pre, td, th):not(.notes *)")) {
    sizes.push(parseFloat(getComputedStyle(element).fontSize));
  }
  const wide = [...slide.querySelectorAll("*")].filter(box => box.getBoundingClientRect().right > innerWidth + 1
    && !box.closest(".notes, .mjx-assistive-mml, mjx-assistive-mml"));
  const rooms = name => [...document.querySelectorAll(name)].filter(box => box.checkVisibility())
    .map(box => box.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const others = rooms(".back, .controls .enabled");
  const apart = !rooms(".slide-number").some(number => others.some(box => meet(number, box)));
  const captions = [...slide.querySelectorAll("figure")].map(box => box.querySelector("figcaption")?.innerText.trim());
  const full = body ? body.firstElementChild.offsetHeight / body.clientHeight : 0.5;
  return {name: slide.querySelector("h1, h2").innerText, height: Math.max(slide.scrollHeight, 720 * full),
          smallest: Math.min(...sizes), wide: wide.map(box => box.outerHTML.slice(0, 80)), apart, captions,
          full, size: parseFloat(slide.style.getPropertyValue("--size"))};
}"""
# All slides at once, so that one run of axe sees them.
UNROLL = """() => {
  for (const box of document.querySelectorAll(".slides section, .fragment")) {
    box.hidden = false;
    box.removeAttribute("aria-hidden");
    box.removeAttribute("inert");
    box.classList.add("visible", "present");
    box.classList.remove("past", "future");
    box.style.cssText += "; display: flex; position: static; opacity: 1; height: auto";
  }
  for (const box of document.querySelectorAll(".reveal, .slides, body, html")) {
    box.style.cssText += "; position: static; overflow: visible; height: auto; transform: none; zoom: 1";
  }
}"""


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_every_slide_fits_can_be_read_from_afar_and_by_everybody(deck, browser, site):
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
        assert seen["apart"], "the number, the arrows and the way back leave room for each other"
        assert all(seen["captions"]), seen
    page.evaluate("Reveal.slide(0)")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1
    assert page.evaluate("Reveal.getPlugin('notes') !== undefined")
    page.evaluate(UNROLL)
    assert faults_of(page) == []
    assert faults == []
    assert [url for url in requests if not url.startswith((site, "data:"))] == []
    context.close()


def test_a_slider_gives_the_keys_back_to_the_deck(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(f"{site}slides/focal.html")
    page.wait_for_function("document.documentElement.dataset.ready")
    here = page.evaluate("""() => {
      const slides = [...document.querySelectorAll(".slides > section")];
      const place = slides.findIndex(slide => slide.querySelector(".interactive"));
      Reveal.slide(place);
      return place;
    }""")
    page.wait_for_function("document.querySelector('section.present .interactive').dataset.ready")
    slider = page.query_selector("section.present input[type=range]")

    def turned(*keys):
        for key in keys:
            page.keyboard.press(key)
        place = page.evaluate("Reveal.getIndices().h")
        page.evaluate(f"Reveal.slide({here})")
        return place - here

    def drag(share):
        box = slider.bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.5 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + share * box["width"], middle, steps=3)
        page.mouse.up()

    values = [slider.input_value()]
    for share, key, way in ((0.9, "Space", 1), (0.1, "PageDown", 1), (0.8, "PageUp", -1), (0.3, "ArrowRight", 1)):
        drag(share)
        values.append(slider.input_value())
        assert turned(key) == way, key
    assert len({*values}) == len(values), "the mouse did move the slider"
    for key, way in (("Space", 1), ("PageDown", 1), ("PageUp", -1)):
        slider.focus()
        before = slider.input_value()
        assert turned(key) == way, key
        assert slider.input_value() == before
    slider.focus()
    before = slider.input_value()
    assert turned("ArrowLeft") == 0, "by keyboard the arrows belong to the slider"
    assert slider.input_value() != before
    context.close()


@functools.cache
def source(chapter):
    return chapter.read_text(encoding="utf-8")


@pytest.mark.parametrize("deck", CHAPTERS, ids=lambda path: path.stem)
def test_no_mark_reaches_the_page(deck):
    text = (HTML / deck.relative_to(ROOT).with_suffix(".html")).read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert not re.search(r"% (slide|also|then|verdict)\b", page.get_text())
    for kinds in ("slide|also|then", "verdict"):
        counted = len(re.findall(rf"(?m)^% (?:{kinds})\b", source(deck)))
        assert len(page.find("article").select(", ".join(f".{kind}" for kind in kinds.split("|")))) == counted


def read(text: str) -> nodes.document:
    document = publish_doctree(text, parser=Parser(), settings_overrides={"report_level": 5})
    mark_blocks(None, document)
    return document


def test_a_mark_counts_the_lines_that_the_paragraph_has():
    marked = read("# A\n\n% slide 2/3\n\nOne *a*.\nTwo.\nThree.\n")
    assert marked.next_node(nodes.paragraph)["classes"] == ["slide", "sentences-2"]


def test_a_verdict_names_its_statement_and_its_line():
    marked = read("# A\n\n% also 1/3\n\n% verdict 2/3: 4\n\nOne *a*.\nTwo.\nThree.\n")
    assert marked.next_node(nodes.paragraph)["classes"] == ["also", "sentences-1", "verdict", "verdict-4-2"]


@pytest.mark.parametrize("mark", ["slide 2/4", "also 2/2", "then 4/3", "verdict 1/2: 1"])
def test_a_mark_that_has_slipped_is_an_error(mark):
    with pytest.raises(ValueError, match="the paragraph has 3"):
        read(f"# A\n\n% {mark}\n\nOne *a*.\nTwo.\nThree.\n")
