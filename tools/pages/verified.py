"""Sphinx extension: what each chapter was last verified with, from the records that the build and a GPU keep.

A record lies in the cache beside a chapter's outputs (see tools/execute/cache.py). From it come the line at the end
of a chapter, and the table of the page reference/status, which the directive `{verified}` writes.
`{recorded} 1` shows what the first `gpu` cell of a page printed on a GPU, and where and when; nothing is shown until
there is a record (`make test-gpu`).
"""

import functools
import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools.chapter import read, tags
from tools.execute import cache, gpu
from tools.layout import ROOT, executable_chapters

STATUS = "chapters/reference/status"
# To find a record, a whole chapter is read; while pages are written none changes.
record, record_path = functools.cache(cache.record), functools.cache(cache.record_path)


def versions(kept: dict) -> str:
    *most, last = (f"{name} {version}" for name, version in kept["versions"].items())
    return f"{', '.join(most)} and {last}"


@functools.cache
def has_gpu_cells(chapter: Path) -> bool:
    return any("gpu" in tags(cell) for cell in read(chapter).cells)


def gpu_cells(chapter: Path) -> str:
    """Whether the cells for a GPU have been run; empty for a chapter without any."""
    if not has_gpu_cells(chapter):
        return ""
    path = gpu.record_path(chapter)
    return f"run on {json.loads(path.read_bytes())['date']}" if path.exists() else "not run yet"


def stamp(chapter: Path, status: str) -> str:
    """The line at the end of a chapter; empty while nothing is recorded."""
    kept = record(chapter)
    if kept is None:
        return ""
    cells = gpu_cells(chapter)
    words = [
        f"Last run on {kept['date']} with {versions(kept)},",
        f"in {kept['seconds']:.0f} s of processor time and {kept['bytes'] / 1e6:.0f} MB of memory.",
        f"GPU cells: {cells}." if cells else "",
    ]
    line = escape(" ".join(filter(None, words)))
    return f'<p class="stamp">{line} <a href="{escape(status)}">All chapters</a></p>'


class Verified(SphinxDirective):
    """`{verified}`: a table of all chapters that run code, with what their records hold."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for chapter in executable_chapters():
            name = chapter.relative_to(ROOT).with_suffix("").as_posix()
            path, kept = record_path(chapter), record(chapter)
            for file in filter(None, (chapter, path, gpu.record_path(chapter))):
                if file.exists():
                    self.env.note_dependency(str(file))
            numbers = [""] * 7
            if kept:
                took = f"{kept['seconds']:.1f}", f"{kept['bytes'] / 1e6:.0f}"
                numbers = [*took, *kept["versions"].values(), kept["date"]]
            rows.append((name, *numbers, gpu_cells(chapter) or "none"))
        heads = ("Chapter", "s", "MB", "lossbook", "torch", "numpy", "Python", "Run on", "GPU cells")
        return [self.table(heads, rows)]

    def table(self, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> nodes.table:
        group = nodes.tgroup("", cols=len(heads))
        group += [nodes.colspec(colwidth=1) for _ in heads]
        group += nodes.thead("", nodes.row("", *[nodes.entry("", nodes.paragraph(text=head)) for head in heads]))
        body = nodes.tbody()
        for name, *texts in rows:
            link = addnodes.pending_xref(
                "", nodes.inline(), refdomain="std", reftype="doc", reftarget=f"/{name}", refexplicit=False,
                refdoc=self.env.docname, refwarn=True,
            )
            cells = [nodes.paragraph("", "", link), *[nodes.paragraph(text=text) for text in texts]]
            body += nodes.row("", *[nodes.entry("", cell) for cell in cells])
        group += body
        return nodes.table("", group, classes=["status"])


class Recorded(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = gpu.record_path(Path(self.env.doc2path(self.env.docname)))
        self.env.note_dependency(str(path))
        if not path.exists():
            return []
        result = json.loads(path.read_text(encoding="utf-8"))
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        heading = f"Recorded on {result['date']} on {result['device']}, with {versions}."
        printed = result["cells"][int(self.arguments[0]) - 1]
        return [nodes.note("", nodes.paragraph(text=heading), nodes.literal_block(printed, printed))]


def follow_the_record(app, _doctree):
    """Have a page written anew when its record changes."""
    path = record_path(ROOT / f"{app.env.docname}.md")
    if path:
        app.env.note_dependency(str(path))


def put_stamp(app, pagename, _templatename, context, doctree):
    chapter = ROOT / f"{pagename}.md"
    if doctree is not None and "body" in context and chapter in executable_chapters():
        context["body"] += stamp(chapter, app.builder.get_relative_uri(pagename, STATUS))


def setup(app):
    app.add_directive("verified", Verified)
    app.add_directive("recorded", Recorded)
    app.connect("doctree-read", follow_the_record)
    app.connect("html-page-context", put_stamp, priority=950)
