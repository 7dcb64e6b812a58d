"""The book while it is written: an edited paragraph is on its page in seconds, an edited cell when it has run.

    python -m tools.live

Sphinx and a kernel for each chapter that is edited stay in memory. Of a chapter, only the cells that were edited run,
after those above them; what stands below keeps its outputs until `make book`, which executes the whole chapter. A new
figure has no number until then, and other pages do not know yet what this one says. Nothing of this enters the book:
the pages lie in _build/live, and outputs without a record are executed again.
"""

import functools
import http.server
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from jupyter_book.config import get_final_config
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.build_phase import BuildPhase
from sphinx.util.docutils import docutils_namespace, patch_docutils

from tools.browser import Quiet
from tools.checks.rules import problems
from tools.execute.cache import BUILD, OUTPUTS, alone, environment
from tools.execute.run import FORMAT, execute, where
from tools.layout import HTML, ROOT, address_of, chapters, executable_chapters
from tools.pages.patches import one_page
from tools.pages.run import TREES

LIVE, OFTEN = BUILD / "live", 0.2  # seconds between two looks at the files
RELOAD = """<script>let seen; setInterval(async () => {
  const now = await (await fetch("/changes")).text();
  if (seen && now !== seen) location.reload();
  seen = now;
}, 300);</script>"""


class Pages(Quiet):
    """Serves the pages, and at /changes the number of changes so far."""

    changes = 0

    def do_GET(self):
        if self.path != "/changes":
            super().do_GET()
            return
        text = str(Pages.changes).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Kernel:
    """A chapter whose kernel stays, once a cell has been edited; the other cells keep what they gave."""

    def __init__(self, chapter: Path):
        self.chapter, self.client = chapter, None
        try:
            _, executed = self.cache().merge_match_into_notebook(self.notebook())
        except KeyError:  # a cell was edited first: all of them run once
            executed = NotebookNode(cells=[])
        self.kept = {cell.source: cell.outputs for cell in executed.cells if cell.cell_type == "code"}

    @staticmethod
    def cache():
        return get_cache(str(OUTPUTS))

    def notebook(self) -> NotebookNode:
        entry = self.cache().add_nb_to_project(str(self.chapter), read_data=FORMAT)
        return self.cache().get_project_notebook(entry.pk).nb

    def start(self, notebook: NotebookNode) -> None:
        how = {"extra_arguments": ["--IPKernelApp.log_level=ERROR"], "timeout": 120, "record_timing": False}
        self.client = NotebookClient(notebook, resources={"metadata": {"path": str(self.chapter.parent)}}, **how)
        self.client.create_kernel_manager()
        self.client.start_new_kernel()
        self.client.start_new_kernel_client()

    def run(self) -> str:
        """Run what is new, and put all outputs where the page finds them; FILE:LINE and the error if a cell fails."""
        notebook = self.notebook()
        code = [(place, cell) for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        new = [place for place, cell in code if cell.source not in self.kept]
        first = self.client is None and bool(new)
        if first:
            self.start(notebook)
        for place, cell in code:
            if place in new or (first and place < new[-1]):
                if "skip-execution" not in cell.metadata.get("tags", []):
                    self.client.nb = notebook
                    try:
                        self.client.execute_cell(cell, place)
                    except CellExecutionError as problem:
                        return where(self.chapter, str(problem))
                self.kept[cell.source] = cell.outputs
            cell.outputs = self.kept[cell.source]
        notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}  # or no code has colours
        bundle = CacheBundleIn(notebook, str(self.chapter))
        self.cache().cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        return ""


