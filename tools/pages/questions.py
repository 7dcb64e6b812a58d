"""Sphinx directive `{questions}`: the self-check questions of a chapter (tools/questions.py) on its page.

The page gets plain lists and a folded list of reasons, which need no script; theme/static/questions.js makes
a form of them. Notebooks, EPUB and PDF show the lists. tools/shapes/moodle.py makes a question bank of all files.
"""

import math
from pathlib import Path

import numpy as np
import torch
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import lossbook
from tools.questions import load, questions_path


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
