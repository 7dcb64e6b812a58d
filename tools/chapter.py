"""What a chapter says: the one place that knows how its text is written, for pages, slides, rules and tests."""

import ast
import re
from pathlib import Path

from myst_nb.core import read as myst_nb
from nbformat import NotebookNode

NUMBER = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?:\s?(%))?|(?<![\w.,-])(\d+)\s?(%)")
# The mark of a slide, in a comment before a block: its kind, of a paragraph how many of its lines, and a title.
SLIDE_MARK = re.compile(r"(slide|also|then|verdict)(?: (\d+)/(\d+))?(?:: (.+))?")


# What asks a reader to predict: in any sentence one of these phrases, or a question at the end of the paragraph, after
# which only comes what we do, or in which figure it is seen.
PREDICT = re.compile(r"(^|[,;:] |\b[Nn]ow |\b[Ff]irst |\band )(predict|guess|sketch|cover)\b(?! nothing)|"
                     r"\bbefore you\b|\bin your head\b|\bdo you expect\b", re.IGNORECASE)
ASIDE = re.compile(r"(We|Let us) |.*\{numref\}")

READ = myst_nb.read_myst_markdown_notebook  # (text, …) -> notebook


def notebook_of(text: str, *args, **how) -> NotebookNode:
    """The cells of a text. Two things are shorter here than in other books of MyST:

    A cell that draws says `:figure: its name`, `:caption:` and `:alt:`, a line each, in YAML.
    Lines that begin with `% assert` are a cell for the book alone: it runs, and nobody sees it.
    """
    notebook = READ(asserts_as_cells(text), *args, **how)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        name, caption, alt = (cell.metadata.pop(key, None) for key in ("figure", "caption", "alt"))
        if name:
            image = {"image": {"alt": alt}} if alt else {}
            cell.metadata["mystnb"] = {"figure": {"name": name, "caption": caption or ""}, **image}
        if only_asserts(cell.source):
            cell.metadata["tags"] = [*tags(cell), "remove-cell"]
    return mark_answers(notebook)


# Sphinx and jupyter-cache read chapters by myst-nb, each in its process; who imports this module lets them read so.
myst_nb.read_myst_markdown_notebook = notebook_of


def asserts_as_cells(text: str) -> str:
    """The text with each block of `% assert …` as a cell, whose fences take the place of the blank lines around it."""

    def wrong(source: str, place: int, what: str) -> ValueError:
        return ValueError(f"line {source.count(chr(10), 0, place) + 1}: {what}")

    def cell(block: re.Match) -> str:
        source = re.sub(r"(?m)^% ?", "", block[1])
        if not only_asserts(source):
            raise wrong(text, block.start(1), "after '% assert' stand asserts only, and they end where the % end")
        return f"```{{code-cell}} ipython3\n{source}\n```\n"

    cells = re.sub(r"(?m)^\n(% assert.*(?:\n%.*)*)\n(?:\n|\Z)", cell, text)
    if left := re.search(r"(?m)^% *assert", cells):
        raise wrong(cells, left.start(), "an empty line must stand before and after a block of '% assert'")
    return cells


def asks_to_predict(paragraph: str) -> bool:
    """Whether a paragraph, a sentence on each line, ends by asking the reader what will come out."""
    lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
    said = lines.copy()
    while said and ASIDE.match(said[-1]) and not said[-1].endswith("?"):
        said.pop()
    return any(map(PREDICT.search, lines)) or (bool(said) and said[-1].endswith("?"))


def mark_answers(notebook: NotebookNode) -> NotebookNode:
    """Mark with `answers_prediction` the cells that answer one: those between a paragraph that asks and the next text.

    A cell of a solution is folded as it is, a figure with sliders is there to be moved, and a cell whose code nobody
    sees is a table of the page.
    """
    asked = solved = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"(?m)^(%|\([\w-]+\)=$|\+\+\+).*$", "", cell.source).strip()
            if text:
                asked = asks_to_predict(text.split("\n\n")[-1])
            if "-start}" in text or "-end}" in text:
                solved = text.rfind("{solution-start}") > text.rfind("{solution-end}")
        elif asked and not solved and "plots.interactive(" not in cell.source and "remove-input" not in tags(cell):
            cell.metadata["answers_prediction"] = True
    return notebook


def only_asserts(source: str) -> bool:
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic command, or a cell that shows an error
        return False
    return bool(body) and all(isinstance(statement, ast.Assert) for statement in body)


