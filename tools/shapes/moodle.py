"""All self-check questions as a question bank in Moodle's XML, which other platforms read, too."""

import xml.etree.ElementTree as ET
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.chapter import title_of
from tools.layout import HTML, chapters
from tools.pages.questions import load, questions_path, verdict

BANK = HTML / "lossbook-questions.xml"
MARKDOWN = MarkdownIt("commonmark").use(dollarmath_plugin)
MARKDOWN.add_render_rule("math_inline", lambda _self, tokens, i, *_: rf"\({escaped(tokens[i].content)}\)")
MARKDOWN.add_render_rule("math_block", lambda _self, tokens, i, *_: rf"\[{escaped(tokens[i].content)}\]")


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def field(parent: ET.Element, name: str, text: str, *, markup: bool = False, **attributes: str) -> ET.Element:
    """Moodle's way to hold a text: <name><text>…</text></name>, with its format where it is HTML."""
    element = ET.SubElement(parent, name, {**attributes, **({"format": "html"} if markup else {})})
    ET.SubElement(element, "text").text = MARKDOWN.render(text.strip()).strip() if markup else text
    return element


def moodle(chapters_with_questions: dict[str, tuple[str, list[dict]]]) -> ET.ElementTree:
    """The bank of {chapter's name: (title, questions)}, one category for each chapter."""
    quiz = ET.Element("quiz")
    for chapter, (title, questions) in chapters_with_questions.items():
        category = ET.SubElement(quiz, "question", type="category")
        field(category, "category", f"$course$/top/Loss functions/{title.replace('/', '//')}")
        for question in questions:
            item = ET.SubElement(quiz, "question", type="multichoice")
            field(item, "name", f"{chapter}: {question['id']}")
            field(item, "questiontext", question["question"], markup=True)
            field(item, "generalfeedback", "", markup=True)
            for name, value in (("defaultgrade", "1"), ("penalty", "0.3333333"), ("hidden", "0"),
                                ("idnumber", f"lossbook-{chapter}-{question['id']}"), ("single", "true"),
                                ("shuffleanswers", "true"), ("answernumbering", "abc")):
                ET.SubElement(item, name).text = value
            for answer in question["answers"]:
                fraction = "100" if "right" in answer else "0"
                choice = field(item, "answer", answer["text"], markup=True, fraction=fraction)
                field(choice, "feedback", f"{verdict(answer)} {answer['feedback']}", markup=True)
            field(ET.SubElement(item, "tags"), "tag", chapter)
    ET.indent(quiz)
    return ET.ElementTree(quiz)


def collect() -> dict[str, tuple[str, list[dict]]]:
    """Every chapter that has questions: its name, its title and they."""
    having = [chapter for chapter in chapters() if questions_path(chapter).exists()]
    titles = [title_of(chapter.read_text(encoding="utf-8")) for chapter in having]
    return {
        chapter.stem: (title, load(questions_path(chapter))) for chapter, title in zip(having, titles, strict=True)
    }


def write(path: Path = BANK) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    moodle(collect()).write(path, encoding="utf-8", xml_declaration=True)
    return path
