"""Sphinx extension: what chapters show and readers look up leads to the reference.

Each source that a chapter shows from the package is followed by its full name, which leads to its entry.
A Korean term is found whether or not the reader puts spaces into it.
"""

import importlib
import inspect
import re

from docutils import nodes
from sphinx import addnodes

from tools.layout import ROOT


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
    app.connect("doctree-read", link_to_the_entry)
    app.connect("doctree-read", index_without_spaces)
