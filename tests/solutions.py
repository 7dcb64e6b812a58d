"""The functions of a chapter's solution, as the chapter has them."""

import ast
import math
import re

import numpy as np
import torch

from tools.layout import ROOT


def solution(chapter: str, label: str, name: str):
    """The function ``name`` from the solution of the exercise ``label`` in ``chapters/CHAPTER.md``."""
    text = (ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
    solved = re.search(rf"(?ms)^```\{{solution-start\}} {label}$.*?^```\{{solution-end\}}$", text)[0]
    cells = re.findall(r"(?ms)^```\{code-cell\}[^\n]*\n(.*?)^```$", solved)
    body = [node for cell in cells for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef)]
    names = {"F": torch.nn.functional, "nn": torch.nn, "np": np, "math": math, "torch": torch}
    exec(compile(ast.Module(body, []), f"{chapter}.md", "exec"), names)
    return names[name]
