"""Every chapter keeps the rules of STYLE.md, and each rule is seen to catch what it is for."""

import shutil

import pytest

from tools import layout
from tools.chapter import only_asserts, read
from tools.checks import cells, duties, new_chapter
from tools.checks.duties import machinery, places
from tools.checks.rules import problems
from tools.layout import ROOT, executable_chapters

EXERCISE = """
```{{exercise}} A question
:label: ex-{n}
What is it?
```

```{{solution-start}} ex-{n}
:class: dropdown
```

It is this:

```{{code-cell}} ipython3
x + {n}
```

```{{solution-end}}
```
"""

GOOD = """---
kernelspec: {display_name: Python 3, name: python3}
---

# A chapter

What is the question?
You will be able to:

- do this,
- do that,
- and this.

```{code-cell} ipython3
import altair as alt
import numpy as np
from lossbook import plots
```

## The first idea of Shannon

A coin, said Shannon, has 0.693 nats, which {numref}`fig-one` shows.

```{code-cell} ipython3
x = round(float(np.log(2)), 3)
rng = np.random.default_rng(0)
```

% assert x == 0.693

```{code-cell} ipython3
:figure: fig-one
:caption: A caption.
plots.interactive(
    chart, name="fig-one", alt="A curve that rises from zero to one.")
```

:::{admonition} Common misconceptions
"It is two."
:::

```{code-cell} ipython3
x
```

## Summary

- You can do this.
- You can do that.
- You can do this.

## Exercises
""" + "".join(EXERCISE.format(n=n) for n in range(5)) + """
## Further reading

A book.
"""

BREAKS = {
    "opening too long": ("1", "What is the question?", "What is it? " * 100),
    "two aims only": ("1", "- and this.\n", ""),
    "late import": ("2", "x = round", "import math\nx = round"),
    "no imports first": ("2", "import altair as alt\nimport numpy as np\nfrom lossbook import plots", "y = 1"),
    "no further reading": ("3", "## Further reading", "## More"),
    "summary out of step": ("3", "- You can do that.\n", ""),
    "title case": ("4", "## The first idea", "## The First Idea"),
    "two sentences on a line": ("4", "A book.", "This is a book. There are others."),
    "wide line": ("5", "x = round(", f"y = '{'y' * 80}'\nx = round("),
    "long cell": ("5", "rng = ", "\n".join(f"y{n} = {n}" for n in range(26)) + "\nrng = "),
    "false number": ("6", "0.693 nats", "0.694 nats"),
    "false percentage": ("6", "has 0.693 nats", "has 0.693 nats, 40 % more"),
    "false thousands": ("6", "has 0.693 nats", "has 0.693 nats and 10,001 tosses"),
    "assert cell that defines": (
        "6", "% assert x == 0.693", "```{code-cell} ipython3\n:tags: [remove-cell]\nz = 1\nassert x == 0.693\n```"),
    "assert block that defines": ("0", "% assert x == 0.693", "% assert x == 0.693\n% z = 1"),
    "assert that touches a paragraph": ("0", "\n\n% assert", "\n% assert"),
    "assert without a space": ("0", "% assert", "%assert"),
    "no name": ("7", ":figure: fig-one\n", ""),
    "no caption": ("7", ":caption: A caption.\n", ""),
    "no alt text": ("7", ', alt="A curve that rises from zero to one."', ""),
    "not referred to": ("7", "{numref}`fig-one`", "it"),
    "title in the plot": ("7", "    chart,", "    chart.properties(title='No'),"),
    "global random numbers": ("8", "np.random.default_rng(0)", "np.random.rand(3)"),
    "unseeded generator": ("8", "default_rng(0)", "default_rng()"),
    "torch's global generator": ("8", "np.random.default_rng(0)", "torch.randn(3)"),
    "no misconceptions": ("9", "Common misconceptions", "A note"),
    "unsolved exercise": ("10", "```{solution-start} ex-3\n:class: dropdown\n```", ""),
    "open solution": ("10", "```{solution-start} ex-3\n:class: dropdown\n```", "```{solution-start} ex-3\n```"),
    "citation without an entry": ("13", "A book.", "{cite:t}`nobody2026nothing`"),
    "misspelt mark": ("0", "A coin, said", "% slid\n\nA coin, said"),
    "slipped mark": ("0", "A coin, said", "% slide 1/2\n\nA coin, said"),
    "picture that the dark would turn": ("18", "plots.interactive(\n", "ax.imshow(x)\nplots.interactive(\n"),
    "picture by a function": (
        "18", "x = round(", "def interactive(ax):\n    ax.imshow(x)\nx = round("),
    "nothing interactive": ("11", "plots.interactive(", "plots.show("),
}


@pytest.mark.parametrize("chapter", executable_chapters(), ids=lambda path: path.stem)
def test_chapter_keeps_the_rules(chapter):
    assert problems(chapter) == []


