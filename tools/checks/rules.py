"""The rules of STYLE.md that a machine can hold, and what else the book demands of a chapter.

    make rules FILE=chapters/x/y.md     what a chapter breaks, as FILE:LINE: rule N: what is wrong and what is wanted

Rules with a number stand in STYLE.md. "duty" is what a chapter must have elsewhere: its place in the table of contents
and on the map, its questions, slides, plan and figures (see duties.py).
"""

import ast
import re
import statistics
import sys
from pathlib import Path

from nbformat import NotebookNode

from tools.chapter import constants, numbers, parse, prose, read, tags
from tools.checks import duties
from tools.checks.duties import Problem, at
from tools.layout import ROOT

# The smallest letters of a figure, in points: those of the style.
SIZES = re.compile(r"(?m)^(?:font|axes|[xy]tick|legend)\.(?:label|font)?size: ([\d.]+)$")
SMALLEST = min(map(float, SIZES.findall((ROOT / "lossbook" / "lossbook.mplstyle").read_text(encoding="utf-8"))))
CLOSING = ["Summary", "Exercises", "Further reading"]
DRAWS = re.compile(r"\bplt\.(subplots|figure|show)\(|\bplots\.interactive\(")
COLOURS = re.compile(r"\.(?:imshow|pcolormesh|pcolor|contourf)\(")
TITLE = re.compile(r"\.set_title\(|\bplt\.(title|suptitle)\(|\.suptitle\(|properties\([^)]*title=|Title\(")
LETTERS = re.compile(r"(?:fontsize|labelsize|font\.size)\"?\s*[=:]\s*\"?([\w.-]+)")
GLOBAL_RANDOM = re.compile(
    r"np\.random\.(?!default_rng|Generator|SeedSequence)\w+\(|default_rng\(\)|(?<![\w.])random\.\w+\("
)
WIDTH = 80  # columns that a page shows of a line of code
TORCH_RANDOM = re.compile(r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)\(")


def opening(notebook: NotebookNode) -> list[Problem]:
    first = notebook.cells[0]
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown" and not c.section)
    found = []
    words = len(prose(text).split())
    if words > 150:
        found.append(at(first, 1, f"the opening has {words} words, at most 150 are wanted", "# "))
    listing = re.search(r"(?s)You will be able to:?\s*\n(.*)", text)
    items = re.findall(r"(?m)^[-*] ", listing[1]) if listing else []
    if not 3 <= len(items) <= 5:
        found.append(at(first, 1, f"'You will be able to:' lists {len(items)} things, 3 to 5 are wanted",
                        "You will be able to"))
    summary = [c for c in notebook.cells if c.cell_type == "markdown" and c.section == "Summary"]
    mirrored = sum(len(re.findall(r"(?m)^[-*] ", c.source)) for c in summary)
    if mirrored != len(items):
        found.append(at((*summary, notebook.cells[-1])[0], 3,
                        f"the summary has {mirrored} items, the opening list has {len(items)}"))
    return found


def code_cells(notebook: NotebookNode) -> list[Problem]:
    code = [c for c in notebook.cells if c.cell_type == "code"]
    found = []
    for number, cell in enumerate(code):
        imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(parse(cell)))
        if imports != (number == 0):
            found.append(at(cell, 2, "the first code cell must hold the imports, and no other cell any"))
        if "remove-cell" in tags(cell) and not all(isinstance(node, ast.Assert) for node in parse(cell).body):
            found.append(at(cell, 6, "a cell with remove-cell may hold nothing but asserts"))
        if GLOBAL_RANDOM.search(cell.source):
            found.append(at(cell, 8, "random numbers need a local generator with a seed"))
        for match in TORCH_RANDOM.finditer(cell.source):
            if "generator=" not in cell.source[match.end() : match.end() + 120].split("\n\n")[0]:
                found.append(at(cell, 8, f"{match[0]} needs generator=", match[0]))
    shown = [c for c in code if "remove-cell" not in tags(c)]
    lengths = [len(c.source.strip().splitlines()) for c in shown]
    if lengths and statistics.median(lengths) > 6:
        found.append(at(code[0], 5, f"the median cell has {statistics.median(lengths)} lines, at most 6 are wanted"))
    if lengths and sum(length > 10 for length in lengths) > 0.1 * len(lengths):
        long = ", ".join(str(c.line) for c, length in zip(shown, lengths, strict=True) if length > 10)
        found.append(at(code[0], 5, f"more than 10 % of the cells have over 10 lines, those at the lines {long}"))
    for cell, length in zip(shown, lengths, strict=True):
        if length > 25:
            found.append(at(cell, 5, f"the cell has {length} lines, at most 25 are wanted"))
    return found


