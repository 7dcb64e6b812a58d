"""Sphinx extension: the pages of the API, made from the docstrings, and the way between them and the chapters.

The docstring of a module ends in a table of what it offers. `{offered} losses` on the page reference/api is a table of
all losses, `modules` one of the modules, and `others` one of everything else; a row has the anchor that the entry had
when all of them stood on this page.
A paragraph that begins with "Peers:" is about other libraries, and says so.
Each entry names the chapter that teaches it and those that use it; each chapter names the entries that it uses.
"""

import functools
import importlib
import inspect
import pkgutil
import re
from html import escape

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import lossbook
from tools.chapter import code_blocks
from tools.layout import NO_LOSSES, ROOT, chapters

INDEX = "chapters/reference/api"
# Where the losses of a module are taught; another part may use one of them more often.
TAUGHT = {"lossbook.regression": "loss-and-metric", "lossbook.classification": "cross-entropy"}
cells = functools.cache(code_blocks)  # of a chapter, which is asked for each name


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
    return any(re.search(f"{by_path}|{by_import}", cell, re.MULTILINE) for cell in cells(text))


def modules() -> list[str]:
    """The modules that have a page, in the order of these pages."""
    pages = [path.stem.removeprefix("api-") for path in chapters() if path.stem.startswith("api-")]
    return [f"lossbook.{name}" for name in pages]


def has_losses(home: str) -> bool:
    return home.removeprefix("lossbook.") not in NO_LOSSES


def is_taught(home: str) -> bool:
    """Whether chapters teach what a module offers: losses and metrics."""
    return has_losses(home) or home == "lossbook.metrics"


@functools.cache
def offered(home: str) -> list[str]:
    """The full name of everything that a module offers, in the order of its source."""
    module = importlib.import_module(home)
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == home]
    return [f"{home}.{name}" for name in getattr(module, "__all__", own) if not name.startswith("_")]


def first_line(name: str) -> str:
    """What the docstring of a module, a class, a function or a variable says first."""
    home, attribute = name.rsplit(".", 1)
    if home == "lossbook":
        return inspect.getdoc(importlib.import_module(name)).split("\n\n")[0].replace("\n", " ")
    thing = getattr(importlib.import_module(home), attribute)
    if not callable(thing):
        return ModuleAnalyzer.for_module(home).find_attr_docs()["", attribute][0]
    return inspect.getdoc(thing).split("\n")[0]


def written() -> dict[str, str]:
    """The text of each chapter that may teach something, by the name of its page, in the order of the book."""
    pages = [path for path in chapters() if path.parent.name != "reference"]
    return {path.relative_to(ROOT).with_suffix("").as_posix(): path.read_text(encoding="utf-8") for path in pages}


def using(name: str, texts: dict[str, str]) -> list[str]:
    """The pages that use `name`, first the one that says it most, where its module is taught: this one teaches it."""
    home, attribute = name.rsplit(".", 1)
    word = re.compile(rf"\b{attribute}\b")
    found = [page for page, text in texts.items() if uses(text, name)]
    there = [page for page in found if TAUGHT.get(home, "") in page]
    most = max(there or found, key=lambda page: len(word.findall(texts[page])), default=None)
    return [page for page in found if page == most] + [page for page in found if page != most]


def table(rows: list[list[str]], heads: list[str]) -> list[str]:
    """The reStructuredText of a table."""
    lines = ["", ".. list-table::", "   :class: offered", "   :widths: auto", "   :header-rows: 1", ""]
    lines += [f"   {'* ' if place == 0 else '  '}- {cell}" for row in (heads, *rows) for place, cell in enumerate(row)]
    return [*lines, ""]


def links(pages: list[str]) -> str:
    return ", ".join(f":doc:`/{page}`" for page in pages)


def mend_peers(_app, _what, _name, _object, _options, lines):
    """Say what a paragraph on other libraries is about; "Peers:" looks like a field that was not understood."""
    lines[:] = [re.sub("^Peers: ", "**In other libraries:** ", line) for line in lines]


def name_the_chapters(app, what, name, _object, _options, lines):
    """End the entry of a module with a table, and that of a function with the chapters that have it."""
    if what == "module":
        lines += table([[f":py:obj:`~{each}`", first_line(each)] for each in offered(name)], ["Name", "What it is"])
    if name.count(".") != 2:
        return
    texts = written()
    for page in texts:
        app.env.note_dependency(str(ROOT / f"{page}.md"))
    pages = using(name, texts)
    if pages and is_taught(name.rsplit(".", 1)[0]):
        lines += ["", f"Taught in: {links(pages[:1])}." + f" Used in: {links(pages[1:])}." * bool(pages[1:])]
    elif pages:
        lines += ["", f"Used in: {links(pages)}."]


class Offered(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        texts = written()
        losses = [name for home in modules() if has_losses(home) for name in offered(home)]
        others = [name for home in modules() if not has_losses(home) for name in offered(home)]
        rows = {
            "modules": lambda: [[f":py:mod:`{home}`", first_line(home)] for home in modules()],
            "losses": lambda: [self.row(name, using(name, texts)[:1]) for name in losses],
            "others": lambda: [self.row(name)[:2] for name in others],
        }[self.arguments[0]]()
        heads = ["Name", "What it is", "Taught in"][: len(rows[0])]
        for page in texts:
            self.env.note_dependency(str(ROOT / f"{page}.md"))
        box = nodes.container(classes=["all-offered"])
        self.state.nested_parse(StringList(["```{eval-rst}", *table(rows, heads), "```"], self.env.docname), 0, box)
        for link in box.findall(addnodes.pending_xref):
            if link["refdomain"] == "py":
                row = link.parent
                while row.tagname != "row":
                    row = row.parent
                row["ids"].append(f"{'module-' * (self.arguments[0] == 'modules')}{link['reftarget']}")
        return box.children

    @staticmethod
    def row(name: str, pages: list[str] = ()) -> list[str]:
        return [f":py:obj:`~{name}`", first_line(name), links(pages)]


def in_the_api(app, pagename, _templatename, context, doctree):
    """Under the title of a chapter, lead to the entry of each loss that it uses."""
    text = written().get(pagename)
    if doctree is None or text is None or "body" not in context:
        return
    entries = app.env.get_domain("py").objects
    found = [name for home in modules() if is_taught(home) for name in offered(home) if uses(text, name)]
    if not found:
        return
    index = app.builder.get_relative_uri(pagename, INDEX)
    each = []
    for name in found:
        address = f"{app.builder.get_relative_uri(pagename, entries[name].docname)}#{entries[name].node_id}"
        each.append(f'<a href="{escape(address)}"><code>{name.rsplit(".", 1)[1]}</code></a>')
    line = f'<p class="in-the-api">In the <a href="{escape(index)}">API</a>: {", ".join(each)}</p>'
    bar = re.compile("(?s)<nav [^>]*page-links.*?</nav>")
    context["body"] = bar.sub(lambda found: found[0] + line, context["body"], count=1)


def setup(app):
    app.add_directive("offered", Offered)
    app.connect("autodoc-process-docstring", mend_peers, priority=100)
    app.connect("autodoc-process-docstring", name_the_chapters, priority=900)
    app.connect("html-page-context", in_the_api, priority=940)
