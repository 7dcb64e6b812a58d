"""Make the notebooks for Colab: chapters/**/x.ipynb from chapters/**/x.md.

    python tools/notebooks.py            write the notebooks
    python tools/notebooks.py --check    only say which of them are out of step with their chapter

Sphinx reads and resolves the chapters, so numbers, citations and links are those of the pages.
A builder of this module then writes each resolved page as plain Markdown. What Sphinx has read it shares with the
builder of the pages.
Code and tags are those of the notebook that myst-nb reads from the chapter, outputs those of the book's cache.

The ready-made builder, sphinx-tojupyter 0.6, was tried and not taken.
It loses outputs, cell tags, the captions of figures that a cell draws and the links of numbered references,
writes "(A die)Exercise 1", puts HTML anchors into the text and links to notebooks that do not exist.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import address
import nbformat
from book import (
    ROOT,
    environment,
    executable_chapters,
    execute,
    has_notebook,
    published_url,
    repository_url,
    run_jupyter_book,
)
from cells import TEXT, Writer, tags_of
from jupyter_cache import get_cache
from leaks import compared, leaks
from sphinx.builders import Builder

INSTALL = (
    'from importlib.util import find_spec; ready = find_spec("lossbook") or '
    'get_ipython().run_line_magic("pip", "install -q git+{repository}")'
)


def assemble(cells: list, repository: str, page: str, gpu: bool) -> str:
    """The text of the notebook: install line, link to the page, identities and metadata that never change by chance."""
    first_code = next(index for index, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first_code, nbformat.v4.new_code_cell(INSTALL.format(repository=repository), execution_count=1))
    title, _, rest = cells[0].source.partition("\n\n")
    note = f"*Run the cells from top to bottom, or read [this chapter as a page]({page}).*"
    cells[0].source = "\n\n".join(filter(None, [title, note, rest]))
    seen = {}
    for cell in cells:
        key = f"{cell.cell_type}\n{cell.source}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{seen[key]}\n{key}".encode()).hexdigest()[:12]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
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
        shown = [cell for cell in source.cells if cell.cell_type == "code" and "remove-cell" not in tags_of(cell)]
        if not shown:
            return
        _, executed = get_cache(self.env.mystnb_config.execution_cache_path).merge_match_into_notebook(source)
        wanted = source.metadata.get("colab", {}).get("gpu", False)
        gpu = wanted or any("gpu" in tags_of(cell) for cell in shown)
        cells = Writer(self, docname, executed).cells_of(doctree)
        notebook = Path(self.outdir, f"{docname}.ipynb")
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_text(assemble(cells, self.repository, self.get_target_uri(docname), gpu))


def choose_outputs(_app, config) -> None:
    """Of the forms of an output, take for notebooks the plain text."""
    kinds = [TEXT, "text/html", "image/png", "image/svg+xml"]
    config.nb_mime_priority_overrides = [("notebook", kind, place) for place, kind in enumerate(kinds)]


def setup(app):
    app.add_builder(NotebookBuilder)
    app.connect("config-inited", choose_outputs, priority=10)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def generate() -> dict[Path, str]:
    """The text of every notebook of the book, by its path."""
    if failures := execute(executable_chapters()):
        raise RuntimeError("\n".join(failures))
    folder = ROOT / "_build" / "notebook"
    shutil.rmtree(folder, ignore_errors=True)
    done = run_jupyter_book("--builder", "custom", "--custom-builder", "notebook")
    if done.returncode:
        raise RuntimeError(re.sub(r"\x1b\[[\d;]*m", "", done.stderr))
    return {ROOT / path.relative_to(folder): path.read_text() for path in folder.rglob("*.ipynb")}


def out_of_step(root: Path, wanted: dict[Path, str]) -> list[str]:
    """The notebooks that are missing, that differ from their chapter, or that have no chapter."""
    present = {path for path in (root / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    differ = [path for path in wanted if not path.exists() or path.read_text() != wanted[path]]
    return sorted(str(path.relative_to(root)) for path in {*differ, *(present - set(wanted))})


def main(arguments: list[str]) -> int:
    if set(arguments) - {"--check"}:
        print(__doc__)
        return 2
    os.environ.update(environment())
    try:
        wanted = generate()
    except (RuntimeError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1
    notebooks = {path: nbformat.reads(text, as_version=4) for path, text in wanted.items()}
    found = [f"{path.relative_to(ROOT)}: {leak}" for path, notebook in notebooks.items() for leak in leaks(notebook)]
    if found:
        print("The notebooks would show what only the build understands:", *found, sep="\n  ", file=sys.stderr)
        return 1
    stale = out_of_step(ROOT, wanted)
    for name in stale:
        path = ROOT / name
        if "--check" in arguments:
            print(f"{name} is out of step with its chapter: run `make notebooks`")
        elif path in wanted:
            path.write_text(wanted[path])
            print(f"{name} written")
        else:
            path.unlink()
            print(f"{name} removed")
    if "--check" not in arguments:
        for name in address.follow():
            print(f"{name} written")
    exact, total = (sum(counts) for counts in zip((0, 0), *map(compared, notebooks.values()), strict=True))
    print(f"{exact} of {total} cells with output are compared exactly by nbval")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
