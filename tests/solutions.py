"""The functions of a chapter's solutions, as the chapter has them."""

import ast
import math
import re

import numpy as np
import torch

from tools.layout import ROOT

EXERCISE = re.compile(r"(?ms)^```\{exercise\}.*?^:label: (\S+)$(.*?)^```$")
CELL = re.compile(r"(?ms)^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(?:---\n.*?^---\n)?(.*?)^```$")


def solutions(text: str) -> list[tuple[str, str]]:
    """The text of each exercise of a chapter, and the code of its solution."""
    return [(asked, code_of(text, label)) for label, asked in EXERCISE.findall(text)]


def code_of(text: str, label: str) -> str:
    solved = re.search(rf"(?ms)^```\{{solution-start\}} {label}$.*?^```\{{solution-end\}}$", text)
    return "\n".join(CELL.findall(solved[0]))


def solution(chapter: str, label: str, name: str):
    """The function ``name`` from the solution of the exercise ``label`` in ``chapters/CHAPTER.md``."""
    code = code_of((ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8"), label)
    body = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    names = {"F": torch.nn.functional, "nn": torch.nn, "np": np, "math": math, "torch": torch}
    exec(compile(ast.Module(body, []), f"{chapter}.md", "exec"), names)
    return names[name]
