"""How chapters are executed: only what is stale, by one build at a time, without the network or anybody's settings."""

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest

from tools.execute import cache
from tools.execute.run import joined
from tools.layout import ROOT

CHAPTER = """---
kernelspec: {display_name: Python 3, name: python3}
---
# A page

Some prose.

```{code-cell} ipython3
import lossbook
lossbook.used
```
"""


@pytest.fixture
def small_book(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("lossbook", "bench"):
        (tmp_path / folder).mkdir()
    shutil.copyfile(ROOT / "bench" / "stamp.py", tmp_path / "bench" / "stamp.py")
    (tmp_path / "bench" / "measured.py").write_text("from lossbook import other as value\n", encoding="utf-8")
    (tmp_path / "bench" / "results").mkdir()
    (tmp_path / "bench" / "results" / "x.json").write_text("{}", encoding="utf-8")
    package = '"""Quickly imported."""\n\nused, unused = 1, 2\nother = 3\n'
    (tmp_path / "lossbook" / "__init__.py").write_text(package, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("numpy==2.0\n", encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    (tmp_path / "page.md").write_text(CHAPTER, encoding="utf-8")
    return tmp_path


def execute(book: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tools.execute.run"]
    return subprocess.run(command, cwd=book, capture_output=True, text=True, check=False)


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_only_what_is_stale_is_executed(small_book):
    first = execute(small_book)
    assert "1 to execute" in first.stdout, first
    for path, old, new, stale in [
        ("page.md", "Some prose.", "Other prose.", 0),
        ("lossbook/__init__.py", "other = 3", "other = 4", 0),
        ("lossbook/__init__.py", "other = 4", "other = 3", 0),
        ("lossbook/__init__.py", "1, 2", "2, 2", 1),
        ("lossbook/__init__.py", "2, 2", "1, 2", 0),  # what was executed before is kept
        ("page.md", "lossbook.used", "lossbook.other", 1),
        ("requirements.txt", "2.0", "2.1", 1),
        ("bench/measured.py", "other", "used", 0),
        ("page.md", "lossbook.other", "import sys; sys.path.insert(0, 'bench'); import measured; measured.value", 1),
        ("bench/measured.py", "used", "other", 1),
        ("lossbook/__init__.py", "other = 3", "other = 5", 1),  # which the script reaches
        ("bench/results/x.json", "{}", "{ }", 1),
    ]:
        edit(small_book / path, old, new)
        done = execute(small_book)
        assert f"{stale} to execute" in done.stdout, (path, new, done)
    for record in small_book.glob("_build/outputs/executed/*/record.json"):
        record.unlink()
    assert "0 to execute" in execute(small_book).stdout
    shutil.rmtree(small_book / "_build" / "kept")
    assert "0 to execute" in execute(small_book).stdout
    for record in small_book.glob("_build/outputs/executed/*/record.json"):
        record.unlink()
    assert "1 to execute" in execute(small_book).stdout


def test_the_key_of_a_chapter_is_the_same_in_every_process():
    """The names in a set stand in another order in each."""
    code = "from tools.execute.cache import reached; print(reached('import bakeoff, tables, accuracy, behaviours'))"
    keys = {
        subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in "123"
    }
    assert len(keys) == 1


@pytest.mark.parametrize(("code", "error"), [("assert 1 + 1 == 3", "AssertionError"), ("x = = 3", "SyntaxError: ")])
def test_a_failing_cell_stops_the_build_and_is_shown_with_its_line(code, error, small_book):
    edit(small_book / "page.md", "lossbook.used", code)
    line = (small_book / "page.md").read_text(encoding="utf-8").split("\n").index(code) + 1
    done = execute(small_book)
    assert done.returncode == 1
    assert "page.md failed" in done.stdout
    assert f"page.md:{line}: {error}" in done.stdout


def test_a_cell_that_asks_the_network_fails(small_book):
    edit(small_book / "page.md", "lossbook.used", "import urllib.request as r; r.urlopen('http://example.org')")
    done = execute(small_book)
    assert done.returncode == 1
    assert "built without the network" in done.stdout


@pytest.mark.parametrize("address", ["('192.0.2.1', 80)", "('example.org', 80)"])
def test_the_guard_refuses_other_hosts(address):
    code = f"import socket; socket.create_connection({address}, 1)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=cache.environment(), capture_output=True, text=True, check=False)
    assert "built without the network" in done.stderr


# What a person and a machine do to a build.


def start(book: Path, **environ: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tools.execute.run"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what a shell runs in the background ignores Ctrl-C
    return subprocess.Popen(command, cwd=book, env={**os.environ, **environ}, preexec_fn=heed, **options)


def chapters(book: Path, *codes: str) -> None:
    """Give the book a chapter of each code."""
    listed = "".join(f"      - file: page{number}\n" for number in range(1, len(codes)))
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: page0\nparts:\n  - chapters:\n{listed}", encoding="utf-8")
    for number, code in enumerate(codes):
        text = CHAPTER.replace("lossbook.used", code)
        (book / f"page{number}.md").write_text(text, encoding="utf-8")


def test_a_build_that_is_interrupted_stops_at_once_and_keeps_what_is_finished(small_book):
    door = small_book / "door"
    os.mkfifo(door)
    wait = f"open({str(door)!r}, 'w').close(); import time; time.sleep(600)"
    chapters(small_book, "1", wait, wait, wait, wait)
    process = start(small_book)
    with process, door.open(encoding="utf-8") as waits:
        waits.read()  # a cell is at work
        for line in process.stdout:
            if "executed in" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=300)  # beside all other tests it once took longer than a minute
    assert process.returncode == 130
    assert said.strip().splitlines() == ["Stopped. What was finished is kept, and the same command goes on from there."]
    chapters(small_book, "1", "2", "3", "4", "5")
    assert "1 of 5 notebooks unchanged, 4 to execute" in execute(small_book).stdout


def test_a_second_build_says_that_it_waits_and_then_finds_the_work_done(small_book):
    door = small_book / "door"
    os.mkfifo(door)
    edit(small_book / "page.md", "lossbook.used", f"open({str(door)!r}).read()")
    first = start(small_book)
    with door.open("w", encoding="utf-8"):  # opens when the cell reads
        second = start(small_book)
        assert "Another build is at work in this folder; this one waits" in second.stdout.readline()
    assert "1 to execute" in first.communicate(timeout=120)[0]
    assert "0 to execute" in second.communicate(timeout=120)[0]


def test_a_long_path_of_temporary_files_is_no_error(small_book):
    long = small_book / "a-long-name-of-a-folder-for-temporary-files" / "and-another-long-name-of-a-folder"
    long.mkdir(parents=True)
    chapters(small_book, "1", "2")
    said, _ = start(small_book, TMPDIR=str(long)).communicate(timeout=120)
    assert said.count(" executed in ") == 2, said


def test_nobodys_settings_enter_the_book(small_book):
    home = small_book / "home"
    startup = home / ".ipython" / "profile_default" / "startup" / "mine.py"
    for path, text in {
        startup: "mine = 1",
        home / "startup.py": "mine = 1",
        home / ".config" / "matplotlib" / "matplotlibrc": "lines.linewidth: 7",
        home / "matplotlibrc": "lines.linewidth: 7",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    code = "import matplotlib; assert 'mine' not in globals(); assert matplotlib.rcParams['lines.linewidth'] == 1.5"
    edit(small_book / "page.md", "lossbook.used", code)
    habits = {"HOME": str(home), "PYTHONSTARTUP": str(home / "startup.py"), "MATPLOTLIBRC": str(home / "matplotlibrc")}
    outcome, _ = start(small_book, **habits, PYTHONOPTIMIZE="1").communicate(timeout=120)
    assert "page.md executed" in outcome, outcome
    edit(small_book / "page.md", "== 1.5", "== 1.6")
    outcome, _ = start(small_book, PYTHONOPTIMIZE="1").communicate(timeout=120)
    assert "AssertionError" in outcome, "asserts are checked, whatever the person has switched off"


def test_pieces_of_what_is_printed_are_joined_exactly(small_book):
    code = "import sys\nfor piece in ('c =', '  10:\\n', '\\n', '  ', 'x\\n'):\n    print(piece, end='', flush=True)"
    edit(small_book / "page.md", "lossbook.used", code)
    assert "1 to execute" in execute(small_book).stdout
    (made,) = small_book.glob("_build/outputs/executed/*/base.ipynb")
    (output,) = nbformat.read(made, as_version=4).cells[0].outputs
    assert output.text == "c =  10:\n\n  x\n"


def test_what_was_printed_in_turn_to_two_streams_stays_in_turn():
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in ("oa", "ob", "ec", "od")]
    assert [(output.name, output.text) for output in joined(outputs)] == [("o", "ab"), ("e", "c"), ("o", "d")]
