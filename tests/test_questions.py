"""The self-check questions: their files, the forms on the pages, and the question bank."""

import copy
import xml.etree.ElementTree as ET

import pytest
import questions
import yaml
from book import ROOT, notebook_chapters
from browser import HTML
from bs4 import BeautifulSoup
from xmlschema import XMLSchema, XMLSchemaValidationError

CHAPTERS = [path for path in notebook_chapters() if path.parent.name != "reference"]
SCHEMA = XMLSchema(ROOT / "tools" / "moodle.xsd")
GOOD = yaml.safe_load(r"""
- id: one
  question: What is $\log 1$?
  answers:
    - {text: It is 0., right: true, feedback: The logarithm of 1 is 0 in every base.}
    - {text: It is 1., misconception: the logarithm keeps 1, feedback: That is the exponential of 0.}
    - {text: It is 0.693., misconception: one and two mixed up, feedback: That is the logarithm of 2.}
  check: |
    round(math.log(2), 3) == 0.693
- id: two
  question: Is it 1 < 2?
  answers:
    - {text: No., misconception: the order is lost, feedback: 2 is larger.}
    - {text: Yes., right: true, feedback: It is.}
    - {text: Perhaps., misconception: numbers are opinions, feedback: They are not.}
""")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_five_questions_whose_checks_are_true(chapter):
    asked = questions.load(questions.questions_path(chapter))
    assert len(asked) >= 5
    assert [broken for question in asked for broken in questions.broken_checks(question)] == []
    assert chapter.read_text().count("```{questions}") == 1


def test_a_false_check_is_found():
    wrong = {**GOOD[0], "check": "round(math.log(2), 3) == 0.694"}
    assert questions.broken_checks(GOOD[0]) == []
    assert questions.broken_checks(wrong) == ["round(math.log(2), 3) == 0.694"]


def broken(change):
    asked = copy.deepcopy(GOOD)
    change(asked)
    return asked


@pytest.mark.parametrize(("change", "message"), [
    (lambda asked: asked[1].update(id="one"), "the id one stands twice"),
    (lambda asked: asked[0].pop("question"), "one: question must be a str"),
    (lambda asked: asked[0]["answers"].pop(), "one: wanted are three to five answers, one of them with right: true"),
    (lambda asked: asked[0]["answers"][1].update(right=True), "one: wanted are three to five answers"),
    (lambda asked: asked[0]["answers"][1].pop("misconception"), r"one: an answer has \['feedback', 'text'\]"),
    (lambda asked: asked[0]["answers"][1].update(feedback=""), "one: an answer has"),
    (lambda asked: asked[0].update(question="See {numref}`fig-one`."), "one: a MyST role or directive"),
    (lambda asked: asked[0].pop("check"), "one: no check holds the number 0.693"),
    (lambda asked: asked[1]["answers"].reverse() or asked[1]["answers"].insert(0, asked[1]["answers"].pop(1)),
     "the right answer always stands at the same place"),
])
def test_a_faulty_file_is_refused(change, message, tmp_path):
    file = tmp_path / "x.questions.yml"
    file.write_text(yaml.safe_dump(GOOD))
    assert questions.load(file) == GOOD
    file.write_text(yaml.safe_dump(broken(change)))
    with pytest.raises(ValueError, match=message):
        questions.load(file)


def test_the_bank_holds_every_question_and_keeps_the_schema(tmp_path):
    tree = ET.parse(questions.write(tmp_path / "bank.xml"))
    SCHEMA.validate(tmp_path / "bank.xml")
    names = [name.text for name in tree.findall("question[@type='multichoice']/name/text")]
    collected = questions.collect()
    assert names == [f"{chapter}: {q['id']}" for chapter, (_, asked) in collected.items() for q in asked]
    for question in tree.findall("question[@type='multichoice']"):
        fractions = sorted(answer.get("fraction") for answer in question.findall("answer"))
        assert fractions == ["0"] * (len(fractions) - 1) + ["100"]
        texts = [text.text or "" for text in question.iter("text")]
        assert not any("$" in text and not text.startswith("$course$") for text in texts)


@pytest.mark.parametrize(("place", "value"), [
    ("question/answer", {"fraction": "200"}), ("question/questiontext", {"format": "markdown"}),
    ("question", {"type": "essay"}),
])
def test_the_schema_refuses_what_moodle_would(place, value):
    tree = questions.moodle({"x": ("X", GOOD)})
    SCHEMA.validate(tree)
    tree.find(f"./{place}").attrib.update(value)
    with pytest.raises(XMLSchemaValidationError):
        SCHEMA.validate(tree)


def test_the_schema_refuses_one_number_for_two_questions():
    tree = questions.moodle({"x": ("X", GOOD)})
    first, second = tree.findall("question/idnumber")
    second.text = first.text
    with pytest.raises(XMLSchemaValidationError):
        SCHEMA.validate(tree)


def test_formulas_and_angle_brackets_reach_the_bank_as_html():
    tree = questions.moodle({"x": ("X", [{**GOOD[1], "question": r"Is $p_t < 1$ where 1 < 2?"}])})
    text = tree.find("question[@type='multichoice']/questiontext/text").text
    assert text == r"<p>Is \(p_t &lt; 1\) where 1 &lt; 2?</p>"
    assert BeautifulSoup(text, "html.parser").get_text() == r"Is \(p_t < 1\) where 1 < 2?"


# On the pages

ASKING = [path for path in CHAPTERS if questions.questions_path(path).exists()]
ADDRESSES = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in ASKING]
pages = pytest.mark.parametrize("page", ADDRESSES)


def verdict(answer):
    """How the reason begins, and whether it is marked as right."""
    if "right" in answer:
        return "Right.", "right"
    return f"Misconception: {plain(answer['misconception'])}.", "wrong"


@pages
def test_each_answer_is_judged_and_says_why(page, visits):
    asked = questions.load(questions.questions_path(ROOT / page.replace(".html", ".md")))
    seen = visits(page)["questions"]
    assert [box["id"] for box in seen] == [f"question-{question['id']}" for question in asked]
    for box, question in zip(seen, asked, strict=True):
        assert box["named"]
        assert box["unfolded"]
        judged(box["said"], question)
    first = seen[0]["by keyboard"]
    assert (first["folded"], first["early"], first["unfolded"]) == (True, "Choose an answer first.", True)
    judged(first["said"], asked[0])


def judged(said, question):
    for (text, mark), answer in zip(said, question["answers"], strict=True):
        assert (text.startswith(verdict(answer)[0]), mark) == (True, verdict(answer)[1]), text


def plain(text):
    return BeautifulSoup(questions.HTML.render(text), "html.parser").get_text().strip()


def test_without_scripts_the_reasons_fold_out(browser, site):
    context = browser.new_context(java_script_enabled=False)
    plain_tab = context.new_page()
    plain_tab.goto(site + ADDRESSES[0])
    for box in plain_tab.query_selector_all(".question"):
        assert box.query_selector("details.reasons summary").is_visible()
        assert box.query_selector_all("input[type=radio]")
        assert box.query_selector("button") is None
    context.close()


@pages
def test_the_button_comes_from_the_script_and_the_reasons_are_in_the_page(page):
    boxes = BeautifulSoup((HTML / page).read_text(), "html.parser").select(".question")
    assert boxes
    for box in boxes:
        assert box.select("details.reasons summary")
        assert box.select("input[type=radio]")
        assert box.select("button") == []
