"""Self-check questions: x.questions.yml beside a chapter x.md, shown on its page by the directive `{questions}`.

A file is a list of questions. Text is Markdown with $formulas$, without MyST, since it also leaves the book:

    - id: alpha                            unique in its chapter, and stable: grades hang on it
      question: Which boxes does …?
      answers:                             three to five, of which one is right
        - text: The objects.
          right: true
          feedback: The paper …
        - text: The background.
          misconception: alpha belongs to the majority    what a wrong answer shows, in a few words
          feedback: It gets …
      check: |                             holds every number of the texts: one expression a line, each of which must
        0.25 + 0.75 == 1                   be true; math, np, torch, lossbook, logits z, targets y and slope(f, x),
                                           the derivative of f at x, are at hand

The page gets plain lists and a folded list of reasons, which need no script; theme/static/questions.js makes
a form of them. Notebooks, EPUB and PDF show the lists. tools/shapes/moodle.py makes a question bank of all files.
"""

import ast
import math
import re
from pathlib import Path

import numpy as np
import torch
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import lossbook
from tools.chapter import numbers

FIELDS = {"id": str, "question": str, "answers": list}
ROLE = re.compile(r"\{[a-z:]+\}`|^[`:]{3,}\{", re.MULTILINE)


def questions_path(chapter: Path) -> Path:
    return chapter.with_suffix(".questions.yml")


def load(path: Path) -> list[dict]:
    """The questions of one file; ValueError says which of them breaks what."""
    questions = yaml.safe_load(path.read_text(encoding="utf-8"))
    problems = [f"{path.name}: {problem}" for question in questions for problem in faults(question)]
    names = [question.get("id") for question in questions]
    problems += [f"{path.name}: the id {name} stands twice" for name in {*names} if names.count(name) > 1]
    places = {place for question in questions for place, answer in enumerate(question["answers"]) if "right" in answer}
    if len(places) < 2:
        problems.append(f"{path.name}: the right answer always stands at the same place")
    if problems:
        raise ValueError("\n".join(problems))
    return questions


def texts(question: dict) -> list[str]:
    answers = question["answers"]
    return [question["question"], *(answer.get(part, "") for answer in answers for part in ("text", "feedback"))]


def faults(question: dict):
    """Yield what is wrong with one question."""
    name = question.get("id")
    for field, kind in FIELDS.items():
        if not isinstance(question.get(field), kind):
            yield f"{name}: {field} must be a {kind.__name__}"
            return
    answers = question["answers"]
    if not 3 <= len(answers) <= 5 or sum(answer.get("right") is True for answer in answers) != 1:
        yield f"{name}: wanted are three to five answers, one of them with right: true"
    for answer in answers:
        wanted = {"text", "feedback", "right" if "right" in answer else "misconception"}
        if set(answer) != wanted or not all(text and isinstance(text, str | bool) for text in answer.values()):
            yield f"{name}: an answer has {sorted(answer)}, wanted {sorted(wanted)}, each a text"
            return
    if any(ROLE.search(text) for text in texts(question)):
        yield f"{name}: a MyST role or directive, which means nothing outside the book"
    tree = ast.parse(question.get("check", ""))
    known = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for value, percent in sorted(set().union(*map(numbers, texts(question)))):
        if not known & ({value, value / 100} if percent else {value}):
            yield f"{name}: no check holds the number {value:g}{' %' * percent}"


class Questions(SphinxDirective):
    """`{questions}`: the self-check questions of this page."""

    def run(self) -> list[nodes.Node]:
        path = questions_path(Path(self.env.doc2path(self.env.docname)))
        self.env.note_dependency(str(path))
        return [self.box(number, question) for number, question in enumerate(load(path), 1)]

    def box(self, number: int, question: dict) -> nodes.Node:
        box = nodes.admonition(classes=["question"], names=[])
        box["ids"] = [f"question-{question['id']}"]
        box += nodes.title(text=f"Question {number}")
        box += self.parsed(question["question"])
        reasons = [f"{verdict(answer)} {answer['feedback']}" for answer in question["answers"]]
        box += self.listed([answer["text"] for answer in question["answers"]])
        folded = nodes.admonition(classes=["dropdown", "reasons"])
        folded += nodes.title(text=f"Answers to question {number}")
        folded += self.listed(reasons)
        box += folded
        return box

    def listed(self, items: list[str]) -> nodes.Node:
        listed = nodes.enumerated_list(enumtype="arabic", prefix="", suffix=".")
        for item in items:
            listed += nodes.list_item("", *self.parsed(item))
        return listed

    def parsed(self, text: str) -> list[nodes.Node]:
        node = nodes.container()
        self.state.nested_parse(StringList(text.strip().splitlines(), self.env.docname), self.content_offset, node)
        return node.children


def slope(function, x: float) -> torch.Tensor:
    place = torch.tensor(float(x), requires_grad=True)
    return torch.autograd.grad(function(place), place)[0]


def broken_checks(question: dict) -> list[str]:
    """The checks of a question that are not true."""
    z, y = torch.linspace(-3, 3, 8), torch.tensor([0.0, 1.0] * 4)
    names = {"math": math, "np": np, "torch": torch, "lossbook": lossbook, "z": z, "y": y, "slope": slope}
    return [check for check in question.get("check", "").splitlines() if not eval(check, dict(names))]


def verdict(answer: dict) -> str:
    return "**Right.**" if "right" in answer else f"**Misconception: {answer['misconception']}.**"


def make_forms(soup) -> None:
    """Turn the lists of answers into radio buttons. The reasons stay folded until questions.js has taken over."""
    for box in soup.select("div.admonition.question"):
        listed, reasons = box.find("ol", recursive=False), box.find(class_="reasons")
        lead = listed.find_previous_sibling("p")
        title = box.find(class_="admonition-title")
        title["id"], lead["id"] = f"{box['id']}-title", f"{box['id']}-text"
        right = [item.find("strong").get_text() for item in reasons.find("ol").find_all("li", recursive=False)]
        box["data-right"] = str(right.index("Right.") + 1)
        listed.name, listed.attrs = "div", {
            "class": "choices", "role": "radiogroup", "aria-labelledby": f"{title['id']} {lead['id']}"}
        for place, item in enumerate(listed.find_all("li", recursive=False), 1):
            for paragraph in item.find_all("p"):
                paragraph.name = "span"
            item.name = "label"
            radio = soup.new_tag("input", attrs={"type": "radio", "name": box["id"], "value": str(place)})
            item.insert(0, radio)


def finish_page(app, _pagename, _templatename, context, _doctree):
    if 'question admonition"' in context.get("body", ""):
        app.add_js_file("questions.js", loading_method="defer")
        soup = BeautifulSoup(context["body"], "html.parser")
        make_forms(soup)
        context["body"] = str(soup)


def setup(app):
    app.add_directive("questions", Questions)
    app.connect("html-page-context", finish_page, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