def read(path: Path) -> NotebookNode:
    """Read a chapter as a notebook; each cell gets `section`, the heading above it, and `line`, where it begins."""
    try:
        notebook = notebook_of(path.read_text(encoding="utf-8"), add_source_map=True)
    except Exception as problem:  # bad YAML in the header of a cell, for instance, says neither file nor line
        raise ValueError(f"{path}: {problem}") from problem
    cells, section, lines = [], "", path.read_text(encoding="utf-8").split("\n")
    for cell, start in zip(notebook.cells, notebook.metadata.pop("source_map"), strict=True):
        parts = re.split(r"(?m)^(?=## )", cell.source) if cell.cell_type == "markdown" else [cell.source]
        first = cell.source.split("\n", 1)[0]
        line = lines.index(first, max(start - 1, 0)) + 1 if first in lines[start:] else start + 1  # after its header
        for part in parts:
            if cell.cell_type == "markdown" and part.startswith("## "):
                section = part.split("\n", 1)[0][3:].strip()
            if part.strip():
                cells.append(NotebookNode(cell, source=part, section=section, line=line))
            line += part.count("\n")
    notebook.cells = cells
    return notebook


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def without_code(text: str) -> str:
    """Markdown without code, directive lines, options, targets, link addresses, citations and comments."""
    shown = r"literalinclude|bibliography|code-block|figure|image|recorded"
    text = re.sub(rf"(?ms)^(`{{3,}})\{{({shown})\}}.*?^\1\s*$", "", text)
    text = re.sub(r"(?ms)^(`{3,})[a-z]*\n.*?^\1\s*$", "", text)
    text = re.sub(r"(?m)^\s*([`:]{3,}.*|:[\w-]+:.*|\([\w-]+\)=|\+\+\+.*|%.*)$", "", text)
    text = re.sub(r"\{(?:eq|numref|cite:\w+|cite|ref|doc)\}`[^`]*`", "REFERENCE", text)
    text = re.sub(r"\{\w+\}(`[^`]*`)", lambda match: match[1].strip("`"), text)
    text = re.sub(r"(?<!`)`[^`]+`", "CODE", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def prose(text: str) -> str:
    """Markdown without code and without mathematics."""
    text = re.sub(r"(?ms)^(`{3,})\{math\}.*?^\1\s*$|\$\$.*?\$\$", "", text)
    return re.sub(r"\$[^$]+\$", "MATH", without_code(text))


def numbers(text: str) -> set[tuple[float, bool]]:
    """The numbers that a text claims, each with whether it is a percentage."""
    text = without_code(text).replace("{,}", ",").replace("\\,", "").replace("\\%", "%")
    found = set()
    for match in NUMBER.finditer(text):
        digits = (match[1] or match[3]).replace(",", "")
        found.add((float(digits), bool(match[2] or match[4])))
    return found


def constants(cells: list[NotebookNode]) -> set[float]:
    """Every number that stands in the code of these cells."""
    found: set[float] = set()
    for cell in cells:
        for node in ast.walk(parse(cell)):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                found.add(float(node.value))
    return found


def parse(cell: NotebookNode) -> ast.Module:
    return ast.parse(re.sub(r"(?m)^[%!].*$", "", cell.source))


# The parts of the text


def title_of(text: str) -> str:
    return re.search(r"(?m)^# (.+)$", re.sub(r"(?ms)^```.*?^```", "", text))[1]


def code_blocks(text: str) -> list[str]:
    """The code cells as they stand in the text, with their options."""
    return re.findall(r"(?ms)^```\{code-cell\}.*?^```$", text)


def goals(text: str) -> list[str]:
    """The list under "You will be able to:"; none in a chapter that has only been begun."""
    listed = re.search(r"(?m)^You will be able to:\n\n((?:- .+\n)+)", text)
    return listed[1].splitlines() if listed else []


def exercises(text: str) -> list[tuple[str, str]]:
    """The title and the label of each exercise."""
    return re.findall(r"(?m)^[`:]{3,}\{exercise\} ?(.*)\n:label: (\S+)$", text)


def sliders(text: str) -> list[str]:
    """The names of the figures with sliders."""
    return re.findall(r'(?s)plots\.interactive\(.*?name="(fig-[\w-]+)"', text)


def slide_titles(text: str) -> list[str]:
    """The own heading of each slide, "" where it has the heading of its section."""
    return re.findall(r"(?m)^% slide(?: \d+/\d+)?(?:: (.+))?$", text)