def test_a_good_chapter_has_no_problems(tmp_path):
    path = tmp_path / "good.md"
    path.write_text(GOOD, encoding="utf-8")
    assert problems(path) == []


@pytest.mark.parametrize("case", BREAKS)
def test_each_rule_catches_what_it_is_for(case, tmp_path):
    rule, old, new = BREAKS[case]
    assert GOOD.count(old) >= 1
    path = tmp_path / "bad.md"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    assert any(problem.rule == int(rule) for problem in problems(path)), problems(path)


def test_a_problem_names_its_line(tmp_path):
    path = tmp_path / "bad.md"
    lines = GOOD.replace("0.693 nats", "0.694 nats").split("\n")
    path.write_text("\n".join(lines), encoding="utf-8")
    line = next(number for number, text in enumerate(lines, 1) if "0.694" in text)
    assert [str(problem) for problem in problems(path)] == [
        f"{line}: rule 6: no assert in section 'The first idea of Shannon' holds the number 0.694"
    ]


def test_bad_yaml_in_the_header_of_a_cell_names_the_file(tmp_path):
    path = tmp_path / "bad.md"
    path.write_text(GOOD.replace(":caption: A caption.", ":caption: A: caption."), encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.md: "):
        read(path)
    assert len(problems(path)) == 1


def test_a_new_chapter_is_told_every_place_that_must_know_it(tmp_path):
    path = tmp_path / "part" / "new.md"
    path.parent.mkdir()
    path.write_text(GOOD.replace("fig-one", "fig-new"), encoding="utf-8")
    told = "\n".join(str(problem) for problem in places(path))
    for place in ("_toc.yml", "teaching.yml", "teaching.md", "new.questions.yml", "{questions}", "slides",
                  "judge", "fig-new a row in tests/figures.py", "from chapters/reference/notation.md", "in bold"):
        assert place in told
    assert places(ROOT / "chapters" / "imbalance" / "focal.md") == []


def test_a_new_chapter_begins_with_a_skeleton_that_keeps_the_rules(tmp_path, monkeypatch):
    for file in ("_toc.yml", "chapters/reference/teaching.yml", "chapters/reference/teaching.md", "references.bib"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "tests").mkdir()
    (tmp_path / "chapters" / "imbalance").mkdir()
    written = new_chapter.begin("imbalance/new-thing", "A new thing", tmp_path)
    assert all((tmp_path / file).exists() for file in written)
    for module in (layout, duties):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    chapter = tmp_path / "chapters" / "imbalance" / "new-thing.md"
    assert "chapters/imbalance/new-thing" in [pages[-1] for _, pages in layout.parts()]
    assert problems(chapter) == places(chapter) == []
    assert "$" not in chapter.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is no new chapter"):
        new_chapter.begin("imbalance/new-thing", "A new thing", tmp_path)
    with pytest.raises(ValueError, match="no part of the book has the folder nowhere"):
        new_chapter.begin("nowhere/new-thing", "A new thing", tmp_path)


def test_the_share_of_machinery_is_that_of_the_lines_that_are_for_the_book_alone(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(
        "---\na: b\n---\n\n# A\n\n% slide\n\nSee.\n\n% assert 1\n"
        "\n```{code-cell} ipython3\n:figure: a\n:caption: b\nx\n```\n", encoding="utf-8")
    assert machinery(path) == pytest.approx((3 + 1 + 1 + 2 + 1) / (3 + 1 + 1 + 1 + 1 + 5))


def test_a_cell_is_linted_in_the_line_where_it_stands(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(GOOD, encoding="utf-8")
    lines = cells.program(path).split("\n")
    written = [line.removeprefix("% ") for line in GOOD.split("\n")]
    for code in ("import altair as alt", "assert x == 0.693", "plots.interactive("):
        assert lines.index(code) == written.index(code)


def test_only_a_cell_of_asserts_alone_is_hidden():
    assert only_asserts("assert 1\nassert (2 >\n        1)")
    assert not only_asserts("x = 1\nassert x")
    assert not only_asserts("%time")
    assert not only_asserts("# nothing")


def test_the_rules_number_what_style_md_numbers():
    style = (ROOT / "STYLE.md").read_text(encoding="utf-8")
    for rule in {rule for rule, _, _ in BREAKS.values()} - {"0"}:
        assert f"\n{rule}. [m]" in style


def test_a_cell_that_is_no_python_is_named_with_its_line(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(GOOD.replace("rng = np", "rng = = np"), encoding="utf-8")
    line = GOOD.split("\n").index("rng = np.random.default_rng(0)") + 1
    assert [str(problem) for problem in problems(path)] == [
        f"{line}: duty: invalid syntax: rng = = np.random.default_rng(0)"]
