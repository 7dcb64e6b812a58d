"""Build the book: execute what is stale, then write the pages and all that lies beside them.

    python -m tools.build            and write the notebook beside each chapter
    python -m tools.build --check    and fail if the notebook beside a chapter is out of step with it

The stages follow each other: the notebooks come from what Sphinx has read for the pages, the slides from the pages,
the notebooks for students from the notebooks. A build that was cut short, or failed, begins again.
"""

import shutil
import sys

from tools.execute.cache import OUTPUTS, PACKAGE, key_of
from tools.execute.run import execute, one_build
from tools.layout import HTML, ROOT, executable_chapters
from tools.notebooks import student, write
from tools.pages.run import TREES, run_jupyter_book
from tools.setup import address
from tools.shapes import moodle, slides


def sources_key() -> str:
    """A key of everything that the pages are made of."""
    records = str(OUTPUTS.relative_to(ROOT) / "executed" / "*" / "record.json")
    made_of = ("chapters/**/*", "theme/**/*", "tools/**/*", "references.bib", "CITATION.cff", "_*.yml", records)
    return key_of(*PACKAGE, *made_of, but=".ipynb")


def write_pages() -> None:
    """Write all pages: read are those that have changed, but a title or a number of one stands on others, too."""
    if not (HTML / ".key").exists():  # the last build was cut short
        shutil.rmtree(TREES, ignore_errors=True)
    shutil.rmtree(HTML, ignore_errors=True)  # so that nothing of an older book stays: pages, pictures, EPUB and PDF
    print("writing the pages", flush=True)
    run_jupyter_book()


def build(*, check: bool) -> int:
    """Write what the built book holds, unless nothing that it is made of has changed."""
    sources, written = sources_key(), HTML / ".key"
    if written.exists() and written.read_text(encoding="utf-8") == sources + key_of("chapters/**/*.ipynb"):
        print("the book is up to date", flush=True)
        return 0
    write_pages()
    print("writing the notebooks", flush=True)
    notebooks = write.generate()
    write.put_beside_pages(notebooks)
    slides.write()
    student.write(notebooks)
    moodle.write()
    behind = write.put_beside_chapters(notebooks, check=check)
    written.write_text("" if behind else sources + key_of("chapters/**/*.ipynb"), encoding="utf-8")
    return 1 if behind else 0


def make(*, check: bool) -> int:
    """Execute what is stale, then build."""
    if failures := execute(executable_chapters()):
        print("", *failures, sep="\n", end="")
        return 1
    try:
        for name in [] if check else address.follow():
            print(f"{name} written", flush=True)
        status = build(check=check)
    except (RuntimeError, ValueError) as problem:
        print(problem)
        return 1
    if status == 0:
        print(f"The book is ready: {(HTML / 'index.html').as_uri()}")
    return status


def main(arguments: list[str]) -> int:
    if set(arguments) - {"--check"}:
        print(__doc__)
        return 2
    with one_build():
        return make(check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
