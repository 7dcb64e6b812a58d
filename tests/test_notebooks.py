"""The notebooks for Colab: plain Markdown, the chapter's code one to one, text outputs, in step with the chapters."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook

from tools.layout import ROOT, notebook_chapters, published_url, repository_url
from tools.notebooks import write
from tools.notebooks.builder import assemble
from tools.notebooks.cells import Writer, text_outputs
from tools.notebooks.leaks import compared, leaks
from tools.notebooks.markdown import display_math

FRONT = """---
jupytext: {text_representation: {extension: .md, format_name: myst, format_version: 0.13}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""

INDEX = "# A book\n\nSee {doc}`kinds` and {doc}`sources`.\n"

KINDS = FRONT + """
(chap-kinds)=
# Kinds

A note[^a], {term}`nat`, [a page](sources.md), {ref}`its title <chap-kinds>`.
It costs 5 \\$ or 3*2 and a_b < c.
{cite:t}`someone2017word` wrote it {cite:p}`someone2017word`.
See {eq}`eq-one`, {numref}`fig-drawn`, {numref}`fig-given`, {numref}`tab-one` and {ref}`ex-one`.

[^a]: The text of the note.

```{math}
:label: eq-one
a &= \\frac{1}{2} \\\\
b &= c
```

\\begin{align*}
x &= y \\\\
z &= 1
\\end{align*}

## Boxes

::::{note}
Outer.

:::{tip}
Inner, with

$$
a
= b
$$
:::
::::

```{admonition} A hint
:class: dropdown
Look closer.
```

A term
: Its meaning.

```{glossary}
nat
  A unit.
```

```{list-table} A table
:header-rows: 1
:name: tab-one
* - a
  - b
* - $p(x|y)$
  - two
```

```{figure} pic.svg
:alt: A dot.
:name: fig-given
A *given* figure.
```

1. one
2. two
   - inner

> quoted

```{literalinclude} ../lossbook/__init__.py
:language: python
:lines: 1
```

```{code-cell} ipython3
import matplotlib.pyplot as plt
from IPython.display import HTML
```

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-drawn
    caption: A line, as in {eq}`eq-one`.
  image:
    alt: A line that rises.
---
fig, ax = plt.subplots(figsize=(2, 2))
ax.plot([1, 2])
plt.show()
```

```{code-cell} ipython3
:tags: [remove-cell]
assert True
```

```{code-cell} ipython3
:tags: [hide-input, nbval-ignore-output]
counts = {"a": {1}}
print(f"{counts!r}")
```

```{code-cell} ipython3
:tags: [hide-output]
HTML("<b>bold</b>")
```

```{code-cell} ipython3
:tags: [raises-exception]
1 / 0
```

```{code-cell} ipython3
:tags: [gpu, skip-execution]
print("on the GPU")
```

```{code-cell} ipython3
:tags: [remove-input]
print("shown without its code")
```

```{exercise} A question
:label: ex-one
What is it?
```

```{solution-start} ex-one
:class: dropdown
```

It is this:

```{code-cell} ipython3
6 * 7
```

And that.

```{solution-end}
```

```{exercise-start}
:label: ex-two
```

Do it.

```{code-cell} ipython3
todo = None
```

```{exercise-end}
```

```{solution-start} ex-two
:class: dropdown
```

```{code-cell} ipython3
todo = 1
```

```{solution-end}
```
"""

# What tools.build does with the notebooks, without its other stages.
COMMAND = """
import sys
from tools.execute.run import execute
from tools.layout import executable_chapters
from tools.notebooks import write

assert execute(executable_chapters()) == []
sys.exit(write.put_beside_chapters(write.generate(), check="--check" in sys.argv) > 0)
"""
SITE = published_url()
PAGE = f"{SITE}chapters/kinds.html"
BIBLIOGRAPHY = f"{SITE}chapters/sources.html#cite-someone2017word"
SHOWN = {
    "title": "# Kinds\n\n*Run the cells from top to bottom, or ",
    "the way to the page": f"read [this chapter as a page]({PAGE}).*",
    "footnote mark": "A note<sup>1</sup>",
    "footnote": "<sup>1</sup> The text of the note.",
    "term": f"[nat]({PAGE}#term-nat)",
    "link to a page": f"[a page]({SITE}chapters/sources.html)",
    "link to a place": f"[its title]({PAGE}#chap-kinds)",
    "special characters": r"It costs 5 \$ or 3\*2 and a_b < c.",
    "citation in the text": f"Someone [[2017]({BIBLIOGRAPHY})] wrote it [[Someone, 2017]({BIBLIOGRAPHY})].",
    "references": f"See [(1)]({PAGE}#equation-eq-one), [Fig. 2]({PAGE}#fig-drawn), [Fig. 1]({PAGE}#fig-given)",
    "reference to a table": f"[Table 1]({PAGE}#tab-one) and [Exercise 1]({PAGE}#ex-one).",
    "numbered mathematics": r"$$ \begin{aligned} a &= \frac{1}{2} \\ b &= c \end{aligned} \tag{1} $$",
    "amsmath": r"$$ \begin{aligned} x &= y \\ z &= 1 \end{aligned} $$",
    "heading": "## Boxes",
    "nested boxes": "> **Note**\n>\n> Outer.\n>\n> > **Tip**\n> >\n> > Inner, with\n> >\n> > $$ a = b $$",
    "folded box": "<details>\n<summary><b>A hint</b></summary>\n\nLook closer.\n\n</details>",
    "definition": "- **A term**: Its meaning.",
    "glossary": "- **nat**: A unit.",
    "table": "**Table 1.** A table\n\n| a | b |\n| --- | --- |\n| $p(x\\vert y)$ | two |",
    "picture": f"![A dot.]({SITE}_images/pic.svg)\n\n**Fig. 1.** A *given* figure.",
    "lists": "1. one\n2. two\n   - inner",
    "quotation": "> quoted",
    "included source": '```python\n"""',
    "caption": f"**Fig. 2.** A line, as in [(1)]({PAGE}#equation-eq-one).\n\n",
    "alt text": "\n\n*In words:* A line that rises.",
    "exercise": "**Exercise 1 (A question).** What is it?",
    "solution": "<details>\n<summary><b>Solution to Exercise 1 (A question)</b></summary>\n\nIt is this:\n\n</details>",
    "solution after code": "<summary><b>Solution to Exercise 1 (A question), continued</b></summary>\n\nAnd that.",
    "exercise with code": "**Exercise 2.** Do it.",
    "solution of code alone": "<summary><b>Solution to Exercise 2</b></summary>\n\nThe next cell holds it.",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book of its own, with the tools and the configuration of this one."""
    root = tmp_path_factory.mktemp("book")
    for folder in ("tools", "lossbook", "bench"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["html"].pop("favicon", None)
    config["sphinx"]["local_extensions"] = {"tools.pages.theme": ".", "tools.notebooks.builder": "."}
    for key in ("templates_path", "html_static_path"):
        config["sphinx"]["config"].pop(key, None)
    (root / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    contents = {"chapters": [{"file": "chapters/kinds"}, {"file": "chapters/sources"}]}
    contents = {"format": "jb-book", "root": "chapters/index", "parts": [contents]}
    (root / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    (root / "requirements.txt").write_text("", encoding="utf-8")
    work = "@misc{someone2017word, author={Someone, Ann}, title={Word}, year={2017}}\n"
    (root / "references.bib").write_text(work, encoding="utf-8")
    (root / "chapters").mkdir()
    (root / "chapters" / "index.md").write_text(INDEX, encoding="utf-8")
    (root / "chapters" / "sources.md").write_text("# Sources\n\n```{bibliography}\n```\n", encoding="utf-8")
    (root / "chapters" / "kinds.md").write_text(KINDS, encoding="utf-8")
    (root / "chapters" / "pic.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    done = run(root)
    assert done.returncode == 0, done.stderr
    assert "kinds.ipynb written" in done.stdout
    return root


def run(root, *arguments):
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def notebook(book):
    return nbformat.read(book / "chapters" / "kinds.ipynb", as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell_with(notebook, text):
    return next(cell for cell in notebook.cells if text in cell.source)


@pytest.mark.parametrize("kind", SHOWN)
def test_the_reader_sees_plain_markdown(kind, notebook):
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert SHOWN[kind] in text, text


def test_a_plain_notebook_leaks_nothing(notebook):
    assert leaks(notebook) == []


def test_code_cells_are_the_chapters_one_to_one(notebook):
    assert [cell.source for cell in code_of(notebook)[1:]] == visible_code(KINDS)


def visible_code(text):
    cells = read_myst_markdown_notebook(text).cells
    return [c.source for c in cells if c.cell_type == "code" and "remove-cell" not in c.metadata.get("tags", [])]


def test_outputs_are_text(notebook):
    outputs = {cell.source: [dict(output) for output in cell.outputs] for cell in code_of(notebook)}
    assert outputs["6 * 7"][0]["data"] == {"text/plain": "42"}
    assert outputs['HTML("<b>bold</b>")'][0]["data"] == {"text/plain": "<IPython.core.display.HTML object>"}
    assert outputs['print("shown without its code")'][0]["text"] == "shown without its code\n"
    assert outputs["1 / 0"][0]["traceback"] == ["ZeroDivisionError: division by zero"]
    assert outputs['print("on the GPU")'] == []
    drawn = next(value for source, value in outputs.items() if "plt.show" in source)
    assert drawn[0]["data"] == {"text/plain": "<Figure size 200x200 with 1 Axes>"}


def test_what_is_printed_is_one_output_however_the_kernel_cut_it():
    pieces = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    assert [output.text for output in text_outputs(outputs, 1)] == ["a\nb\n", "c\n", "d\n"]


def test_tags_are_kept_and_cells_that_do_not_run_are_skipped(notebook):
    assert cell_with(notebook, "1 / 0").metadata.tags == ["raises-exception"]
    assert cell_with(notebook, "print(f").metadata.tags == ["hide-input", "nbval-ignore-output"]
    gpu = cell_with(notebook, "on the GPU")
    assert gpu.metadata.tags == ["gpu", "skip-execution", "nbval-skip"]
    assert gpu.execution_count is None


def test_what_the_page_folds_is_folded(notebook):
    everything = {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "cellView": "form", "collapsed": True}
    assert cell_with(notebook, "6 * 7").metadata == everything
    assert cell_with(notebook, "print(f").metadata["jupyter"] == {"source_hidden": True}
    assert cell_with(notebook, "HTML(").metadata["jupyter"] == {"outputs_hidden": True}
    assert cell_with(notebook, "todo = None").metadata == {}


def test_a_chapter_with_gpu_cells_asks_for_a_gpu(notebook):
    assert notebook.metadata.accelerator == "GPU"
    assert set(notebook.metadata) == {"kernelspec", "language_info", "lossbook", "accelerator", "colab"}


def test_a_run_from_nothing_changes_no_byte(book):
    before = (book / "chapters" / "kinds.ipynb").read_bytes()
    shutil.rmtree(book / "_build")
    again = run(book)
    assert "1 to execute" in again.stdout
    assert "5 of 6 cells with output are compared exactly" in again.stdout
    assert "written" not in again.stdout
    assert (book / "chapters" / "kinds.ipynb").read_bytes() == before


def test_what_is_out_of_step_is_named_and_mended(book):
    chapter, notebook, orphan = (book / "chapters" / name for name in ("kinds.md", "kinds.ipynb", "gone.ipynb"))
    before = notebook.read_bytes()
    chapter.write_text(KINDS.replace("Outer.", "Another."), encoding="utf-8")
    orphan.write_text("{}", encoding="utf-8")
    check = run(book, "--check")
    assert check.returncode == 1
    assert "kinds.ipynb is out of step with its chapter" in check.stdout
    assert "chapters/gone.ipynb is out of step" in check.stdout
    assert notebook.read_bytes() == before
    chapter.write_text(KINDS, encoding="utf-8")
    mended = run(book)
    assert "chapters/gone.ipynb removed" in mended.stdout
    assert "kinds.ipynb" not in mended.stdout, "its text was that of the chapter all the time"
    assert not orphan.exists()


def made(*texts: str, code: str = "1") -> nbformat.NotebookNode:
    """A notebook as the builder assembles it."""
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("# A title", *texts)]
    text = assemble([*cells, nbformat.v4.new_code_cell(code)], "https://example.org/a/b", "https://example.org", False)
    return nbformat.reads(text, as_version=4)


def test_a_chapter_put_before_this_one_changes_no_cells_identity():
    before, after = made("**Exercise 4.1.** One.", "Two, as in 4."), made("**Exercise 12.1.** One.", "Two, as in 12.")
    assert [cell.id for cell in before.cells] == [cell.id for cell in after.cells]
    other = made("**Exercise 4.1.** One.", "Two, as in 4.", code="2")
    assert before.cells[-1].id != other.cells[-1].id, "a number in code is no number of a section"
    assert len({cell.id for cell in made("Table 1", "Table 2").cells}) == 5


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """The notebook beside a chapter, as it was last written."""
    monkeypatch.setattr(write, "ROOT", tmp_path)
    path = tmp_path / "chapters" / "x.ipynb"
    path.parent.mkdir()
    nbformat.write(made("Some text."), path)
    return path


@pytest.mark.parametrize("page", ["changed", "gone"])
def test_an_edited_notebook_is_neither_overwritten_nor_removed(page, chapter, capsys):
    wanted = {chapter: "new"} if page == "changed" else {}
    notebook = nbformat.read(chapter, as_version=4)
    notebook.cells[1].source += " And mine."
    nbformat.write(notebook, chapter)
    for check in (False, True):
        assert write.put_beside_chapters(wanted, check=check) == 1
        said = capsys.readouterr().out
        assert "x.ipynb has been edited, so it is not overwritten. Take the edits over into x.md" in said
    assert "And mine." in chapter.read_text(encoding="utf-8")


@pytest.mark.parametrize("state", ["run again", "as it was", "of an older book", "none"])
def test_a_notebook_that_was_only_run_is_overwritten(state, chapter):
    notebook = nbformat.read(chapter, as_version=4)
    if state == "run again":
        notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    if state == "of an older book":
        notebook.cells[1].source, notebook.metadata = "Older text.", {}
    nbformat.write(notebook, chapter)
    if state == "none":
        chapter.write_text("<<<<<<< mine", encoding="utf-8")
    assert write.put_beside_chapters({chapter: "new"}, check=False) == 0
    assert chapter.read_text(encoding="utf-8") == "new"


def test_a_reference_to_nothing_is_an_error(book):
    text = KINDS.replace("{numref}`tab-one`", "{numref}`tab-none`")
    (book / "chapters" / "kinds.md").write_text(text, encoding="utf-8")
    first, second = run(book), run(book)
    (book / "chapters" / "kinds.md").write_text(KINDS, encoding="utf-8")
    assert first.returncode == second.returncode == 1
    assert "tab-none" in first.stderr
    assert "tab-none" in second.stderr


def test_a_leak_stops_the_command_before_it_writes(book):
    chapter, notebook = book / "chapters" / "kinds.md", book / "chapters" / "kinds.ipynb"
    before = notebook.read_bytes()
    chapter.write_text(KINDS.replace("Outer.", "See \\{ref}`there`."), encoding="utf-8")
    done = run(book)
    chapter.write_text(KINDS, encoding="utf-8")
    assert done.returncode == 1
    assert "chapters/kinds.ipynb: cell 1: role: {ref}`there`" in done.stderr
    assert notebook.read_bytes() == before


def test_a_node_without_a_form_is_named():
    builder = SimpleNamespace(env=None, site="", get_target_uri=lambda _: "")
    with pytest.raises(ValueError, match=r"chapters/x: the notebook has no form for <option_list>: 'text'"):
        Writer(builder, "chapters/x", None).write(nodes.option_list("", nodes.Text("text")))


@pytest.mark.parametrize(("latex", "wanted"), [
    ("x = 1", "$$ x = 1 $$"),
    ("a \\\\ b", r"$$ \begin{aligned} a \\ b \end{aligned} $$"),
    ("a\n\nb", r"$$ \begin{aligned} a \\ b \end{aligned} $$"),
    (r"\begin{cases} a & b \\ c & d \end{cases}", r"$$ \begin{cases} a & b \\ c & d \end{cases} $$"),
    (r"\begin{gather} a \\ b \end{gather}", r"$$ \begin{gathered} a \\ b \end{gathered} $$"),
    ("\\begin{equation}\n\\label{eq} a % why\n\\end{equation}", "$$ a $$"),
])  # fmt: skip
def test_display_math_is_one_line_that_every_reader_sets(latex, wanted):
    assert display_math(latex) == wanted


@pytest.mark.parametrize("there", [True, False])
def test_the_install_line_is_silent_and_installs_only_what_is_missing(there, notebook, monkeypatch, capsys):
    calls = []
    shell = SimpleNamespace(run_line_magic=lambda *call: calls.append(call))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object() if there else None)
    line = code_of(notebook)[0].source
    assert "\n" not in line
    exec(line, {"get_ipython": lambda: shell})
    assert calls == ([] if there else [("pip", f"install -q git+{repository_url()}")])
    assert capsys.readouterr().out == ""


def test_addresses_follow_from_the_repository(tmp_path):
    (tmp_path / "_config.yml").write_text("repository: {url: https://github.com/Some-One/a.book}", encoding="utf-8")
    assert repository_url(tmp_path) == "https://github.com/Some-One/a.book"
    assert published_url(tmp_path) == "https://some-one.github.io/a.book/"
    text = "repository: {url: https://github.com/Some-One/some-one.github.io}"
    (tmp_path / "_config.yml").write_text(text, encoding="utf-8")
    assert published_url(tmp_path) == "https://some-one.github.io/"


@pytest.mark.parametrize("config", ["{}", "repository: {url: https://example.org/a/b}", "repository: {url: null}"])
def test_an_address_that_is_no_repository_is_refused(config, tmp_path):
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    with pytest.raises(ValueError, match=r"repository\.url is .*, expected https://github\.com/OWNER/REPOSITORY"):
        published_url(tmp_path)


# What a reader must not see: each kind is planted in a good notebook, and must be named.

MARKDOWN_LEAKS = {
    "directive": ("```{note}\nText.\n```", "fence"),
    "directive with tildes": ("~~~{note}\nText.\n~~~", "fence"),
    "code cell": ("```{code-cell} ipython3\nx = 1\n```", "fence"),
    "directive in a list": ("- item\n\n  ```{note}\n  Text.\n  ```", "fence"),
    "colon fence": (":::{note}\nText.\n:::", "fence"),
    "colon fence after text": ("Text.\n::::", "fence"),
    "role": ("See {ref}`there`.", "role"),
    "role with a domain": ("By {cite:t}`someone`.", "role"),
    "role in a box": ("> See {eq}`eq-one`.", "role"),
    "target": ("(chap-one)=\n# Title", "target"),
    "cell break": ("+++\n\nText.", "cell break"),
    "cell break with data": ('Text.\n\n+++ {"tags": []}', "cell break"),
    "option": ("Text.\n:label: eq-one", "option"),
    "comment": ("% a remark", "comment"),
    "substitution": ("The {{ name }} of it.", "substitution"),
    "front matter": ("---\njupytext:\n  format: myst\n---", "front matter"),
    "raw label": ("$$ x \\label{eq-one} $$", "raw label"),
    "raw reference": ("See $\\eqref{eq-one}$.", "raw label"),
    "attribute": ("![A dot.](https://example.org/a.png){width=50%}", "attribute"),
    "relative image": ("![A dot.](pic.png)", "relative image"),
    "relative image in HTML": ('<img src="../pic.png">', "relative image"),
    "relative page": ("[the page](../imbalance/focal.md)", "relative link"),
    "relative place": ("[the place](#eq-one)", "relative link"),
    "relative link in HTML": ('See <a href="focal.html">it</a>.', "relative link"),
    "empty link": ("[](chap-one)", "relative link"),
    "broken mathematics": ("Text \\$$a = b$\\$", "broken math"),
    "machine path": ("It lies in /home/me/book.", "machine path"),
}
CODE_LEAKS = {
    "glue": ("from myst_nb import glue", "build-only import"),
    "sphinx": ("    import sphinx.util", "build-only import"),
    "option": (":tags: [remove-cell]\nx = 1", "option"),
    "front matter": ("---\nmystnb:\n  figure: 1\n---", "front matter"),
    "machine path": ("open('/home/me/x.csv')", "machine path"),
}
OUTPUT_LEAKS = {
    "picture": (nbformat.v4.new_output("display_data", data={"image/png": "aGk="}), "output: image/png"),
    "HTML": (nbformat.v4.new_output("display_data", data={"text/html": "<b>"}), "output: text/html"),
    "Vega": (
        nbformat.v4.new_output("display_data", data={"application/vnd.vegalite.v6+json": {}}),
        "output: application/vnd.vegalite.v6+json",
    ),
    "machine path": (nbformat.v4.new_output("stream", text="/tmp/a/b.py:1: Warning\n"), "machine path"),
    "path in a traceback": (
        nbformat.v4.new_output("error", ename="E", evalue="e", traceback=["File /root/x.py"]),
        "machine path",
    ),
}
NO_LEAKS = {
    "code with braces": "```python\nx = {'a': f\"{b}\"}\ny = {c}`d`\n:::\n+++\n```",
    "code in the text": "Write `{ref}` and `(a)=` and `:::` and `f\"{x}\"`, `{a}` `b`.",
    "LaTeX braces": r"$\frac{a}{b}$ and $\{x : x > 0\}$ and $$ \begin{cases} {a} & b \\ c & d \end{cases} \tag{1} $$",
    "a set in the text": "The set {0, 1} and {a} of labels, e.g. (a) = 3 + 4.",
    "a time and a ratio": "At 10:30, a ratio of 80:10:10, and Python's `a[::2]`.",
    "links": "[page](https://example.org/a#b), <https://example.org>, [mail](mailto:a@example.org)",
    "a folded solution": "<details>\n<summary><b>Solution</b></summary>\n\nText.\n\n</details>",
    "a price": r"It costs 5 \$ and $x$ \$.",
    "a percentage": "100 % of it, and 5 %\nof that.",
}


def planted(cell):
    good = nbformat.v4.new_markdown_cell("# A chapter\n\nSome $x$ and `code`.")
    return leaks(nbformat.v4.new_notebook(cells=[good, cell]))


@pytest.mark.parametrize("case", MARKDOWN_LEAKS)
def test_a_leak_in_the_text_is_named(case):
    text, kind = MARKDOWN_LEAKS[case]
    assert [leak for leak in planted(nbformat.v4.new_markdown_cell(text)) if leak.startswith(f"cell 1: {kind}: ")]


@pytest.mark.parametrize("case", CODE_LEAKS)
def test_a_leak_in_the_code_is_named(case):
    text, kind = CODE_LEAKS[case]
    assert [leak for leak in planted(nbformat.v4.new_code_cell(text)) if leak.startswith(f"cell 1: {kind}: ")]


@pytest.mark.parametrize("case", OUTPUT_LEAKS)
def test_a_leak_in_the_output_is_named(case):
    output, kind = OUTPUT_LEAKS[case]
    assert [leak for leak in planted(nbformat.v4.new_code_cell("x", outputs=[output])) if kind in leak]


@pytest.mark.parametrize("case", NO_LEAKS)
def test_what_only_looks_like_a_leak_is_let_through(case):
    assert planted(nbformat.v4.new_markdown_cell(NO_LEAKS[case])) == []


def test_code_with_braces_is_let_through():
    code = "x = {'a': {1: f'{y}'}}\nz = x[::2]  # {ref}`a`\ns = ':tags: no'"
    assert planted(nbformat.v4.new_code_cell(code)) == []


def test_the_share_of_compared_cells_counts_tags_and_comments(notebook):
    assert compared(notebook) == (5, 6)
    cell_with(notebook, "6 * 7").source = "# NBVAL_IGNORE_OUTPUT\n6 * 7"
    assert compared(notebook) == (4, 6)


# The notebooks of this book.

PATHS = [chapter.with_suffix(".ipynb") for chapter in notebook_chapters()]


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def committed(request):
    assert request.param.exists(), f"{request.param.relative_to(ROOT)} is missing: run `make book`"
    notebook = nbformat.read(request.param, as_version=4)
    notebook.path = request.param
    return notebook


def test_every_notebook_is_in_step_with_its_chapter():
    files = write.MADE.rglob("*.ipynb")
    made = {ROOT / path.relative_to(write.MADE): path.read_text(encoding="utf-8") for path in files}
    if not made:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no book: run make book")
    assert write.out_of_step(made) == []


def test_a_notebook_is_valid_and_leaks_nothing(committed):
    chapter = committed.pop("path").with_suffix(".md")
    nbformat.validate(committed)
    assert leaks(committed) == []
    code = code_of(committed)
    assert repository_url() in code[0].source
    assert [cell.source for cell in code[1:]] == visible_code(chapter.read_text(encoding="utf-8"))


def test_a_notebook_asks_for_a_gpu_only_where_cells_need_one(committed):
    needs = any("gpu" in cell.metadata.get("tags", []) for cell in committed.cells)
    chapter = committed.path.with_suffix(".md").read_text(encoding="utf-8")
    asks = re.search(r"(?ms)\A---\n.*?^colab:.*?gpu: true.*?^---$", chapter)
    assert ("accelerator" in committed.metadata) == bool(needs or asks)


def test_most_cells_with_output_are_compared(committed):
    exact, with_output = compared(committed)
    assert exact >= 0.7 * with_output, f"{exact} of {with_output}"


def test_at_least_80_percent_of_all_cells_with_output_are_compared():
    notebooks = [nbformat.read(path.with_suffix(".ipynb"), as_version=4) for path in notebook_chapters()]
    exact, with_output = map(sum, zip(*map(compared, notebooks), strict=True))
    assert exact >= 0.8 * with_output, f"{exact} of {with_output}"


def printed(notebook) -> list[str]:
    """What the cells of a notebook print, of those whose output it holds and its page shows."""
    hidden = {"nbval-ignore-output", "remove-output"}
    cells = [cell for cell in code_of(notebook) if not hidden & {*cell.metadata.get("tags", [])}]
    outputs = [output for cell in cells for output in cell.outputs]
    return [output.text.strip("\n") for output in outputs if output.output_type == "stream"]


def shown(page: str) -> list[str]:
    """The same as a page shows it."""
    cells = BeautifulSoup(page, "html.parser").select("div.cell:not(.tag_nbval-ignore-output)")
    return [text.get_text().strip("\n") for cell in cells for text in cell.select(".output.stream pre, .stderr pre")]


def test_a_page_shows_what_its_notebook_prints(committed, built_book):
    page = built_book / committed.path.relative_to(ROOT).with_suffix(".html")
    beside = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
    assert shown(page.read_text(encoding="utf-8")) == printed(beside)
