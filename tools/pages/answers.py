"""Sphinx extension: which loss, answered in code, from one file, chapters/reference/answers.yml.

`{answer} NAME …` is a box for each name: what to take, a number, the calls in PyTorch and in lossbook.
`{also} NAME …` folds each box; its title says what to take, so that the page on choosing can be run over.
`{tree}` is a list of links to the boxes, under questions: a line such as `Who reads?: costs trust`.
`{have}` folds the boxes of the names in it, for the front page. The file is a list of answers:

    - name: outliers                     unique; its box on reference/choosing has the address #answer-outliers
      have: outliers                     what the front page calls the case; only where it shows it
      chapter: loss-and-metric/regression
      case: a number, and …              the case and what to take, in a few words each
      loss: Huber, …
      say: Take …                        one sentence
      number: With 5 % …                 what was measured; each number stands in `check`, or in an assert of the
                                         section that holds the figure it refers to, else of the chapter
      beware: It costs …                 what follows it and when to leave it; only reference/choosing shows it
      check: |                           one expression a line, each of which must be true; np, torch, lossbook, and of
        points("network", …) == …        the stored results points, interval and mean are at hand
      given: |                           names and numbers to try it on
      torch: |                           the calls; each runs after `given`, and the last name that each sets must have
      lossbook: |                        the same value: the build stops where one fails. Left out where it adds nothing

"""

import ast
import functools
import importlib
import json
import re

import numpy as np
import torch
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import lossbook
from lossbook.metrics import confidence_interval
from lossbook.stored import find_bench
from tools.chapter import NUMBER, constants, numbers, read, tags
from tools.layout import ROOT, executable_chapters

find_bench()
inference = importlib.import_module("inference")

FILE = ROOT / "chapters" / "reference" / "answers.yml"
RESULTS = ROOT / "bench" / "results"
HOME = "chapters/reference/choosing"
FIELDS = {"name", "chapter", "case", "loss", "say", "number", "given", "torch"}
MAY_HAVE = {"have", "beware", "check", "lossbook"}
WIDTH = 76  # columns that a box shows of a line of code
TAU1, BCE = "threshold moving, τ = 1", "binary cross-entropy"


def answers() -> dict[str, dict]:
    """The answers by name; ValueError says which of them breaks what."""
    return checked(FILE.read_text(encoding="utf-8"))


@functools.cache
def checked(text: str) -> dict[str, dict]:
    found = yaml.safe_load(text)
    problems = [f"answers.yml: {one.get('name')}: {problem}" for one in found for problem in faults(one)]
    names = [one["name"] for one in found]
    problems += [f"answers.yml: the name {name} stands twice" for name in {*names} if names.count(name) > 1]
    if problems:
        raise ValueError("\n".join(problems))
    return {one["name"]: one for one in found}


def faults(one: dict):
    """Yield what is wrong with one answer."""
    if not FIELDS <= set(one) <= FIELDS | MAY_HAVE:
        yield f"has {sorted(one)}, wanted are {sorted(FIELDS)}"
        return
    for line in (line for part in ("given", *libraries(one)) for line in one[part].splitlines()):
        if len(line) > WIDTH:
            yield f"a line of code has {len(line)} columns, at most {WIDTH} are shown: {line}"
    try:
        yield from disagreement(one)
        yield from (f"is not true: {check}" for check in broken_checks(one))
    except Exception as problem:
        yield f"{type(problem).__name__}: {problem}"
        return
    known = constants_of(one)
    for value, percent in sorted(numbers(claim(one))):
        if not known & ({value, value / 100} if percent else {value}):
            yield f"no assert holds the number {value:g}{' %' * percent}"


def libraries(one: dict) -> list[str]:
    return [library for library in ("torch", "lossbook") if library in one]


def claim(one: dict) -> str:
    return f"{one['number']} {one.get('beware', '')}"


def value_of(one: dict, library: str):
    """The name that the call of a library sets last, and its value."""
    source = f"{one['given']}\n{one[library]}"
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    space: dict = {}
    exec(compile(source, f"answers.yml, {one['name']}, {library}", "exec"), space)
    name = assigned[-1].targets[0].id
    return name, space[name]


