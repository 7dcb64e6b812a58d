"""Run the cells tagged `gpu` on a machine that has one, and record what they print.

    python tools/gpu.py            every chapter with such cells

A chapter x.md gets x.gpu.json beside it: the device, the versions, the date and the printed text of each cell.
The directive `{recorded}` shows that file on the page, or says that there is none yet.
"""

import datetime
import json
import os
import platform
import sys
from pathlib import Path

from book import ROOT, environment, executable_chapters
from docutils import nodes
from docutils.statemachine import StringList
from rules import read, tags
from sphinx.util.docutils import SphinxDirective

NOTHING = "No recorded result exists yet. On a machine with a GPU, `make test-gpu` makes one."


def record_path(chapter: Path) -> Path:
    return chapter.with_suffix(".gpu.json")


def run(chapter: Path) -> list[str]:
    """Execute a whole chapter, its `gpu` cells too; return the text that each `gpu` cell printed."""
    from nbclient import NotebookClient

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
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


class Recorded(SphinxDirective):
    """`{recorded} 1`: what the first `gpu` cell of this page printed on a GPU, and where and when."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = record_path(Path(self.env.doc2path(self.env.docname)))
        self.env.note_dependency(str(path))
        note = nodes.note()
        if path.exists():
            result = json.loads(path.read_text())
            versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
            heading = f"Recorded on {result['date']} on {result['device']}, with {versions}."
            printed = result["cells"][int(self.arguments[0]) - 1]
            note += [nodes.paragraph(text=heading), nodes.literal_block(printed, printed)]
        else:
            self.state.nested_parse(StringList([NOTHING], self.env.docname), self.content_offset, note)
        return [note]


def setup(app):
    app.add_directive("recorded", Recorded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no GPU here. Run this where torch.cuda.is_available() is true,")
        print("with a torch release built for CUDA (in .venv: .venv/bin/pip install torch==2.13.0).")
        return 1
    for chapter in executable_chapters():
        if any("gpu" in tags(cell) for cell in read(chapter).cells):
            print(f"{chapter.relative_to(ROOT)} …", flush=True)
            print(f"  recorded in {record(chapter, torch.cuda.get_device_name())}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
