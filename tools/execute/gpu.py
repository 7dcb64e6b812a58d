"""Run the cells tagged `gpu` on a machine that has one, and record what they print.

    python -m tools.execute.gpu            every chapter with such cells

A chapter x.md gets x.gpu.json beside it: the device, the versions, the date and the printed text of each cell.
The directive `{recorded}` (tools/pages/verified.py) shows that file on the page.
"""

import datetime
import json
import os
import platform
import sys
from pathlib import Path

from nbclient import NotebookClient

from tools.chapter import read, tags
from tools.execute.cache import environment
from tools.layout import ROOT, executable_chapters


def record_path(chapter: Path) -> Path:
    """Where the record of a chapter's `gpu` cells lies."""
    return chapter.with_suffix(".gpu.json")


def run(chapter: Path) -> list[str]:
    """Execute a whole chapter, its `gpu` cells too; return the text that each `gpu` cell printed."""
    notebook = read(chapter)
    os.environ.update(environment())
    client = NotebookClient(notebook, timeout=1200, skip_cells_with_tag="", kernel_name="python3")
    client.execute(cwd=str(chapter.parent))
    printed = []
    for cell in notebook.cells:
        if "gpu" in tags(cell):
            texts = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs]
            printed.append("".join(texts).strip())
    return printed


def record(chapter: Path, device: str) -> Path:
    """Run a chapter and write its record."""
    import numpy
    import torch

    result = {
        "device": device,
        "versions": {"torch": torch.__version__, "numpy": numpy.__version__, "Python": platform.python_version()},
        "date": datetime.date.today().isoformat(),
        "cells": run(chapter),
    }
    path = record_path(chapter)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no GPU here. Run this where torch.cuda.is_available() is true.")
        print("If this machine has a GPU, `make clean` and `make book` install torch with CUDA.")
        return 1
    for chapter in executable_chapters():
        if any("gpu" in tags(cell) for cell in read(chapter).cells):
            print(f"{chapter.relative_to(ROOT)} …", flush=True)
            print(f"  recorded in {record(chapter, torch.cuda.get_device_name())}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
