"""What CI runs turns red on a copy with a fault: in a loss, a cell, a claim, a figure.

That a notebook out of step is named, tests/test_notebooks.py shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import test
from tools.checks.rules import problems
from tools.execute.cache import environment
from tools.layout import ROOT
from tools.notebooks.leaks import leaks

ENTROPY = ROOT / "chapters" / "information-theory" / "entropy.md"
FOCAL = ROOT / "chapters" / "imbalance" / "focal.md"


@pytest.fixture
def copy(tmp_path):
    """The tools and the package in a place of their own, with no chapter yet."""
    for folder in ("tools", "lossbook", "bench"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "pyproject.toml", "references.bib"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "chapters").mkdir()
    shutil.copyfile(ROOT / "chapters" / "conftest.py", tmp_path / "chapters" / "conftest.py")
    return tmp_path


def run(copy: Path, *command) -> subprocess.CompletedProcess:
    paths = {"PYTHONPATH": os.pathsep.join([str(copy / "tools" / "execute" / "offline"), str(copy)])}
    return subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment() | paths, capture_output=True, text=True, check=False
    )


def execute(copy: Path, **chapters: str) -> subprocess.CompletedProcess:
    """Execute chapters of these names and texts, as the build does."""
    for name, text in chapters.items():
        (copy / "chapters" / f"{name}.md").write_text(text, encoding="utf-8")
    first, *others = (f"chapters/{name}" for name in chapters)
    listed = "".join(f"      - file: {name}\n" for name in others)
    parts = f"parts:\n  - chapters:\n{listed}" if listed else ""
    (copy / "_toc.yml").write_text(f"format: jb-book\nroot: {first}\n{parts}", encoding="utf-8")
    return run(copy, "-m", "tools.execute.run")


def replace(pattern: str, new: str, text: str) -> str:
    changed, count = re.subn(pattern, new, text, count=1, flags=re.DOTALL | re.MULTILINE)
    assert count == 1, pattern
    return changed


def mutate(copy: Path, module: str, name: str, wrong: str) -> None:
    """Put `wrong`, which may call the `right` function, in the place of a function of the package."""
    with (copy / "lossbook" / f"{module}.py").open("a", encoding="utf-8") as source:
        source.write(f"\n\ndef {name}(*args, right={name}, **options):\n    return {wrong}\n")


def test_a_mutated_entropy_makes_the_outputs_of_the_notebook_red(copy):
    mutate(copy, "information", "entropy", "right(*args, **{**options, 'base': 10})")
    shutil.copyfile(ENTROPY.with_suffix(".ipynb"), copy / "chapters" / "mutated.ipynb")
    done = run(copy, "-m", "pytest", "-q", "--nbval", "-x", "chapters")
    assert done.returncode == 1
    assert "Cell outputs differ" in done.stdout
    assert " passed" in done.stdout, "the cells before the fault pass"


def test_a_mutated_focal_loss_makes_the_claims_of_the_chapter_red(copy):
    mutate(copy, "imbalance", "focal_loss", "right(*args, **{**options, 'gamma': 1 / (1 + options.get('gamma', 2))})")
    done = execute(copy, mutated=FOCAL.read_text(encoding="utf-8"))
    assert done.returncode == 1
    assert "AssertionError" in done.stdout


def test_a_broken_cell_and_a_false_claim_are_red(copy):
    text = ENTROPY.read_text(encoding="utf-8")
    broken = replace(r"^(```\{code-cell\} ipython3\n)(for )", r"\1undefined_name\n\2", text)
    false = replace(r"^(% assert .*? == 0\.)\d+", r"\g<1>123", text)
    done = execute(copy, broken=broken, false=false)
    assert done.returncode == 1
    verdicts = dict(re.findall(r"chapters/(\w+)\.md (executed|failed)", done.stdout))
    assert verdicts == {"broken": "failed", "false": "failed"}
    assert "NameError" in done.stdout
    assert "AssertionError" in done.stdout


def test_a_missing_alt_text_is_named(tmp_path):
    chapter = tmp_path / "chapter.md"
    text = replace(r"^:alt: [^\n]*\n", "", ENTROPY.read_text(encoding="utf-8"))
    chapter.write_text(text, encoding="utf-8")
    assert problems(ENTROPY) == []
    assert any(problem.rule == 7 and "alt" in problem.text for problem in problems(chapter)), problems(chapter)


def test_a_leaked_directive_is_named():
    notebook = nbformat.read(ENTROPY.with_suffix(".ipynb"), as_version=4)
    assert leaks(notebook) == []
    notebook.cells[3].source += "\n\n```{note}\nText.\n```"
    assert leaks(notebook) == ["cell 3: fence: ```{note}"]


def test_a_stage_that_fails_prints_the_command_that_repeats_it_and_not_that_of_another(capfd):
    bad, good = ([sys.executable, "-c", f"raise SystemExit({status})"] for status in (1, 0))
    assert test.run({"bad": bad, "good": good}) == ["bad"]
    said = capfd.readouterr().out
    assert "== good: passed" in said
    assert [told.split("\n")[0] for told in said.split("alone: ")[1:]] == [".venv/bin/python -c 'raise SystemExit(1)'"]
