"""Sphinx extension: each entry of the API page names the chapters whose code uses it."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import lossbook
from book import ROOT, chapters

CELL = re.compile(r"(?ms)^```\{code-cell\}.*?^```$")


def uses(text: str, name: str) -> bool:
    """Say whether the code cells of a chapter use `name`, such as lossbook.imbalance.focal_loss."""
    package, module, attribute = name.split(".")
    homes = [rf"{package}\.{module}"]
    if getattr(getattr(lossbook, attribute, None), "__module__", "") == f"{package}.{module}":
        homes.append(package)
    home = "|".join(homes)
    by_path = rf"(?<![\w.])(?:{home}|{module})\.{attribute}\b"
    by_import = rf"^from (?:{home}) import (?:\([^)]*|.*)\b{attribute}\b"
    return any(re.search(f"{by_path}|{by_import}", cell, re.MULTILINE) for cell in CELL.findall(text))


def name_the_chapters(app, what, name, obj, options, lines):
    if name.count(".") != 2:
        return
    pages = [path for path in chapters() if path.parent.name != "reference"]
    for page in pages:
        app.env.note_dependency(str(page))
    using = [page.relative_to(ROOT).with_suffix("") for page in pages if uses(page.read_text(), name)]
    if using:
        lines += ["", "In the book: " + ", ".join(f":doc:`/{page.as_posix()}`" for page in using) + "."]


def setup(app):
    app.connect("autodoc-process-docstring", name_the_chapters, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
