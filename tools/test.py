"""Run every check and say at the end which of them failed.

    python -m tools.test             everything
    python -m tools.test lint        or one part of it: lint, unit, notebooks, pages (which builds the book)

What does not need the pages runs beside the book, and gives way to it. With the chapters executed before, all of it
should take less than twelve minutes of two quiet cores, from nothing three more; a run that takes more of the processor
than twelve minutes of both fails where LOSSBOOK_BUDGETS is set, as it is for a release. Waiting for a busy machine does
not count.
"""

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time

from tools.execute.cache import environment
from tools.layout import ROOT

LOGS = ROOT / "_build" / "tests"


def pytest(log: str, *more: str) -> list[str]:
    """Tests on all cores; a worker takes all of a page, or of another file of tests (see tests/conftest.py).

    The tracebacks go to a file; where CI runs, nobody can open that file, and so they are printed.
    """
    python = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", "-p", "tools.checks.failures"]
    style = "short" if os.environ.get("CI") == "true" else "no"
    return [*python, f"--tb={style}", "--no-summary", "--tracebacks", str(LOGS / f"{log}.txt"), *more]


# Readers' notebooks show their figures in another way than the pages (see lossbook.plots).
AS_A_READER, LATER = ["env", "LOSSBOOK_BOOK=0"], ["nice", "-n", "5"]
LINT = {
    "lint": [sys.executable, "-m", "ruff", "check", "lossbook", "tools", "tests", "bench"],
    "cells of the chapters": [sys.executable, "-m", "tools.checks.cells"],
    "types": [sys.executable, "-m", "mypy"],
}
NOTEBOOKS = {"notebooks, every output compared": [*AS_A_READER, *LATER, *pytest("notebooks", "--nbval", "chapters")]}
BOOK = {"the book, executed and written": [sys.executable, "-m", "tools.build", "--check"]}
UNIT = {"unit tests, properties, doctests, chapter rules":
        pytest("unit", "-m", "not book", "--doctest-modules", "lossbook", "tests")}
PAGES = {"pages": pytest("pages", "-m", "book", "tests")}
ALL = {"unit tests, properties, doctests, chapter rules, pages":
       pytest("tests", "--doctest-modules", "lossbook", "tests")}
STAGES = {
    "all": [LINT | NOTEBOOKS | BOOK, ALL],
    "lint": [LINT],
    "unit": [UNIT],
    "notebooks": [NOTEBOOKS],
    "pages": [BOOK, PAGES],
}
MOST = 2 * 720  # seconds of the processor


def run(stage: dict[str, list[str]]) -> list[str]:
    """Run the checks of a stage side by side and return those that failed.

    The last of them is seen as it goes on, each other one when it ends.
    """
    start, failed, running = time.monotonic(), [], {}
    *_, last = stage
    for name, command in stage.items():
        shown = None if name == last else tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed when it is shown)
        if shown is None:
            print(f"\n== {name}", flush=True)
        process = subprocess.Popen(command, cwd=ROOT, stdout=shown, stderr=subprocess.STDOUT)
        running[name] = process, shown
    while running:
        ended = [name for name, (process, _) in running.items() if process.poll() is not None]
        for name in ended:
            process, shown = running.pop(name)
            if shown is not None:
                shown.seek(0)
                print(f"\n== {name}\n{shown.read()}", end="", flush=True)
                shown.close()
            verdict = "FAILED" if process.returncode else "passed"
            print(f"== {name}: {verdict} in {time.monotonic() - start:.0f} s", flush=True)
            if process.returncode:
                failed.append(name)
                print(f"   alone: {shlex.join(stage[name]).replace(sys.executable, '.venv/bin/python')}", flush=True)
        time.sleep(0.1)
    return failed


def main(asked: list[str]) -> int:
    if len(asked) > 1 or set(asked) - set(STAGES):
        print(__doc__)
        return 2
    start = time.monotonic()
    os.environ.update(environment())
    failed = [name for stage in STAGES[asked[0] if asked else "all"] for name in run(stage)]
    uses = resource.getrusage(resource.RUSAGE_CHILDREN)
    took, used = time.monotonic() - start, uses.ru_utime + uses.ru_stime
    if used > MOST and "LOSSBOOK_BUDGETS" in os.environ:
        failed.append(f"the limit of {MOST} s of processor time")
    verdict = "failed: " + ", ".join(failed) if failed else "everything passed"
    print(f"\n{verdict} in {took:.0f} s, {used:.0f} s of processor time", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
