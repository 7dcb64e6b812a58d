"""The notebooks for students: nothing of a solution is left, every exercise has its stub, and they run."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from tools.chapter import only_asserts, tags
from tools.execute.cache import environment
from tools.layout import notebook_chapters
from tools.notebooks import student
from tools.pages import questions

CHAPTERS = [path for path in notebook_chapters() if path.with_suffix(".ipynb").exists()]
SOLUTION = re.compile(r"(?ms)^`{3}\{solution-start\}.*?^`{3}\{solution-end\}$")
CELL = re.compile(r"(?ms)^`{3}\{code-cell\}[^\n]*\n(?:---\n.*?^---\n)?(.*?)^`{3}$")
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def made(chapter) -> nbformat.NotebookNode:
    return student.without_solutions(nbformat.read(chapter.with_suffix(".ipynb"), as_version=4), "page.html")


def code_lines(markdown: str) -> set[str]:
    """The lines of code in the cells of a chapter that the reader sees."""
    cells = [re.sub(r"(?m)^:\w+: .*$", "", cell) for cell in CELL.findall(markdown) if "remove-cell" not in cell]
    cells = [cell for cell in cells if not only_asserts(cell)]
    lines = (line.strip() for cell in cells for line in cell.splitlines())
    return {line for line in lines if len(line) > 12}


def sentences(markdown: str) -> set[str]:
    """The lines of prose without anything that is written otherwise in a notebook."""
    prose = CELL.sub("", markdown)
    return {line for line in prose.splitlines() if len(line) > 30 and not re.search(r"[{}$`'\"*:|\[]|\.\.\.|--", line)}


def leftovers(markdown: str, notebook: nbformat.NotebookNode) -> list[str]:
    """What a notebook still says of the solutions of its chapter. A stub may repeat the head of its function."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code" and "stub" not in tags(cell))
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    solved, rest = "\n".join(SOLUTION.findall(markdown)), SOLUTION.sub("", markdown)
    asked = re.compile(r"print\((check|exercises\.)")
    secret = {line for line in code_lines(solved) - code_lines(rest) if not asked.match(line)}
    here = {line.strip() for line in code.splitlines()}
    return sorted(secret & here) + sorted(line for line in sentences(solved) - sentences(rest) if line in text)


@every_chapter
def test_nothing_of_a_solution_is_left(chapter):
    markdown = chapter.read_text(encoding="utf-8")
    full = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert len(leftovers(markdown, full)) > 10, "the search finds solutions where they stand"
    assert leftovers(markdown, made(chapter)) == []
    assert "Solution to" not in nbformat.writes(made(chapter))


@every_chapter
def test_everything_but_the_solutions_stays(chapter):
    cells = [cell.source for cell in made(chapter).cells if cell.cell_type == "code"]
    kept = {line.strip() for source in cells for line in source.splitlines()}
    assert code_lines(SOLUTION.sub("", chapter.read_text(encoding="utf-8"))) <= kept


@every_chapter
def test_every_exercise_is_followed_by_its_stub(chapter):
    asked = len(re.findall(r"(?m)^`{3}\{exercise\}", chapter.read_text(encoding="utf-8")))
    cells = made(chapter).cells
    exercise, follows = None, {}
    for cell in cells:
        if found := student.EXERCISE.match(cell.source):
            exercise = found[1]
        elif "stub" in tags(cell):
            assert exercise in cell.source
            follows[exercise] = cell.cell_type
    assert len(follows) == sum("stub" in tags(cell) for cell in cells) == asked >= 5
    asks = [cell.source for cell in cells if "raises-exception" in tags(cell)]
    assert any(re.search(r"check|exercises\.", source) for source in asks), "a judge is asked"


@every_chapter
def test_a_question_stays_and_its_reasons_go(chapter):
    path = questions.questions_path(chapter)
    text = "\n".join(cell.source for cell in made(chapter).cells if cell.cell_type == "markdown")
    asked = questions.load(path) if path.exists() else []
    assert text.count("> **Question ") == len(asked)
    assert "**Right.**" not in text
    assert "**Misconception: " not in text


SOLVED = """from lossbook import plots
def my_loss(z, y, w=None):
    return z
def helper(z):
    return 2 * z
print(check_loss(my_loss), check_loss(helper))"""


def test_a_stub_has_the_name_and_the_arguments_that_its_exercise_asks_for():
    text = "**Exercise 1.2 (Write it).** Write `my_loss(z, y)` so that `check_loss(my_loss)` finds nothing."
    stub, asks = student.stubs(text, SOLVED)
    assert stub.source == 'def my_loss(z, y, w=None):\n    raise NotImplementedError("Exercise 1.2 (Write it)")'
    assert asks.source == "print(check_loss(my_loss))"
    assert tags(asks) == ["raises-exception"]
    *_, asks = student.stubs(text, SOLVED.replace("check_loss", "exercises.loss"))
    assert asks.source == "print(exercises.loss(my_loss))"


@pytest.mark.parametrize(("code", "kind", "marks"), [
    ("x = 1", "code", ["stub", "raises-exception"]), ("", "markdown", ["stub"]),
])
def test_a_stub_without_a_function_is_a_cell_or_a_place_for_words(code, kind, marks):
    (stub,) = student.stubs("**Exercise 1.2 (By hand).** What is it?", code)
    assert stub.cell_type == kind
    assert tags(stub) == marks
    assert "Exercise 1.2 (By hand)" in stub.source


def test_a_cell_that_follows_a_solution_and_is_not_folded_stays():
    hidden = {"jupyter": {"source_hidden": True}}
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("# One", "**Exercise 1.1 (A).** What?")]
    text = f"{student.SOLUTION}Exercise 1.1 (A)</b></summary>\n\nThis.\n\n</details>"
    cells.append(nbformat.v4.new_markdown_cell(text))
    cells += [nbformat.v4.new_code_cell("solved = 1", metadata=hidden), nbformat.v4.new_code_cell("handed_out = 1")]
    found = [cell.source for cell in student.without_solutions(nbformat.v4.new_notebook(cells=cells), "p").cells]
    assert "raise NotImplementedError" in found[2]
    assert found[3:] == ["handed_out = 1"]


def test_the_same_chapter_gives_the_same_bytes():
    assert nbformat.writes(made(CHAPTERS[0])) == nbformat.writes(made(CHAPTERS[0]))


def test_a_notebook_runs_to_its_end_and_only_the_stubs_raise(monkeypatch):
    chapter = next(path for path in CHAPTERS if path.stem == "entropy")
    notebook = made(chapter)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    NotebookClient(notebook, resources={"metadata": {"path": str(chapter.parent)}}, timeout=120).execute()
    raised = {cell.id: output.ename for cell in notebook.cells if cell.cell_type == "code"
              for output in cell.outputs if output.output_type == "error"}
    asked = [cell for cell in notebook.cells if "raises-exception" in tags(cell)]
    expected = {cell.id for cell in asked if "exercises." not in cell.source}
    verdicts = [cell.outputs[0].text for cell in asked if "exercises." in cell.source]  # a judge says it, and goes on
    assert verdicts
    assert all(text.startswith("wrong, it does not run: NotImplementedError") for text in verdicts)
    assert set(raised) == expected
    assert set(raised.values()) == {"NotImplementedError"}
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
