"""What a second build writes after an edit is what a fresh one writes: every file of a small book is compared."""

import itertools
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from tools.layout import ROOT

HEAD = """---
jupytext: {text_representation: {extension: .md, format_name: myst, format_version: 0.13}}
kernelspec: {display_name: Python 3, name: python3}
---
"""
PAGES = {
    "index": "# The front\n\nSee {ref}`sec-one`, {numref}`fig-drawn`, {doc}`two` and {cite:t}`someone2017word`.\n",
    "one": HEAD + """# One

(sec-one)=
## A section

```{index} an entry of the index
```

```{figure} pic.svg
:name: fig-given
A figure that was given.
```

```{code-cell} ipython3
print("printed")
```
""",
    "two": HEAD + """# Two

A word that no other page has: zebra.

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-drawn, caption: A line.}
---
import matplotlib.pyplot as plt
plt.plot([0, 1])
plt.show()
```
""",
    "gone": "# A page that goes\n\n```{index} another entry\n```\n",
    "sources": "# Sources\n\n```{bibliography}\n```\n",
}
EXTENSIONS = ("patches", "theme", "slide_marks")


def contents(*names: str) -> str:
    listed = [{"file": f"chapters/{name}"} for name in names]
    return yaml.safe_dump({"format": "jb-book", "root": "chapters/index", "parts": [{"chapters": listed}]})


@pytest.fixture
def book(tmp_path):
    for folder in ("tools", "lossbook", "bench", "theme"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["sphinx"]["local_extensions"] = {f"tools.pages.{name}": "." for name in EXTENSIONS}
    work = "@misc{someone2017word, author={Someone, Ann}, title={Word}, year={2017}}\n"
    shutil.copyfile(ROOT / "CITATION.cff", tmp_path / "CITATION.cff")
    (tmp_path / "chapters").mkdir()
    for name, text in {
        "_config.yml": yaml.safe_dump(config),
        "_toc.yml": contents("one", "two", "gone", "sources"),
        "references.bib": work,
        "requirements.txt": "",
        "chapters/pic.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>',
        **{f"chapters/{name}.md": text for name, text in PAGES.items()},
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def built(book: Path) -> dict[str, bytes]:
    """Build as `make book` does, up to the pages; return every file."""
    steps = "assert not execute(executable_chapters()); write_pages(); (HTML / '.key').touch()"
    code = f"from tools.build import *; {steps}"
    done = subprocess.run([sys.executable, "-c", code], cwd=book, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    html = book / "_build" / "html"
    return {str(path.relative_to(html)): path.read_bytes() for path in html.rglob("*") if path.is_file()}


TIMES = itertools.count(2_000_000_000)  # Sphinx and the live view look at times


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    os.utime(path, (time := next(TIMES), time))


def test_a_build_after_edits_writes_what_a_fresh_one_writes(book):
    first = built(book)
    edit(book / "chapters" / "one.md", "## A section", "## Another title")  # which the front page shows
    edit(book / "chapters" / "two.md", "zebra", "gnu")
    edit(book / "chapters" / "two.md", "[0, 1]", "[1, 0]")
    (book / "_toc.yml").write_text(contents("two", "one", "sources"), encoding="utf-8")  # so that numbers move, too
    (book / "chapters" / "gone.md").unlink()
    second = built(book)
    for folder in (".doctrees", "html", "jupyter_execute"):
        shutil.rmtree(book / "_build" / folder)
    fresh = built(book)
    assert sorted(second) == sorted(fresh)
    assert [name for name in fresh if second[name] != fresh[name]] == []
    assert b"Another title" in second["chapters/index.html"]
    index = second["searchindex.js"]
    assert b'"an entry of the index"' in first["searchindex.js"]
    assert b'"an entry of the index"' in index
    assert b"gnu" in index
    for word in (b"zebra", b"another entry", b"page that goes"):
        assert word not in index


def test_the_live_view_shows_an_edit_and_names_the_line_of_a_mistake(book):
    (book / "chapters" / "reference").mkdir()
    for name, text in {"teaching.yml": "{}", "teaching.md": ""}.items():  # which the rules look into
        (book / "chapters" / "reference" / name).write_text(text, encoding="utf-8")
    built(book)
    one, mistake = book / "chapters" / "one.md", 'print("printed" +)'
    command = [sys.executable, "-m", "tools.live"]
    with subprocess.Popen(command, cwd=book, stdout=subprocess.PIPE, text=True) as live:
        try:
            address = until(live, "http://").split(" ")[0]
            edit(one, "## A section", "## Another title")
            until(live, "chapters/one.md is on its page after")
            assert "Another title" in page(address, "one")
            edit(one, 'print("printed")', mistake)
            line = one.read_text(encoding="utf-8").split("\n").index(mistake) + 1
            assert "SyntaxError" in until(live, f"chapters/one.md:{line}: SyntaxError")
            edit(one, mistake, 'print("mended")')
            until(live, "chapters/one.md is on its page after")
            assert "mended" in page(address, "one")
        finally:
            live.terminate()


def until(live: subprocess.Popen, wanted: str) -> str:
    """The next line of the live view in which `wanted` stands; an error if it ends before."""
    for line in live.stdout:
        if wanted in line:
            return line
    raise AssertionError(f"the live view ended without {wanted!r}")


def page(address: str, name: str) -> str:
    with urllib.request.urlopen(f"{address.rpartition('/')[0]}/{name}.html") as answer:
        return answer.read().decode("utf-8")
