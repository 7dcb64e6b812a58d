"""Run jupyter-book, which runs Sphinx with the extensions of this room."""

import shutil
import subprocess
import sys

from tools.execute.cache import environment
from tools.layout import ROOT

TREES = ROOT / "_build" / ".doctrees"


def run_jupyter_book(*options: str) -> None:
    """Read and write the book, every warning an error; RuntimeError holds what went wrong."""
    # Python's collector would look through all chapters again and again, a third of the time, and find next to nothing.
    start = "import gc; gc.disable(); from jupyter_book.cli.main import main; main()"
    program = [sys.executable, "-c", start]
    command = [*program, "build", str(ROOT), "-W", "--keep-going", "-q", *options]
    done = subprocess.run(command, env=environment(), capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        shutil.rmtree(TREES, ignore_errors=True)  # or the next run would not warn again
        raise RuntimeError(f"{done.stdout}\n{done.stderr}")
    print(done.stderr, end="", flush=True)  # what is no error: a patch that was left out
