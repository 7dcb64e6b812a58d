"""Sphinx extension: the reference pages and the chapters lead to each other.

Each entry of the API page names the chapters whose code uses it.
Each source that a chapter shows from the package is followed by its full name, which leads to its entry.
A Korean term is found whether or not the reader puts spaces into it.
"""

import functools
import importlib
import inspect
import pkgutil
import re

from docutils import nodes
from sphinx import addnodes

import lossbook
from tools.chapter import code_blocks
from tools.layout import ROOT, chapters


@functools.cache
def homes(name: str) -> list[str]:
    """The modules that offer what `name` says: its own, and those of the package that export the same thing."""
    own, attribute = name.rsplit(".", 1)
    public = [f"lossbook.{found.name}" for found in pkgutil.iter_modules(lossbook.__path__) if found.name[0] != "_"]
    offered = {home: vars(importlib.import_module(home)).get(attribute) for home in ("lossbook", *public)}
    thing = offered.get(own)
    return [own, *(home for home, other in offered.items() if home != own and other is thing is not None)]


def uses(text: str, name: str) -> bool:
    """Say whether the code cells of a chapter use `name`, such as lossbook.imbalance.focal_loss."""
    attribute = name.rsplit(".", 1)[1]
    home = "|".join(map(re.escape, homes(name)))
    short = "|".join(module.removeprefix("lossbook.") for module in homes(name))
    by_path = rf"(?<![\w.])(?:{home}|{short})\.{attribute}\b"
    by_import = rf"^from (?:{home}) import (?:\([^)]*|.*)\b{attribute}\b"
    return any(re.search(f"{by_path}|{by_import}", cell, re.MULTILINE) for cell in code_blocks(text))


def name_the_chapters(app, _what, name, _object, _options, lines):
    if name.count(".") != 2:
        return
    pages = [path for path in chapters() if path.parent.name != "reference"]
    for page in pages:
        app.env.note_dependency(str(page))
    using = [page.relative_to(ROOT).with_suffix("") for page in pages if uses(page.read_text(encoding="utf-8"), name)]
    if using:
        lines += ["", "In the book: " + ", ".join(f":doc:`/{page.as_posix()}`" for page in using) + "."]


def bare(code: str) -> str:
    return "\n".join(line.strip() for line in code.strip().splitlines())


def shown(block: nodes.literal_block) -> str | None:
    """The full name of the public function whose source, or a part of it, this block shows from the package."""
    source = ROOT / block.get("source", "")
    if not source.is_relative_to(ROOT / "lossbook"):
        return None
    home = ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(home)
    for name, value in vars(module).items():
        own = not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        if own and callable(value) and bare(block.astext()) in bare(inspect.getsource(value)):
            return f"{home}.{name}"
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
