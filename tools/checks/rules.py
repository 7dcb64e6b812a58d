"""The rules of STYLE.md that a machine can hold: `problems(path)` lists what a chapter breaks, by rule number."""

import ast
import re
import statistics
import sys
from pathlib import Path

from nbformat import NotebookNode

from tools.chapter import constants, numbers, parse, prose, read, tags

CLOSING = ["Summary", "Exercises", "Further reading"]
DRAWS = re.compile(r"\bplt\.(subplots|figure|show)\(|\bplots\.interactive\(")
TITLE = re.compile(r"\.set_title\(|\bplt\.(title|suptitle)\(|\.suptitle\(|properties\([^)]*title=|Title\(")
GLOBAL_RANDOM = re.compile(
    r"np\.random\.(?!default_rng|Generator|SeedSequence)\w+\(|default_rng\(\)|(?<![\w.])random\.\w+\("
)
TORCH_RANDOM = re.compile(r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)\(")


def opening(notebook: NotebookNode) -> list[str]:
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown" and not c.section)
    found = []
    words = len(prose(text).split())
    if words > 150:
        found.append(f"1: the opening has {words} words, at most 150 are wanted")
    listing = re.search(r"(?s)You will be able to:?\s*\n(.*)", text)
    items = re.findall(r"(?m)^[-*] ", listing[1]) if listing else []
    if not 3 <= len(items) <= 5:
        found.append(f"1: 'You will be able to:' lists {len(items)} things, 3 to 5 are wanted")
    summary = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown" and c.section == "Summary")
    mirrored = len(re.findall(r"(?m)^[-*] ", summary))
    if mirrored != len(items):
        found.append(f"3: the summary has {mirrored} items, the opening list has {len(items)}")
    return found


def code_cells(notebook: NotebookNode) -> list[str]:
    code = [c for c in notebook.cells if c.cell_type == "code"]
    found = []
    for number, cell in enumerate(code):
        imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(parse(cell)))
        if imports != (number == 0):
            found.append("2: the first code cell must hold the imports, and no other: " + cell.source.split("\n")[0])
        if "remove-cell" in tags(cell) and not all(isinstance(node, ast.Assert) for node in parse(cell).body):
            found.append("6: a remove-cell cell holds something other than an assert: " + cell.source.split("\n")[0])
        if GLOBAL_RANDOM.search(cell.source):
            found.append("8: random numbers without a seeded local generator: " + cell.source.split("\n")[0])
        for match in TORCH_RANDOM.finditer(cell.source):
            if "generator=" not in cell.source[match.end() : match.end() + 120].split("\n\n")[0]:
                found.append(f"8: {match[0]} without generator=")
    lengths = [len(c.source.strip().splitlines()) for c in code if "remove-cell" not in tags(c)]
    if lengths and statistics.median(lengths) > 6:
        found.append(f"5: the median cell has {statistics.median(lengths)} lines, at most 6 are wanted")
    if lengths and sum(length > 10 for length in lengths) > 0.1 * len(lengths):
        found.append(f"5: more than 10 % of the cells have over 10 lines: {sorted(lengths, reverse=True)}")
    if lengths and max(lengths) > 25:
        found.append(f"5: a cell has {max(lengths)} lines, at most 25 are wanted")
    return found


def structure(notebook: NotebookNode) -> list[str]:
    markdown = [c for c in notebook.cells if c.cell_type == "markdown"]
    found = []
    sections = list(dict.fromkeys(c.section for c in notebook.cells if c.section))
    if sections[-3:] != CLOSING:
        found.append(f"3: the last sections are {sections[-3:]}, wanted are {CLOSING}")
    everything = "\n".join(prose(c.source) for c in markdown)
    for heading in re.findall(r"(?m)^#+ (.+)$", everything):
        for word in heading.split()[1:]:
            name = re.escape(word.strip(",.:;?!*()"))
            capitalised = re.fullmatch(r"[A-Z][a-z]{2,}", word.strip(",.:;?!*()"))
            in_a_sentence = rf"[a-z,)] {name}\b|[a-z]-{name}\b"
            if capitalised and not re.search(in_a_sentence, re.sub(r"(?m)^#.*$", "", everything)):
                found.append(f"4: heading not in sentence case: {heading}")
    for line in everything.splitlines():
        two_sentences = re.search(r"[a-z0-9)*_\]]{2}[.?!]['\")]* +[A-Z][a-z]* [a-z]", line)
        if two_sentences and not line.lstrip().startswith(("|", "#")):
            found.append(f"4: two sentences on one line: {line.strip()[:80]}")
    misconceptions = [c.section for c in markdown if re.search(r"\{admonition\} Common misconception", c.source)]
    if not misconceptions:
        found.append("9: no admonition is titled 'Common misconceptions'")
    for section in misconceptions:
        beside = [c for c in notebook.cells if c.section == section and c.cell_type == "code"]
        if all("remove-cell" in tags(c) for c in beside):
            found.append(f"9: no cell stands beside the misconceptions in '{section}'")
    return found + exercises(notebook)


def exercises(notebook: NotebookNode) -> list[str]:
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
                found.append(f"10: the solution of {label.strip()} is not folded (:class: dropdown)")
    pairs = re.findall(r"ES(C*)s", sequence)
    if len(pairs) < 5 or len(pairs) != sequence.count("E"):
        found.append(f"10: {sequence.count('E')} exercises, {len(pairs)} of them solved; 5 solved ones are wanted")
    if sum(map(bool, pairs)) * 2 < len(pairs):
        found.append("10: fewer than half of the solutions hold an executed cell")
    return found


def claims(notebook: NotebookNode) -> list[str]:
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
                found.append(f"6: no assert holds the number {value:g}{' %' * percent} in section '{cell.section}'")
    return found


def interactive_alt(cell: NotebookNode) -> str:
    """The alt text that a cell hands to `plots.interactive`."""
    for node in ast.walk(parse(cell)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "interactive":
            for keyword in node.keywords:
                if keyword.arg == "alt" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""


def figures(notebook: NotebookNode) -> list[str]:
    found, before = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before += cell.source
            continue
        if not DRAWS.search(cell.source):
            continue
        first = cell.source.split("\n")[0]
        myst = cell.metadata.get("mystnb", {})
        figure, alt = myst.get("figure", {}), str(myst.get("image", {}).get("alt", ""))
        alt = alt or interactive_alt(cell)
        name = figure.get("name", "")
        if not name.startswith("fig-"):
            found.append(f"7: a figure without a name that begins with fig-: {first}")
        elif f"`{name}`" not in before and f"<{name}>`" not in before:
            found.append(f"7: the text does not refer to {name} before it appears")
        if not str(figure.get("caption", "")).strip():
            found.append(f"7: a figure without a caption: {first}")
        if len(alt.split()) < 8 or not alt.strip().endswith("."):
            found.append(f"7: a figure whose alt text is not a sentence: {first}")
        if TITLE.search(cell.source):
            found.append(f"7: a title inside the plot: {first}")
    return found


def interactive(notebook: NotebookNode) -> list[str]:
    drawn = any("plots.interactive(" in cell.source for cell in notebook.cells)
    return [] if drawn else ["11: no interactive figure"]


def problems(path: Path) -> list[str]:
    """What this chapter breaks, each with the number of the rule in STYLE.md."""
    path = Path(path)
    teaches = path.stem != "index" and path.parent.name != "reference"
    rules = (opening, code_cells, structure, claims, figures, interactive) if teaches else (figures,)
    notebook = read(path)
    return [problem for rule in rules for problem in rule(notebook)]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(name, *problems(Path(name)), sep="\n  ")
