"""The two commands: what a machine lacks is said, only what is stale is executed, and nothing asks the network."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.execute.cache import environment
from tools.layout import ROOT
from tools.setup.environment import missing

CHAPTER = """---
kernelspec: {display_name: Python 3, name: python3}
---
# A page

Some prose.

```{code-cell} ipython3
import lossbook
lossbook.__name__
```
"""


@pytest.fixture
def small_book(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "lossbook").mkdir()
    (tmp_path / "lossbook" / "__init__.py").write_text('"""A package that is quickly imported."""\n')
    (tmp_path / "requirements.txt").write_text("numpy==2.0\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    (tmp_path / "page.md").write_text(CHAPTER)
    return tmp_path


def execute(book: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tools.execute.run"]
    return subprocess.run(command, cwd=book, capture_output=True, text=True, check=False)


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_only_what_is_stale_is_executed(small_book):
    first = execute(small_book)
    assert "1 to execute" in first.stdout, first
    assert "1 notebooks unchanged, 0 to execute" in execute(small_book).stdout
    edit(small_book / "page.md", "Some prose.", "Other prose.")
    assert "0 to execute" in execute(small_book).stdout
    (record,) = small_book.glob("_build/cache/*/executed/*/record.json")
    record.unlink()
    assert "1 to execute" in execute(small_book).stdout
    edit(small_book / "requirements.txt", "2.0", "2.1")
    assert "1 to execute" in execute(small_book).stdout
    with (small_book / "lossbook" / "__init__.py").open("a") as module:
        module.write("\n# another line\n")
    assert "1 to execute" in execute(small_book).stdout


def test_a_failing_cell_stops_the_build_and_is_shown(small_book):
    edit(small_book / "page.md", "lossbook.__name__", "assert 1 + 1 == 3")
    done = execute(small_book)
    assert done.returncode == 1
    assert "page.md failed" in done.stdout
    assert "AssertionError" in done.stdout


def test_a_cell_that_asks_the_network_fails(small_book):
    edit(small_book / "page.md", "lossbook.__name__", "import urllib.request as r; r.urlopen('http://example.org')")
    done = execute(small_book)
    assert done.returncode == 1
    assert "built without the network" in done.stdout


@pytest.mark.parametrize("address", ["('192.0.2.1', 80)", "('example.org', 80)"])
def test_the_guard_refuses_other_hosts(address):
    code = f"import socket; socket.create_connection({address}, 1)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert "built without the network" in done.stderr


def test_an_old_python_is_told_what_to_install():
    assert "Python 3.11 or newer" in missing(version=(3, 10))
    assert "make PYTHON=" in missing(version=(3, 10))


def test_a_python_without_venv_is_told_what_to_install():
    assert "python3-venv" in missing(find=lambda name: None if name == "ensurepip" else name)
    assert missing() is None


def test_make_alone_lists_the_targets():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = [line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if " ## " in line]
    assert all(f"make {target}" in listed for target in targets)
    assert len(targets) == len(re.findall(r"(?m)^[a-z-]+:", (ROOT / "Makefile").read_text()))
