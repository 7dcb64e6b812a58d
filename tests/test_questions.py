"""The self-check questions: their files, the forms on the pages, and the question bank."""

import copy
import xml.etree.ElementTree as ET

import pytest
import yaml
from bs4 import BeautifulSoup

from tools.checks.duties import wrong_questions
from tools.layout import HTML, ROOT, notebook_chapters
from tools.pages import questions
from tools.shapes import moodle

CHAPTERS = [path for path in notebook_chapters() if path.parent.name != "reference"]
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
    assert chapter.read_text(encoding="utf-8").count("```{questions}") == 1


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
    file.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    assert questions.load(file) == GOOD
    file.write_text(yaml.safe_dump(broken(change)), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        questions.load(file)


# What a question with one right answer holds in Moodle's XML, besides its answers and tags.
FIELDS = ["name", "questiontext", "generalfeedback", "defaultgrade", "penalty", "hidden", "idnumber", "single",
          "shuffleanswers", "answernumbering"]


def refused(quiz):
    """What Moodle would refuse in a question bank."""
    found = []
    for question in quiz.findall("question"):
        kind, fields = question.get("type"), [field.tag for field in question]
        if kind == "category":
            found += [] if (question.findtext("category/text") or "").startswith("$course$/") else ["category"]
            continue
        found += [] if kind == "multichoice" else [f"type {kind}"]
        found += [f"{fields.count(name)} {name}" for name in FIELDS if fields.count(name) != 1]
        found += [tag for tag in ("questiontext", "answer", "answer/feedback") for text in question.findall(tag)
                  if text.get("format") != "html" or len(text.findall("text")) != 1]
        fractions = sorted(answer.get("fraction") for answer in question.findall("answer"))
        found += [] if fractions == ["0"] * (len(fractions) - 1) + ["100"] else [f"fractions {fractions}"]
    numbers = [number.text for number in quiz.iter("idnumber")]
    return found + [f"{number} stands twice" for number in {*numbers} if numbers.count(number) > 1]


def test_the_bank_holds_every_question_in_the_form_of_moodle(tmp_path):
    tree = ET.parse(moodle.write(tmp_path / "bank.xml"))
    assert refused(tree.getroot()) == []
    names = [name.text for name in tree.findall("question[@type='multichoice']/name/text")]
    assert names == [f"{chapter}: {q['id']}" for chapter, (_, asked) in moodle.collect().items() for q in asked]
    for text in tree.iterfind("question[@type='multichoice']//text"):
        assert "$" not in (text.text or "")


@pytest.mark.parametrize(("place", "value", "found"), [
    ("question/answer", {"fraction": "200"}, "fractions"),
    ("question/questiontext", {"format": "markdown"}, "questiontext"),
    ("question", {"type": "essay"}, "type essay"),
])
def test_what_moodle_would_refuse_is_found(place, value, found):
    quiz = moodle.moodle({"x": ("X", GOOD)}).getroot()
    assert refused(quiz) == []
    quiz.findall(f"./{place}")[-1].attrib.update(value)
    assert any(problem.startswith(found) for problem in refused(quiz))


def test_one_number_for_two_questions_is_found():
    quiz = moodle.moodle({"x": ("X", GOOD)}).getroot()
    first, second = quiz.iter("idnumber")
    second.text = first.text
    assert refused(quiz) == [f"{first.text} stands twice"]


def test_formulas_and_angle_brackets_reach_the_bank_as_html():
    tree = moodle.moodle({"x": ("X", [{**GOOD[1], "question": r"Is $p_t < 1$ where 1 < 2?"}])})
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
    return BeautifulSoup(moodle.MARKDOWN.render(text), "html.parser").get_text().strip()


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
@pytest.mark.usefixtures("built_book")
def test_the_button_comes_from_the_script_and_the_reasons_are_in_the_page(page):
    boxes = BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser").select(".question")
    assert boxes
    for box in boxes:
        assert box.select("details.reasons summary")
        assert box.select("input[type=radio]")
        assert box.select("button") == []


def test_the_rules_name_the_line_of_a_wrong_question(tmp_path):
    path = tmp_path / "x.questions.yml"
    text = yaml.safe_dump(GOOD, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    assert wrong_questions(path) == []
    path.write_text(text.replace("question: Is it 1 < 2?", "question: Is it 1 < 2.5?"), encoding="utf-8")
    line = text.split("\n").index("- id: two") + 1
    assert [problem.text for problem in wrong_questions(path)] == [
        f"x.questions.yml:{line}: two: no check holds the number 2.5"]
    path.write_text("- id: one\n  question: [\n", encoding="utf-8")
    assert wrong_questions(path)[0].text.startswith("x.questions.yml:3: ")