def sphinx() -> Sphinx:
    """Sphinx as jupyter-book sets it up, on copies of what the last build has read."""
    options = {"external_toc_path": str(ROOT / "_toc.yml"), "latex_individualpages": False}
    config, _ = get_final_config(user_yaml=ROOT / "_config.yml", cli_config=options, sourcedir=ROOT)
    if not (LIVE / "doctrees").exists() and TREES.exists():
        shutil.copytree(TREES, LIVE / "doctrees")
    app = Sphinx(srcdir=ROOT, confdir=None, outdir=LIVE / "html", doctreedir=LIVE / "doctrees", buildername="html",
                 confoverrides=config, status=None, warning=sys.stderr)
    app.setup_extension("sphinx_multitoc_numbering")
    app.connect("html-page-context", lambda _app, _page, _template, context, _tree: context.update(
        body=context.get("body", "") + RELOAD), priority=950)
    return app


def times() -> dict[Path, int]:
    files = [*chapters(), *ROOT.glob("chapters/**/*.yml"), *ROOT.glob("theme/static/*"), ROOT / "references.bib"]
    return {file: file.stat().st_mtime_ns for file in files if file.exists()}


def chapter_of(file: Path) -> Path:
    return file if file.suffix == ".md" else file.with_name(file.name.split(".")[0] + ".md")


def refresh(app: Sphinx, file: Path, kernels: dict[Path, Kernel]) -> str:
    """Bring one edited file onto its page; FILE:LINE and what is wrong if that cannot be."""
    chapter = chapter_of(file)
    if chapter not in chapters():
        if file.parent.name == "static":
            shutil.copy(file, LIVE / "html" / "_static" / file.name)
        return ""
    if chapter in executable_chapters():
        kernel = kernels.setdefault(chapter, Kernel(chapter))
        if said := kernel.run():
            return said
    write_page(app, app.env.path2doc(str(chapter)))
    return ""


def write_page(app: Sphinx, page: str) -> None:
    """Read and write one page alone; the files beside it, the index and the front page wait for `make book`."""
    with one_page(app.env, page):
        app.builder.read()
        list(app.env.check_dependents(app, {page}))  # as it goes, sections and figures get their numbers
    app.phase = BuildPhase.RESOLVING
    doctree = app.env.get_and_resolve_doctree(page, app.builder)
    app.phase = BuildPhase.WRITING
    app.builder.write_doc_serialized(page, doctree)
    app.builder.write_doc(page, doctree)


def watch(app: Sphinx, seen: dict[Path, int]) -> None:
    """Show what was edited since the times ``seen``, and whatever is edited from now on."""
    kernels: dict[Path, Kernel] = {}
    while True:
        time.sleep(OFTEN)
        now = times()
        for file in [file for file, changed in now.items() if seen.get(file) != changed]:
            start = time.monotonic()
            name, chapter = file.relative_to(ROOT), chapter_of(file)
            try:
                said = refresh(app, file, kernels)
                Pages.changes += 1
                print(said or f"{name} is on its page after {time.monotonic() - start:.1f} s", flush=True)
                for problem in problems(chapter) if chapter in chapters() else []:
                    print(f"  {chapter.relative_to(ROOT)}:{problem}", flush=True)
            except Exception as problem:  # a slip of the pen ends no day of writing
                print(f"{name}: {type(problem).__name__}: {problem}", flush=True)
        seen = now


def main() -> int:
    if not (HTML / "index.html").exists():
        print("no book is built yet: run make book first, it takes some minutes")
        return 1
    os.environ.update(environment())
    seen = times()
    with alone():
        for failure in execute(executable_chapters()):
            print(failure, end="")
    with patch_docutils(None), docutils_namespace():
        app = sphinx()
        try:
            app.build()
        except (ValueError, SphinxError) as problem:
            print(problem)
            return 1
        app.builder.search = False  # which would read its index for each page
        app.builder.prepare_writing(set())
        handler = functools.partial(Pages, directory=LIVE / "html")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            first = address_of(chapters()[0])
            print(f"http://127.0.0.1:{server.server_port}/{first} (Ctrl-C ends it)", flush=True)
            try:
                watch(app, seen)
            except KeyboardInterrupt:
                print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