def widths(notebook: NotebookNode) -> list[Problem]:
    """Rule 5, too: a line of code that a reader sees without unfolding it ends where the page ends."""
    return [
        at(cell, 5, f"a visible line of code has {len(line)} columns, at most {WIDTH} are shown", line)
        for cell in notebook.cells
        if cell.cell_type == "code" and not {"remove-cell", "hide-input"} & set(tags(cell))
        for line in cell.source.splitlines()
        if len(line) > WIDTH
    ]


def structure(notebook: NotebookNode) -> list[Problem]:
    markdown = [c for c in notebook.cells if c.cell_type == "markdown"]
    found = []
    sections = list(dict.fromkeys(c.section for c in notebook.cells if c.section))
    if sections[-3:] != CLOSING:
        found.append(at(notebook.cells[-1], 3, f"the last sections are {sections[-3:]}, wanted are {CLOSING}"))
    everything = "\n".join(prose(c.source) for c in markdown)
    for cell in markdown:
        headings = re.findall(r"(?m)^#+ (.+)$", prose(cell.source))
        found += [at(cell, 4, f"a heading is not in sentence case: {heading}", heading)
                  for heading in headings if not in_sentence_case(heading, everything)]
        for line in prose(cell.source).splitlines():
            two_sentences = re.search(r"[a-z0-9)*_\]]{2}[.?!]['\")]* +[A-Z][a-z]* [a-z]", line)
            if two_sentences and not line.lstrip().startswith(("|", "#")):
                found.append(at(cell, 4, f"two sentences on one line: {line.strip()[:80]}", two_sentences[0]))
    misconceptions = [c for c in markdown if re.search(r"\{admonition\} Common misconception", c.source)]
    if not misconceptions:
        found.append(at(notebook.cells[-1], 9, "no admonition is titled 'Common misconceptions'"))
    for told in misconceptions:
        beside = [c for c in notebook.cells if c.section == told.section and c.cell_type == "code"]
        if all("remove-cell" in tags(c) for c in beside):
            found.append(at(told, 9, f"no cell stands beside the misconceptions in '{told.section}'", "{admonition}"))
    return found + exercises(notebook)


def in_sentence_case(heading: str, everything: str) -> bool:
    """Whether each word with a capital, but the first, is a name: it has one inside a sentence, too."""
    sentences = re.sub(r"(?m)^#.*$", "", everything)
    for word in (word.strip(",.:;?!*()") for word in heading.split()[1:]):
        name = re.escape(word)
        if re.fullmatch(r"[A-Z][a-z]{2,}", word) and not re.search(rf"[a-z,)] {name}\b|[a-z]-{name}\b", sentences):
            return False
    return True


def exercises(notebook: NotebookNode) -> list[Problem]:
    """Rule 10, read as a sequence: E an exercise, S and s a solution's start and end, C a code cell."""
    sequence, found = "", []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            sequence += "" if "remove-cell" in tags(cell) else "C"
            continue
        for name, label in re.findall(r"(?m)^[`:]{3,}\{(exercise|solution-start|solution-end)\}(.*)$", cell.source):
            sequence += {"exercise": "E", "solution-start": "S", "solution-end": "s"}[name]
            start = cell.source.index(f"{{{name}}}{label}")
            if name == "solution-start" and ":class: dropdown" not in cell.source[start : start + 200]:
                found.append(at(cell, 10, f"the solution of {label.strip()} is not folded (:class: dropdown)", label))
    pairs = re.findall(r"ES(C*)s", sequence)
    if len(pairs) < 5 or len(pairs) != sequence.count("E"):
        found.append(at(notebook.cells[-1], 10, f"{sequence.count('E')} exercises, {len(pairs)} of them solved; "
                        "at least 5, each followed by its solution, are wanted"))
    if sum(map(bool, pairs)) * 2 < len(pairs):
        found.append(at(notebook.cells[-1], 10, "fewer than half of the solutions hold an executed cell"))
    return found


def claims(notebook: NotebookNode) -> list[Problem]:
    found = []
    code = [c for c in notebook.cells if c.cell_type == "code"]
    asserted = constants([c for c in code if "remove-cell" in tags(c)])
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or cell.section == "Further reading":
            continue
        known = asserted | constants([c for c in code if c.section == cell.section])
        for value, percent in sorted(numbers(cell.source)):
            options = {value, value / 100} if percent else {value}
            if not any(abs(option - other) < 1e-9 for option in options for other in known):
                digits = f"{value:,.12g}" if value >= 1000 else f"{value:.12g}"
                said = f"the number {value:g}{' %' * percent}"
                found.append(at(cell, 6, f"no assert in section '{cell.section}' holds {said}", digits))
    return found


