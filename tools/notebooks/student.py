"""Notebooks for students: each chapter's notebook with stubs in place of its solutions, beside the pages.

They come from the notebooks of the chapters, where a solution is a folded text or cell under the name of its exercise.
Where an exercise asks for a function, its stub has that name and those arguments and raises NotImplementedError,
and the next cell hands it to the judge of the chapter. Any other stub is a cell that raises it, or, where the solution
has no code, a place for words. Every stub carries the tag `stub`. What may raise carries the tag `raises-exception`,
over which a run of the whole notebook goes on.
The outputs of cells that answer a prediction go, so that the reader predicts, and runs them.
The self-check questions stay and their reasons go: the page has them, and a teacher can ask the same questions
from the question bank.
"""

import ast
import hashlib
import re
import shutil
from pathlib import Path

import nbformat

from tools.chapter import tags
from tools.layout import HTML, address_of, published_url

OUT = HTML / "student"
EXERCISE = re.compile(r"\*\*(Exercise [\d.]+.*?)\.\*\*")
SOLUTION = "<details>\n<summary><b>Solution to "
REASONS = re.compile(r"(?ms)^> <details>\n> <summary><b>Answers to question .*?^> </details>")
JUDGE = re.compile(r"check\w*|exercises\.\w+")  # of the chapter, or of the package
NOTE = "*Notebook for students: the solutions, and the reasons in the self-check, stand on the page of the chapter.*"


def asked_functions(exercise: str, code: str) -> list[ast.FunctionDef]:
    """The functions of a solution that its exercise names."""
    defined = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    return [function for function in defined if f"`{function.name}(" in exercise]


def judged(code: str, names: list[str]) -> list[str]:
    """The calls of a solution that hand one of these functions to a judge: check(my_loss), exercises.loss(my_loss)."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    judges = {ast.unparse(call.func) for call in calls if JUDGE.fullmatch(ast.unparse(call.func))}
    wanted = {f"{judge}({name})" for judge in judges for name in names}
    return sorted(wanted & set(map(ast.unparse, calls)))


def stubs(exercise: str, code: str) -> list[nbformat.NotebookNode]:
    """The cells that take the place of a solution, whose code is given."""
    name = EXERCISE.match(exercise)[1]
    raises = f'raise NotImplementedError("{name}")'
    functions = asked_functions(exercise, code)
    if not code:
        return [nbformat.v4.new_markdown_cell(f"*Your answer to {name}:*", metadata={"tags": ["stub"]})]
    if not functions:
        source = f"# Your code here, in place of the line below.\n{raises}"
        return [nbformat.v4.new_code_cell(source, metadata={"tags": ["stub", "raises-exception"]})]
    texts = [f"def {function.name}({ast.unparse(function.args)}):\n    {raises}" for function in functions]
    made = [nbformat.v4.new_code_cell("\n\n\n".join(texts), metadata={"tags": ["stub"]})]
    calls = judged(code, [function.name for function in functions])
    if calls:
        source = "\n".join(f"print({call})" for call in calls)
        made.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]}))
    return made


def unanswered(cell: nbformat.NotebookNode) -> None:
    """Take away what a cell has put out, and the fold over it: what comes when it is run shall be seen."""
    cell.outputs, cell.execution_count = [], None
    for name in ("lossbook", "collapsed"):
        cell.metadata.pop(name, None)
    if cell.metadata.get("jupyter", {}).pop("outputs_hidden", None) and not cell.metadata.jupyter:
        del cell.metadata["jupyter"]


def without_solutions(full: nbformat.NotebookNode, page: str) -> nbformat.NotebookNode:
    """The notebook for students, made from the notebook of the chapter."""
    cells, exercise, code = [], "", None

    def close():
        nonlocal code
        if code is not None:
            cells.extend(stubs(exercise, "\n\n".join(code)))
        code = None

    for cell in full.cells:
        if cell.cell_type == "markdown" and cell.source.startswith(SOLUTION):
            code = code if code is not None else []
        elif code is not None and cell.cell_type == "code" and cell.metadata.get("jupyter", {}).get("source_hidden"):
            code.append(cell.source)
        else:
            close()
            if cell.cell_type == "markdown":
                exercise = cell.source if EXERCISE.match(cell.source) else exercise
                cell.source = REASONS.sub(f"> [The reasons stand on the page]({page}).", cell.source)
            cells.append(cell)
    close()
    title, _, rest = cells[0].source.partition("\n\n")
    cells[0].source = "\n\n".join(filter(None, [title, NOTE, rest]))
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and {"stub", "raises-exception"} & {*tags(cell)}:
            cell.execution_count = None
        elif cell.cell_type == "code" and cell.metadata.get("lossbook", {}).get("answers_prediction"):
            unanswered(cell)
        cell.id = hashlib.sha256(f"{place}\n{cell.source}".encode()).hexdigest()[:12]
    full.cells = cells
    nbformat.validate(full)
    return full


def write(notebooks: dict[Path, str]) -> None:
    """Write the notebook for students of each of these notebooks, given by path and text."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for path, text in notebooks.items():
        page = f"{published_url()}{address_of(path)}"
        nbformat.write(without_solutions(nbformat.reads(text, as_version=4), page), OUT / path.name)