def disagreement(one: dict):
    (name, theirs), (ours_name, ours) = value_of(one, "torch"), value_of(one, libraries(one)[-1])
    same = name == ours_name and torch.allclose(theirs.double(), ours.double(), rtol=1e-5, atol=1e-7)
    if not same:
        yield f"torch gives {name} = {theirs}, lossbook {ours_name} = {ours}"


def shown_value(one: dict) -> str:
    name, value = value_of(one, "torch")
    who = "both give" if "lossbook" in one else "it gives"
    return f"On these, {who} `{name} = {np.array2string(value.detach().numpy(), precision=4, separator=', ')}`."


@functools.cache
def stored(name: str) -> dict:
    rows = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return {(row.get("set"), row["method"]): row for row in rows}


def mean(experiment: str, method: str, metric: str, digits: int = 3) -> float:
    return round(float(np.mean(stored(experiment)[None, method][metric])), digits)


def differences(where: str, metric: str, one: str, other: str):
    """Of the bake-off: on images with many labels one for each repetition, else for a model, one for each family."""
    found, facts = inference.load()
    if where in {name for name, *_ in found} - set(facts):
        return found[where, "linear", one][metric] - found[where, "linear", other][metric]
    gaps = {name: float((found[name, where, one][metric] - found[name, where, other][metric]).mean()) for name in facts}
    return inference.by_family(gaps, facts)


def points(where: str, metric: str, one: str, other: str = "cross-entropy") -> float:
    """By how many points a method of the bake-off leads another."""
    return round(100 * float(differences(where, metric, one, other).mean()), 1)


def labelled(images: str, metric: str, method: str = BCE) -> float:
    """The mean of a metric of a method of the bake-off on images with many labels."""
    return round(float(inference.load()[0][images, "linear", method][metric].mean()), 2)


def interval(where: str, metric: str, one: str, other: str = "cross-entropy"):
    return confidence_interval(differences(where, metric, one, other))


def broken_checks(one: dict) -> list[str]:
    names = {"np": np, "torch": torch, "lossbook": lossbook, "points": points, "interval": interval, "mean": mean,
             "labelled": labelled, "TAU1": TAU1, "BCE": BCE}
    return [line for line in one.get("check", "").splitlines() if not eval(line, names)]


@functools.cache
def asserted(chapter, _changed: int) -> tuple[dict[str, set[float]], dict[str, str]]:
    """The constants of the asserts of a chapter by section, and the section of each figure."""
    by_section: dict[str, set[float]] = {}
    figures = {}
    for cell in read(chapter).cells:
        if cell.cell_type != "code":
            continue
        if "remove-cell" in tags(cell):
            by_section.setdefault(cell.section, set()).update(constants([cell]))
        name = (cell.metadata.get("mystnb", {}).get("figure") or {}).get("name")
        for figure in [name] if name else re.findall(r'name="(fig-[\w-]+)"', cell.source):
            figures[figure] = cell.section
    return by_section, figures


def constants_of(one: dict) -> set[float]:
    """Every number that may stand in the text of an answer."""
    trees = [ast.parse(line) for line in one.get("check", "").splitlines()]
    known = {float(node.value) for tree in trees for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, int | float)}
    figures = re.findall(r"\{numref\}`(fig-[\w-]+)`", claim(one))
    for chapter in executable_chapters():
        by_section, places = asserted(chapter, chapter.stat().st_mtime_ns)
        for figure in set(figures) & set(places):
            known |= by_section.get(places[figure], set())
    if (not figures or "{doc}" in claim(one)) and NUMBER.search(claim(one)):
        chapter = ROOT / "chapters" / f"{one['chapter']}.md"
        known |= set().union(*asserted(chapter, chapter.stat().st_mtime_ns)[0].values())
    return known


