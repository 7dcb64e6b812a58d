"""The book while it is written: what is edited is served, and a slip of the pen is named and ends nothing."""

import shutil
import subprocess
import sys
import urllib.request

import pytest
import yaml

from tools.layout import ROOT

PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst, format_version: 0.13}}
kernelspec: {display_name: Python 3, name: python3}
---
# One

Some prose, and {numref}`fig-drawn`.

```{code-cell} ipython3
x = 20
print(2 * x)
```

```{code-cell} ipython3
print("last:", x + 1)
```

```{code-cell} ipython3
:figure: fig-drawn
:caption: A line.
:alt: A line that rises.
import matplotlib.pyplot as plt
plt.plot([0, 1])
plt.show()
```
"""
NUMBER = "Fig. 1"


class Book:
    """A small book that is shown while it is written."""

    def __init__(self, root):
        self.page = root / "chapters" / "reference" / "one.md"
        command = [sys.executable, "-u", "-m", "tools.live"]
        self.process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.site = self.said("http://").split("chapters/")[0]

    def said(self, words: str) -> str:
        """The next line that says these words."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if words in line:
                return line
        raise AssertionError("".join(lines))

    def write(self, old: str, new: str) -> None:
        text = self.page.read_text(encoding="utf-8")
        assert old in text
        self.page.write_text(text.replace(old, new), encoding="utf-8")

    def served(self, name: str) -> str:
        with urllib.request.urlopen(self.site + name) as answer:
            return answer.read().decode()

    def shown(self) -> str:
        return self.served("chapters/reference/one.html")


@pytest.fixture
def book(tmp_path):
    for folder in ("tools", "lossbook", "bench"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "results"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["html"].pop("favicon", None)
    config["sphinx"]["local_extensions"] = {f"tools.pages.{name}": "." for name in ("patches", "theme", "slide_marks")}
    for key in ("templates_path", "html_static_path"):
        config["sphinx"]["config"].pop(key, None)
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    contents = {"format": "jb-book", "root": "chapters/index",
                "parts": [{"caption": "A part", "chapters": [{"file": "chapters/reference/one"}]}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    for name in ("requirements.txt", "references.bib"):
        (tmp_path / name).touch()
    (tmp_path / "chapters" / "reference").mkdir(parents=True)
    (tmp_path / "chapters" / "index.md").write_text("# A book\n", encoding="utf-8")
    (tmp_path / "chapters" / "reference" / "one.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").touch()
    shown = Book(tmp_path)
    yield shown
    shown.process.terminate()
    shown.process.communicate()


def test_an_edit_is_on_the_served_page_and_a_mistake_is_named_with_its_line_and_ends_nothing(book):
    assert "Some prose, and " in book.shown()
    assert "40" in book.shown()
    assert book.shown().count(NUMBER) == 2, "in the text and in the caption"
    before = book.served("changes")

    book.write("Some prose", "Other prose")
    assert "one.md is on its page after" in book.said("one.md")
    assert "Other prose, and " in book.shown()
    assert "Some prose" not in book.shown()
    assert book.shown().count(NUMBER) == 2, "in the text and in the caption"
    assert 'class="nb">print' in book.shown(), "code has colours"
    assert book.served("changes") != before, "the browser loads the page anew"

    book.write("print(2 * x)", "print(2 * * x)")
    line = book.page.read_text(encoding="utf-8").split("\n").index("print(2 * * x)") + 1
    assert f"one.md:{line}: SyntaxError: " in book.said("SyntaxError")
    assert "40" in book.shown(), "the last page that could be written stays"

    book.write("x = 20", "x = 1 / 0")
    book.write("2 * * x", "2 * x")
    assert f"one.md:{line - 1}: ZeroDivisionError: " in book.said("ZeroDivision")

    book.write("x = 1 / 0", "x = 300")
    book.said("one.md is on its page after")
    assert "600" in book.shown()
    assert book.process.poll() is None
