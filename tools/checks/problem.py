"""What a rule finds: where, which rule, and what to do."""

from typing import NamedTuple

from nbformat import NotebookNode


class Problem(NamedTuple):
    """One thing that a chapter breaks; printed as LINE: rule N: what to do."""

    line: int
    rule: int  # of STYLE.md; 0 for a duty that the rules do not number
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {f'rule {self.rule}' if self.rule else 'duty'}: {self.text}"


def at(cell: NotebookNode, rule: int, text: str, needle: str = "") -> Problem:
    """A problem in a cell, at the line in which ``needle`` stands."""
    before, found, _ = cell.source.partition(needle) if needle else ("", "", "")
    return Problem(cell.line + (before.count("\n") if found else 0), rule, text)
