"""Write the notebooks for Colab: chapters/**/x.ipynb from chapters/**/x.md, with what Sphinx has read for the pages."""

import shutil
from pathlib import Path

import nbformat

from tools.layout import HTML, ROOT
from tools.notebooks.builder import digest
from tools.notebooks.leaks import compared, leaks
from tools.pages.run import run_jupyter_book

MADE = ROOT / "_build" / "notebook"


def generate() -> dict[Path, str]:
    """The text of every notebook by its path; RuntimeError says what keeps them from a reader."""
    shutil.rmtree(MADE, ignore_errors=True)
    run_jupyter_book("--builder", "custom", "--custom-builder", "notebook")
    wanted = {ROOT / path.relative_to(MADE): path.read_text(encoding="utf-8") for path in MADE.rglob("*.ipynb")}
    notebooks = {path: nbformat.reads(text, as_version=4) for path, text in wanted.items()}
    found = [f"{path.relative_to(ROOT)}: {leak}" for path, notebook in notebooks.items() for leak in leaks(notebook)]
    if found:
        raise RuntimeError("\n  ".join(["The notebooks would show what only the build understands:", *found]))
    exact, total = (sum(counts) for counts in zip((0, 0), *map(compared, notebooks.values()), strict=True))
    print(f"{exact} of {total} cells with output are compared exactly by nbval", flush=True)
    return wanted


def out_of_step(wanted: dict[Path, str]) -> list[Path]:
    """The notebooks beside the chapters that are missing, that differ from their chapter, or that have no chapter."""
    present = {path for path in (ROOT / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    differ = [path for path in wanted if not path.exists() or path.read_text(encoding="utf-8") != wanted[path]]
    return sorted({*differ, *(present - set(wanted))})


def is_edited(path: Path) -> bool:
    """Whether somebody has changed the text of a notebook that was written here."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):  # there is none, or it is none
        return False
    made = notebook.metadata.get("lossbook", {}).get("digest")
    return made is not None and made != digest(notebook.cells)


def put_beside_chapters(wanted: dict[Path, str], *, check: bool) -> int:
    """Write what is out of step, or with `check` only name it; return how many notebooks are left out of step."""
    stale = out_of_step(wanted)
    edited = [path for path in stale if is_edited(path)]
    for path in stale:
        name = path.relative_to(ROOT)
        if path in edited:
            print(f"{name} has been edited, so it is not overwritten. Take the edits over into {path.stem}.md, "
                  "the source; then remove the notebook, and run `make book` again.", flush=True)
        elif check:
            print(f"{name} is out of step with its chapter: run `make book`", flush=True)
        elif path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"{name} written", flush=True)
        else:
            path.unlink()
            print(f"{name} removed", flush=True)
    return len(stale if check else edited)


def put_beside_pages(wanted: dict[Path, str]) -> None:
    """Put into the built book the notebooks that its pages offer, and no other."""
    for path in (HTML / "chapters").rglob("*.ipynb"):
        path.unlink()
    for path, text in wanted.items():
        (HTML / path.relative_to(ROOT)).write_text(text, encoding="utf-8")
