"""What answers a prediction: by which rule, folded on the page, taken from the notebook for students."""

import nbformat
import pytest
from bs4 import BeautifulSoup

from tools.browser import open_page
from tools.chapter import asks_to_predict, notebook_of, read
from tools.layout import HTML, address_of, notebook_chapters
from tools.notebooks import student
from tools.pages.predictions import fold_answers

CHAPTERS = [path for path in notebook_chapters() if path.parent.name != "reference"]
FOCAL = "chapters/imbalance/focal.html"


@pytest.mark.parametrize("paragraph", [
    "Take two boxes.\nWhich is larger?",
    "Guess the two losses before you run the cell.",
    "Let it run from 20, and predict how it ends.",
    "Add up the errors in your head before you look.",
    "Where will it be, in {numref}`fig-x`?",
    "Is that enough?\nWe compute the share.\n{numref}`fig-x` has the answer.",
    "What do you expect of the curves?\nIt is a layer that works during training only.",
])
def test_a_paragraph_asks_to_predict(paragraph):
    assert asks_to_predict(paragraph)


@pytest.mark.parametrize("paragraph", [
    "Three models want to guess its letters.",
    "We make one guess, and write it in three forms.",
    "To predict such a mask is called segmentation.",
    "How should one compute it?\nThe naive form takes the logarithm.",
    "## What is it?",
    "{numref}`fig-x` shows the curve.",
    "We compute it.",
    "",
])
def test_a_paragraph_does_not_ask(paragraph):
    assert not asks_to_predict(paragraph)


TEXT = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3}
---

# One

What is it?

```{code-cell}
quiet = 1
```

% then

```{code-cell}
print("answer")
```

```{code-cell}
plots.interactive(chart)
```

It is this.

```{code-cell}
print("no answer")
```

```{solution-start} ex
```

Which?

```{code-cell}
print("solution")
```

```{solution-end}
```

And now?

```{code-cell}
print("the last")
```
"""


def test_the_cells_between_a_question_and_the_next_text_answer_it():
    cells = [cell for cell in notebook_of(TEXT).cells if cell.metadata.get("answers_prediction")]
    assert [cell.source for cell in cells] == ["quiet = 1", 'print("answer")', 'print("the last")']


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_lets_its_reader_predict(chapter):
    assert sum(cell.metadata.get("answers_prediction", False) for cell in read(chapter).cells) >= 4


def test_an_output_is_folded_and_its_code_is_not():
    cell = '<div class="cell CLASS"><div class="cell_input">code</div><div class="cell_output">42</div></div>'
    soup = BeautifulSoup(cell.replace("CLASS", "answers-prediction") + cell.replace("CLASS", "other"), "html.parser")
    fold_answers(soup)
    (fold,) = soup.find_all("details")
    assert [child.name for child in fold.find_all(True, recursive=False)] == ["summary", "div"]
    assert "code" not in fold.get_text()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_notebook_for_students_shows_no_answer_and_the_other_outputs(chapter, built_book):
    notebook = nbformat.read(built_book / "student" / f"{chapter.stem}.ipynb", as_version=4)
    full = nbformat.read(HTML / address_of(chapter).replace(".html", ".ipynb"), as_version=4)
    answers = {cell.source for cell in full.cells if cell.metadata.get("lossbook", {}).get("answers_prediction")}
    assert any(cell.outputs for cell in full.cells if cell.source in answers)
    shown = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert answers <= set(shown)
    assert [source for source in answers if shown[source].outputs or shown[source].metadata.get("jupyter", {}).get(
        "outputs_hidden")] == []
    assert sum(bool(cell.outputs) for source, cell in shown.items() if source not in answers) >= 5


def test_an_answer_loses_its_output_and_the_fold_over_it():
    cell = nbformat.v4.new_code_cell("print(1)", execution_count=3, metadata={
        "lossbook": {"answers_prediction": True}, "collapsed": True, "jupyter": {"outputs_hidden": True}})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1")]
    student.unanswered(cell)
    assert (cell.outputs, cell.execution_count, cell.metadata) == ([], None, {})


OPEN = "[...document.querySelectorAll('details.outcome .cell_output')].map(box => box.checkVisibility({" \
       "contentVisibilityAuto: true, visibilityProperty: true}) && box.getBoundingClientRect().height > 5)"


def test_an_answer_opens_by_keyboard_and_on_paper(browser, site):
    tab = browser.new_page()
    open_page(tab, site + FOCAL)
    assert len(tab.evaluate(OPEN)) >= 4
    assert not any(tab.evaluate(OPEN))
    summary = tab.query_selector("details.outcome > summary")
    summary.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate(OPEN).count(True) == 1
    tab.keyboard.press("Enter")
    tab.emulate_media(media="print")
    tab.wait_for_function(f"{OPEN}.every(Boolean)")  # a picture is laid out when it has come
    assert not summary.is_visible()
    tab.close()


def test_an_answer_stands_open_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site + FOCAL)
    boxes = tab.query_selector_all("details.outcome .cell_output")
    assert len(boxes) >= 4
    assert all(box.is_visible() and box.bounding_box()["height"] > 5 for box in boxes)
    assert not tab.query_selector("details.outcome > summary").is_visible()
    context.close()
