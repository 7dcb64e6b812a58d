"""Sphinx extension: the reference pages and the chapters lead to each other.

Each entry of the API page names the chapters whose code uses it.
Each source that a chapter shows from the package is followed by its full name, which leads to its entry.
A Korean term is found whether or not the reader puts spaces into it.
"""

import importlib
import inspect
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

sys.path.insert(0, str(Path(__file__).parent))
from book import ROOT, chapters

import lossbook

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


def name_the_chapters(app, _what, name, _object, _options, lines):
    if name.count(".") != 2:
        return
    pages = [path for path in chapters() if path.parent.name != "reference"]
    for page in pages:
        app.env.note_dependency(str(page))
    using = [page.relative_to(ROOT).with_suffix("") for page in pages if uses(page.read_text(), name)]
    if using:
        lines += ["", "In the book: " + ", ".join(f":doc:`/{page.as_posix()}`" for page in using) + "."]


def bare(code: str) -> str:
    return "\n".join(line.strip() for line in code.strip().splitlines())


def shown(block: nodes.literal_block) -> str | None:
    """The full name of the public function whose source, or a part of it, this block shows from the package."""
    source = Path(block.get("source", ""))
    if source.parent.name != "lossbook":
        return None
    module = importlib.import_module(f"lossbook.{source.stem}")
    for name, value in vars(module).items():
        own = not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        if own and callable(value) and bare(block.astext()) in bare(inspect.getsource(value)):
            return f"lossbook.{source.stem}.{name}"
    return None


def link_to_the_entry(_app, doctree):
    for block in list(doctree.findall(nodes.literal_block)):
        name = shown(block)
        if name:
            link = addnodes.pending_xref("", nodes.literal("", name), refdomain="py", reftype="obj", reftarget=name)
            after = block.parent if block.parent.tagname == "container" and block.parent.get("literal_block") else block
            after.parent.insert(after.parent.index(after) + 1, nodes.paragraph("", "", link, classes=["api-link"]))


def index_without_spaces(_app, doctree):
    for index in doctree.findall(addnodes.index):
        spaced = [entry for entry in index["entries"] if re.search("[가-힣] ", entry[1])]
        index["entries"] += [(kind, term.replace(" ", ""), *rest) for kind, term, *rest in spaced]


def setup(app):
    app.connect("autodoc-process-docstring", name_the_chapters, priority=900)
    app.connect("doctree-read", link_to_the_entry)
    app.connect("doctree-read", index_without_spaces)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
