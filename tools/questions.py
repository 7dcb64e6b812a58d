"""The self-check questions of a chapter, x.questions.yml beside x.md, as everything that shows or asks them reads them.

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
"""

import ast
import re
from pathlib import Path

import yaml

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


def line_of(path: Path, problem: str) -> int:
    """The line of a file of questions at which a problem of `load` begins; 1 for one of the whole file."""
    name = problem.removeprefix(f"{path.name}: ").removeprefix("the id ").split(":")[0].split(" ")[0]
    found = re.search(rf"(?m)^- id: {re.escape(name)}$", text := path.read_text(encoding="utf-8"))
    return text.count("\n", 0, found.start()) + 1 if found else 1


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