def interactive_alt(cell: NotebookNode) -> str:
    """The alt text that a cell hands to `plots.interactive`."""
    for node in ast.walk(parse(cell)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "interactive":
            for keyword in node.keywords:
                if keyword.arg == "alt" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""


def shows_values_as_colours(cell: NotebookNode, notebook: NotebookNode) -> bool:
    """Whether a cell draws a picture or a map, itself or by a function of its chapter."""
    helpers = [node.name for one in notebook.cells if one.cell_type == "code" for node in parse(one).body
               if isinstance(node, ast.FunctionDef) and COLOURS.search(ast.unparse(node))]
    return bool(COLOURS.search(cell.source) or any(re.search(rf"\b{name}\(", cell.source) for name in helpers))


def figures(notebook: NotebookNode) -> list[Problem]:
    found, before = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before += cell.source
            continue
        if not DRAWS.search(cell.source):
            continue
        myst = cell.metadata.get("mystnb", {})
        figure, alt = myst.get("figure", {}), str(myst.get("image", {}).get("alt", ""))
        alt = alt or interactive_alt(cell)
        name = figure.get("name", "")
        if not name.startswith("fig-"):
            found.append(at(cell, 7, "the figure needs a name that begins with fig-"))
        elif f"`{name}`" not in before and f"<{name}>`" not in before:
            found.append(at(cell, 7, f"the text must refer to {name} before it appears"))
        if not str(figure.get("caption", "")).strip():
            found.append(at(cell, 7, "the figure needs a caption"))
        if len(alt.split()) < 8 or not alt.strip().endswith("."):
            found.append(at(cell, 7, "the figure needs an alt text, a sentence of at least eight words"))
        if shows_values_as_colours(cell, notebook) and "keep-colours" not in tags(cell):
            found.append(at(cell, 18, "a picture needs the tag keep-colours, or it becomes a negative in the dark"))
        if TITLE.search(cell.source):
            found.append(at(cell, 7, "no title may stand inside the plot"))
        for call in LETTERS.finditer(cell.source):
            if not call[1].replace(".", "").isdigit() or float(call[1]) < SMALLEST:
                found.append(at(cell, 18, f"letters of {call[1]} are too small on a phone, {SMALLEST:g} points are "
                                "the least", call[0]))
    return found


def interactive(notebook: NotebookNode) -> list[Problem]:
    drawn = any("plots.interactive(" in cell.source for cell in notebook.cells)
    return [] if drawn else [at(notebook.cells[-1], 11, "no figure is made with plots.interactive")]


def unreadable(notebook: NotebookNode) -> list[Problem]:
    """The cells that are no Python, each with the line of its mistake."""
    found = []
    for cell in notebook.cells:
        try:
            parse(cell) if cell.cell_type == "code" else None
        except SyntaxError as problem:
            line, code = cell.line + (problem.lineno or 1) - 1, (problem.text or "").strip()
            found.append(Problem(line, 0, f"{problem.msg}: {code}"))
    return found


def problems(path: Path) -> list[Problem]:
    """What this chapter breaks, in the order of its lines."""
    path = Path(path)
    teaches = path.stem != "index" and path.parent.name != "reference"
    rules = (opening, code_cells, widths, structure, claims, figures, interactive) if teaches else (figures,)
    try:
        notebook = read(path)
    except ValueError as problem:
        line = re.search(r"line (\d+): ", str(problem))
        return [Problem(int(line[1]) if line else 1, 0, str(problem).removeprefix(f"{path}: "))]
    if wrong := unreadable(notebook):
        return wrong
    found = [problem for rule in rules for problem in rule(notebook)] + duties.marks(path)
    in_the_book = path.resolve().is_relative_to(ROOT / "chapters")
    return sorted(found + (duties.places(path) if teaches and in_the_book else []))


def main(names: list[str]) -> int:
    """Print what each chapter breaks, and its share of machinery; return how many problems there are."""
    count = 0
    for path in map(Path, names):
        found = problems(path)
        count += len(found)
        for problem in found:
            print(f"{path}:{problem}")
        lines = path.read_text(encoding="utf-8").split("\n")
        todo = [number for number, line in enumerate(lines, 1) if "TO DO" in line]
        if todo:
            print(f"{path}:{todo[0]}: {len(todo)} lines still say TO DO")
        print(f"{path}: {duties.machinery(path):.0%} of its lines are machinery; {len(found) or 'no'} problems")
    return count


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
