"""What the book demands of a chapter beyond its text: marks and citations that hold, and its place everywhere."""

import re
from pathlib import Path
from typing import NamedTuple

import yaml
from nbformat import NotebookNode

from tools.chapter import SLIDE_MARK, only_asserts, slide_titles, sliders
from tools.layout import ROOT, parts
from tools.questions import line_of, load

FEWEST_SLIDES, FEWEST_QUESTIONS = 12, 5
OPTION = re.compile(r":[\w-]+:( .*)?|---|```.*|:{3,}.*|`{4,}.*|%.*|\+\+\+.*|\([\w-]+\)=")


class Problem(NamedTuple):
    """One thing that a chapter breaks; printed as LINE: rule N: what to do."""

    line: int
    rule: int  # of STYLE.md; 0 for a duty that the rules do not number
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {f'rule {self.rule}' if self.rule else 'duty'}: {self.text}"


def at(cell: NotebookNode, rule: int, text: str, needle: str = "") -> Problem:
    """A problem in a cell, at the line in which ``needle`` stands."""
    before, found, _ = cell.source.partition(needle) if needle else ("", "", "")
    return Problem(cell.line + (before.count("\n") if found else 0), rule, text)


def marks(path: Path) -> list[Problem]:
    """Comments that mark no slide, marks that count other lines than the paragraph has, citations without an entry."""
    lines = path.read_text(encoding="utf-8").split("\n")
    known = set(re.findall(r"(?m)^@\w+\{([\w-]+),", (ROOT / "references.bib").read_text(encoding="utf-8")))
    found, asserted = [], False
    for number, line in enumerate(lines, 1):
        asserted = line.startswith("% assert") or (asserted and line.startswith("%"))
        if line.startswith("%") and not asserted and not inside_code(lines, number):
            match = SLIDE_MARK.fullmatch(line[2:].strip())
            if not match:
                known_marks = "slide, also, then, verdict and assert are (see CONTRIBUTING.md)"
                found.append(Problem(number, 0, f"'{line}' is no mark; {known_marks}"))
            elif match[2] and (problem := miscounted(lines, number, int(match[2]), int(match[3]))):
                found.append(Problem(number, 0, problem))
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", line):
            found += [Problem(number, 13, f"references.bib has no entry {key.strip()}")
                      for key in keys.split(",") if key.strip() not in known]
    return found


def inside_code(lines: list[str], number: int) -> bool:
    """Whether a line stands in a cell or another fenced block of code."""
    return sum(line.startswith("```") for line in lines[: number - 1]) % 2 == 1


def miscounted(lines: list[str], number: int, shown: int, counted: int) -> str:
    """What is wrong with a mark that counts lines, such as `% slide 3/5`; "" if nothing is."""
    after = lines[number:]
    start = next((i for i, line in enumerate(after) if line.strip() and not OPTION.fullmatch(line)), len(after))
    length = next((i for i, line in enumerate(after[start:]) if not line.strip() or OPTION.fullmatch(line)), 0)
    if length == counted and shown <= counted:
        return ""
    return f"the mark counts {counted} lines and shows {shown}, the paragraph has {length}"


def places(path: Path) -> list[Problem]:
    """Where a chapter must be known and is not."""
    text, name = path.read_text(encoding="utf-8"), f"{path.parent.name}/{path.stem}"
    asked = path.with_suffix(".questions.yml")
    count = len(yaml.safe_load(asked.read_text(encoding="utf-8")) or []) if asked.exists() else 0
    plan = yaml.safe_load((ROOT / "chapters/reference/teaching.yml").read_text(encoding="utf-8"))
    figures = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("figures*.py"))
    begun = "TO DO" in text  # the last duties are of a chapter that has its text
    wanted = {
        f"name the page chapters/{name} in _toc.yml": any(f"chapters/{name}" in pages for _, pages in parts()),
        f"give {name} its needs, minutes and question in chapters/reference/teaching.yml": name in plan,
        f"let the ask of {name} in chapters/reference/teaching.yml be a line of the chapter, word for word":
            plan.get(name, {}).get("ask") in text.split("\n"),
        f"list the lecture {name} in chapters/reference/teaching.md":
            name in (ROOT / "chapters/reference/teaching.md").read_text(encoding="utf-8"),
        f"write at least {FEWEST_QUESTIONS} questions into {asked.name}, there are {count}": count >= FEWEST_QUESTIONS,
        "show the questions by the directive {questions}, once": text.count("```{questions}") == 1,
        f"mark at least {FEWEST_SLIDES - 1} slides beside the title, there are {len(slide_titles(text))}":
            len(slide_titles(text)) >= FEWEST_SLIDES - 1,
        "let one exercise ask for code and judge it: a function check…, or one of lossbook.exercises":
            re.search(r"\bdef check\w*\(|\bexercises\.\w+\(", text) is not None,
        **{f"give {figure} a row in tests/figures.py": f'"{figure}"' in figures for figure in sliders(text)},
        **{f"link to {{doc}}`../{name}` from chapters/reference/{page}": begun or f"`../{name}`" in
           (ROOT / "chapters/reference" / page).read_text(encoding="utf-8") for page in ("glossary.md", "notation.md")},
        "define a term in bold, as the glossary has it": begun or "**" in text,
    }
    return [Problem(1, 0, what) for what, holds in wanted.items() if not holds] + wrong_questions(asked)


def wrong_questions(asked: Path) -> list[Problem]:
    """What is wrong with the questions of a chapter, with the line of their file."""
    try:
        load(asked)
    except (ValueError, yaml.YAMLError) as problem:
        mark = getattr(problem, "problem_mark", None)
        if mark:
            return [Problem(1, 0, f"{asked.name}:{mark.line + 1}: {getattr(problem, 'problem', problem)}")]
        return [Problem(1, 0, f"{asked.name}:{line_of(asked, said)}: {said.removeprefix(f'{asked.name}: ')}")
                for said in str(problem).split("\n")]
    except FileNotFoundError:
        pass  # said above
    return []


def machinery(path: Path) -> float:
    """The share of a chapter's lines that are for the book alone: front matter, marks, asserts, fences and options.

    A caption and an alt text are options too, and are not counted: a reader sees the one and hears the other.
    """
    text = path.read_text(encoding="utf-8")
    left = re.sub(r"(?s)\A---\n.*?\n---\n", "", text)
    left = re.sub(r"(?ms)^```\{code-cell\}[^\n]*\n(.*?)^```$", lambda cell: seen(cell[1]), left)
    left = re.sub(r"(?m)^%.*$", "", left)
    return 1 - filled(left) / filled(text)


def seen(cell: str) -> str:
    """What a reader gets of a cell: its code, caption and alt text; nothing of one that holds asserts."""
    header, options = re.match(r"(?s)(?:---\n.*?^---\n)?", cell, re.MULTILINE)[0], r"(?m)^:(?:tags|figure|mystnb): .*$"
    code = re.sub(options, "", cell.removeprefix(header))
    return "" if only_asserts(re.sub(r"(?m)^:\w+: .*$", "", code)) else code


def filled(text: str) -> int:
    return sum(bool(line.strip()) for line in text.split("\n"))
