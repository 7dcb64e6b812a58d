"""Sphinx extension: a builder that writes each page as a plain notebook.

Sphinx reads and resolves the chapters, so numbers, citations and links are those of the pages; what it has read, it
shares with the builder of the pages.
Code and tags are those of the notebook that myst-nb reads from the chapter, outputs those of the book's cache.

The ready-made builder, sphinx-tojupyter 0.6, was tried and not taken.
It loses outputs, cell tags, the captions of figures that a cell draws and the links of numbered references,
writes "(A die)Exercise 1", puts HTML anchors into the text and links to notebooks that do not exist.
"""

import hashlib
import json
import re
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from sphinx.builders import Builder

from tools.chapter import mark_answers, tags
from tools.layout import has_notebook, published_url, repository_url
from tools.notebooks.cells import TEXT, Writer

INSTALL = (
    'from importlib.util import find_spec; ready = find_spec("lossbook") or '
    'get_ipython().run_line_magic("pip", "install -q git+{repository}")'
)


def digest(cells: list) -> str:
    """A key of what an author could edit: the kinds and the texts of the cells."""
    texts = json.dumps([(cell.cell_type, cell.source) for cell in cells])
    return hashlib.sha256(texts.encode()).hexdigest()[:12]


def assemble(cells: list, repository: str, page: str, gpu: bool) -> str:
    """The text of the notebook: install line, link to the page, identities and metadata that never change by chance."""
    first_code = next(index for index, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first_code, nbformat.v4.new_code_cell(INSTALL.format(repository=repository), execution_count=1))
    title, _, rest = cells[0].source.partition("\n\n")
    note = f"*Run the cells from top to bottom, or read [this chapter as a page]({page}).*"
    cells[0].source = "\n\n".join(filter(None, [title, note, rest]))
    seen = {}
    for cell in cells:
        # Without the numbers in a text: those of exercises and sections move when a chapter is put before this one.
        text = cell.source if cell.cell_type == "code" else re.sub(r"\d+", "", cell.source)
        key = f"{cell.cell_type}\n{text}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{seen[key]}\n{key}".encode()).hexdigest()[:12]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "lossbook": {"digest": digest(cells)},  # by which an edited notebook is known
        **({"accelerator": "GPU", "colab": {"gpuType": "T4"}} if gpu else {}),
    })
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


class NotebookBuilder(Builder):
    """Sphinx's part: every link becomes the address of the published page."""

    name = "notebook"
    supported_image_types = ["image/svg+xml", "image/png", "image/jpeg", "image/gif"]  # noqa: RUF012

    def init(self) -> None:
        root = Path(self.app.srcdir)
        self.site, self.repository = published_url(root), repository_url(root)

    def get_outdated_docs(self):
        return self.env.found_docs

    def get_target_uri(self, docname, _kind=None):
        return f"{self.site}{docname}.html"

    def get_relative_uri(self, _here, there, _kind=None):
        return self.get_target_uri(there)

    def prepare_writing(self, docnames) -> None:
        pass

    def write_doc(self, docname, doctree) -> None:
        path = Path(self.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
        if not has_notebook(Path(self.app.srcdir, f"{docname}.md")):
            return
        source = nbformat.read(path, as_version=4)
        shown = [cell for cell in source.cells if cell.cell_type == "code" and "remove-cell" not in tags(cell)]
        if not shown:
            return
        _, executed = get_cache(self.env.mystnb_config.execution_cache_path).merge_match_into_notebook(source)
        wanted = source.metadata.get("colab", {}).get("gpu", False)
        gpu = wanted or any("gpu" in tags(cell) for cell in shown)
        cells = Writer(self, docname, mark_answers(executed)).cells_of(doctree)
        notebook = Path(self.outdir, f"{docname}.ipynb")
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(assemble(cells, self.repository, self.get_target_uri(docname), gpu), encoding="utf-8")


def choose_outputs(_app, config) -> None:
    """Of the forms of an output, take for notebooks the plain text."""
    kinds = [TEXT, "text/html", "image/png", "image/svg+xml"]
    config.nb_mime_priority_overrides = [("notebook", kind, place) for place, kind in enumerate(kinds)]


def setup(app):
    app.add_builder(NotebookBuilder)
    app.connect("config-inited", choose_outputs, priority=10)
