"""What the book changes inside Sphinx, Pygments and pybtex, all in one place; what it saves, and what goes without it.

How myst-nb reads a chapter is changed in tools/chapter.py, for every process that reads one.

Each change first looks whether the thing is still as it was when this was written. If not, it is left out, and a line
of the build says so: the book is written all the same, only slower or heavier.

The times are seconds of the processor for the 28 pages of four parts: 25 for the pages, 6 for the notebooks.

    light_code          half of the bytes of a page were spans around commas, names and spaces, which change nothing
                        that is seen. Without it: the largest pages pass 300 kB, and writing the pages takes 30 s.
    one_reading         Sphinx unpickles a page for every reference by number to it. Without it: 30 s and 10 s.
    one_look_up         pybtex searches all installed packages at every citation. Without it: about 1 s more each.
    fewer_collections   Python looks for what it can throw away after every 700 new objects, and a page has many.
                        Without it: 34 s and 10 s.
    one_page            of the live view alone: Sphinx reads every page that depends on an edited one, and unpickles all
                        pages to number the figures anew. Without it: 13 s in place of 2 s for an edited paragraph.

one_look_up and fewer_collections are asked for in a way that pybtex and Python document.
"""

import gc
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pybtex.plugin import find_plugin, register_plugin
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Number, Punctuation, String, Text, Token
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.highlighting import PygmentsBridge

# In both themes these have the colour of the code itself, or the colour of their whole family.
PLAIN = {Token, Text, Text.Whitespace, Name, Name.Namespace, Name.Other, Punctuation, Punctuation.Marker}


def parameters(function) -> list[str]:
    """The names of a function's parameters; none of what is no function."""
    return list(inspect.signature(function).parameters) if callable(function) else []


def leave_out(patch: str, why: str) -> None:
    warnings.warn(f"tools/pages/patches.py leaves out {patch}: {why}", stacklevel=3)


class Formatter(HtmlFormatter):
    """Pygments' HTML, without a span for each comma, name and space."""

    def _get_css_classes(self, ttype):
        if ttype in PLAIN:
            return ""
        for family in (String, Number):
            if ttype in family and ttype not in (String.Regex, String.Symbol):
                return super()._get_css_classes(family)
        return super()._get_css_classes(ttype)


def light_code() -> None:
    if parameters(getattr(HtmlFormatter, "_get_css_classes", None)) != ["self", "ttype"]:
        leave_out("light_code", "Pygments' HtmlFormatter has no _get_css_classes(ttype) any more")
    elif getattr(PygmentsBridge, "html_formatter", None) not in (HtmlFormatter, Formatter):
        leave_out("light_code", "Sphinx's PygmentsBridge does not write with Pygments' HtmlFormatter any more")
    else:
        PygmentsBridge.html_formatter = Formatter


class OneReading:
    """An environment of Sphinx that reads each page once."""

    def __init__(self, env, pages: dict):
        self.env, self.pages = env, pages

    def __getattr__(self, name: str):
        return getattr(self.env, name)

    def get_doctree(self, docname: str):
        if docname not in self.pages:
            self.pages[docname] = self.env.get_doctree(docname)
        return self.pages[docname]


def one_reading() -> None:
    resolve = getattr(StandardDomain, "_resolve_numref_xref", None)
    if parameters(resolve)[:2] != ["self", "env"]:
        leave_out("one_reading", "Sphinx's StandardDomain has no _resolve_numref_xref(env, …) any more")
        return
    pages = {}
    StandardDomain._resolve_numref_xref = lambda self, env, *rest, **more: resolve(
        self, OneReading(env, pages), *rest, **more
    )


def one_look_up() -> None:
    if "force" not in parameters(register_plugin):
        leave_out("one_look_up", "pybtex's register_plugin has no argument force any more")
        return
    register_plugin("pybtex.backends", "plaintext", find_plugin("pybtex.backends", "plaintext"), force=True)


def fewer_collections() -> None:
    gc.set_threshold(50_000, 20, 20)


@contextmanager
def one_page(env, page: str) -> Iterator[None]:
    """While this lasts, Sphinx reads this page alone, and its figures keep their numbers."""
    outdated, number = BuildEnvironment.get_outdated_files, TocTreeCollector.assign_figure_numbers
    if parameters(outdated) != ["self", "config_changed"] or parameters(number) != ["self", "env"]:
        leave_out("one_page", "Sphinx finds outdated pages, or numbers figures, in another way")
        yield
        return
    kept = env.toc_fignumbers.get(page, {})  # Sphinx forgets them when it reads the page

    def keep_numbers(_collector, env) -> list[str]:
        env.toc_fignumbers[page] = kept
        return []

    BuildEnvironment.get_outdated_files = lambda _env, _config_changed: (set(), {page}, set())
    TocTreeCollector.assign_figure_numbers = keep_numbers
    try:
        yield
    finally:
        BuildEnvironment.get_outdated_files, TocTreeCollector.assign_figure_numbers = outdated, number


def setup(_app):
    for patch in (light_code, one_reading, one_look_up, fewer_collections):
        patch()
