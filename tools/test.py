"""Run every check, one after the other, and say at the end which of them failed."""

import subprocess
import sys
import time
from pathlib import Path

from book import ROOT, environment

BIN = Path(sys.executable).parent
PYTEST = [str(BIN / "pytest"), "-q", "-n", "auto", "--dist", "loadfile"]
STEPS = {
    "lint": [str(BIN / "ruff"), "check", "lossbook", "tools", "tests"],
    "types": [str(BIN / "mypy")],
    "book": [sys.executable, "tools/book.py"],
    "unit tests, properties, doctests, chapter rules, pages": [*PYTEST, "--doctest-modules", "lossbook", "tests"],
    "notebooks, every output compared": [*PYTEST, "--nbval", "chapters"],
}


def main() -> int:
    failed = []
    for name, command in STEPS.items():
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
        print(f"== {name}: {'FAILED' if status else 'passed'} in {time.monotonic() - start:.0f} s", flush=True)
        if status:
            failed.append(name)
    print("\nfailed: " + ", ".join(failed) if failed else "\neverything passed", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
