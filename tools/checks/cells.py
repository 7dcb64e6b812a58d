"""Lint the cells of the chapters: names that do not exist, imports that nobody uses, lines past 120 columns.

    python -m tools.checks.cells

Each chapter becomes a program whose lines are numbered as in its source: `focal.py:123` is line 123 of focal.md.
"""

import subprocess
import sys
from pathlib import Path

from tools.chapter import read, tags
from tools.layout import ROOT, executable_chapters

RULES = "E501,E7,E9,F"  # of ruff; without E701 and E702, which forbid two statements on a line
RUFF = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", "--output-format", "concise",
        "--quiet", "--select", RULES, "--ignore", "E731,E741"]


def program(chapter: Path) -> str:
    """The cells that run, each in its lines."""
    lines: list[str] = []
    for cell in read(chapter).cells:
        if cell.cell_type == "code" and "raises-exception" not in tags(cell):
            lines += [""] * (cell.line - 1 - len(lines))
            lines += ["" if line.startswith(("%", "!")) else line for line in cell.source.split("\n")]
    return "\n".join(lines) + "\n"


def main() -> int:
    wrong = 0
    for chapter in executable_chapters():
        name = chapter.relative_to(ROOT).with_suffix(".py")
        wrong |= subprocess.run([*RUFF, "--stdin-filename", name, "-"], input=program(chapter), text=True,
                                cwd=ROOT, check=False).returncode
    return wrong


if __name__ == "__main__":
    sys.exit(main())
