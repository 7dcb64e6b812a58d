"""Build the book: execute what is stale, then write the pages and all that lies beside them.

    python -m tools.build            and write the notebook beside each chapter
    python -m tools.build --check    and fail if the notebook beside a chapter is out of step with it

The stages follow each other: the notebooks come from what Sphinx has read for the pages, the slides from the pages,
the notebooks for students from the notebooks. A build that was cut short, or failed, begins again.
"""

import sys

from tools.execute.cache import cache_path, key_of
from tools.execute.run import execute
from tools.layout import HTML, ROOT, executable_chapters
from tools.notebooks import student, write
from tools.pages.run import run_jupyter_book
from tools.setup import address
from tools.shapes import moodle, slides
from tools.shapes.article import withdraw


def sources_key() -> str:
    """A key of everything that the pages are made of."""
    records = str(cache_path().relative_to(ROOT) / "executed" / "*" / "record.json")
    made_of = ("chapters/**/*", "theme/**/*", "tools/**/*.py", "references.bib", "CITATION.cff", "_*.yml", records)
    return cache_path().name + key_of(*made_of, but=".ipynb")


def build(*, check: bool) -> int:
    """Write what the built book holds, unless nothing that it is made of has changed."""
    sources, written = sources_key(), HTML / ".key"
    if written.exists() and written.read_text() == sources + key_of("chapters/**/*.ipynb"):
        print("the book is up to date", flush=True)
        return 0
    written.unlink(missing_ok=True)
    withdraw()  # the EPUB and the PDF of older pages
    print("writing the pages", flush=True)
    run_jupyter_book()
    print("writing the notebooks", flush=True)
    notebooks = write.generate()
    write.put_beside_pages(notebooks)
    slides.write()
    student.write(notebooks)
    moodle.write()
    if write.put_beside_chapters(notebooks, check=check):
        return 1
    written.write_text(sources + key_of("chapters/**/*.ipynb"))
    return 0


def main(arguments: list[str]) -> int:
    if set(arguments) - {"--check"}:
        print(__doc__)
        return 2
    if failures := execute(executable_chapters()):
        print("", *failures, sep="\n")
        return 1
    check = "--check" in arguments
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