def entries(code: str) -> list[str]:
    """The full names of the functions of lossbook that a piece of code calls."""
    names = dict.fromkeys(re.findall(r"\b(?:lossbook|metrics|information)\.(\w+)\(", code))
    places = lossbook, lossbook.metrics, lossbook.information
    homes = [next(getattr(place, name) for place in places if hasattr(place, name)) for name in names]
    return [f"{home.__module__}.{name}" for home, name in zip(homes, names, strict=True)]


def box(one: dict, here: str) -> list[str]:
    """The MyST text of a box, without its title."""
    capital = one["loss"][0].upper() + one["loss"][1:]
    api = [f"{{py:obj}}`{name.rsplit('.', 1)[1]} <{name}>`" for name in entries(one.get("lossbook", ""))]
    links = [f"{{doc}}`/chapters/{one['chapter']}`"] if here != f"chapters/{one['chapter']}" else []
    links += ["{doc}`All answers </chapters/reference/choosing>`"] if here != HOME else []
    beware = [one["beware"].replace("../", "/chapters/"), ""] if here == HOME and "beware" in one else []
    calls = [line for library in libraries(one) for line in (
        "{.code-name}", {"torch": "PyTorch"}.get(library, library), "",
        "```python", *one[library].splitlines(), "```", "")]
    return [
        f"**{capital}.** {one['say']}", one["number"].replace("../", "/chapters/"), "", *beware, *calls,
        "::::{admonition} Numbers to try it on", ":class: dropdown",
        "```python", *one["given"].splitlines(), "```", "", shown_value(one), "::::", "",
        "{.answer-links}", " · ".join([*links, *api]),
    ]


class Answers(SphinxDirective):
    """What the three directives share."""

    has_content = True

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        for path in (FILE, *RESULTS.glob("*.json")):
            self.env.note_dependency(str(path))
        node = nodes.container()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, node)
        return node.children

    def one(self, name: str) -> dict:
        if name not in answers():
            raise self.error(f"answers.yml has no answer {name!r}")
        return answers()[name]

    def admonition(self, one: dict, title: str, *classes: str) -> nodes.Node:
        found = nodes.admonition(classes=["answer", *classes])
        found += nodes.title(text=title)
        found += self.parsed(box(one, self.env.docname))
        return found


class Answer(Answers):
    required_arguments, final_argument_whitespace = 1, True

    def run(self) -> list[nodes.Node]:
        return [self.boxed(self.one(name)) for name in self.arguments[0].split()]

    def boxed(self, one: dict) -> nodes.Node:
        found = self.titled(one)
        if self.env.docname == HOME:
            found["ids"] = [f"answer-{one['name']}"]
            std = self.env.get_domain("std")
            std.note_hyperlink_target(f"answer-{one['name']}", HOME, f"answer-{one['name']}", one["case"])
        return found


    def titled(self, one: dict) -> nodes.Node:
        return self.admonition(one, f"Answer: {one['case']}")


class Also(Answer):
    def titled(self, one: dict) -> nodes.Node:
        return self.admonition(one, f"{one['case'][0].upper()}{one['case'][1:]} → {one['loss']}", "dropdown")


class Have(Answers):
    def run(self) -> list[nodes.Node]:
        found = nodes.container(classes=["have"])
        for name in " ".join(self.content).split():
            one = self.one(name)
            found += self.admonition(one, one["have"], "dropdown")
        return [found]


class Tree(Answers):
    def run(self) -> list[nodes.Node]:
        found = nodes.container(classes=["tree"])
        for line in filter(None, self.content):
            question, names = line.rsplit(": ", 1)
            listed = nodes.bullet_list()
            for one in map(self.one, names.split()):
                parts = [nodes.inline("", one["case"], classes=["case"]), nodes.inline("", " → ", classes=["arrow"]),
                         nodes.inline("", one["loss"], classes=["loss"])]
                link = nodes.reference("", "", *parts, internal=True, refid=f"answer-{one['name']}")
                listed += nodes.list_item("", nodes.paragraph("", "", link))
            found += [nodes.paragraph("", question, classes=["question-of"]), listed]
        return [found]


def setup(app):
    for name, directive in {"answer": Answer, "also": Also, "have": Have, "tree": Tree}.items():
        app.add_directive(name, directive)
