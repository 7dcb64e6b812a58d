"""Make the virtual environment .venv from the exact pins of requirements.txt.

Runs on the reader's own Python, so it uses nothing but the standard library.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"


def missing(version=sys.version_info, find=importlib.util.find_spec):
    """Say what this Python lacks, in words that tell what to install; None when nothing is missing."""
    if version < (3, 11):
        return (
            f"lossbook needs Python 3.11 or newer, and {sys.executable} is Python {version[0]}.{version[1]}.\n"
            "Install a newer one (Debian and Ubuntu: apt install python3.11 python3.11-venv; "
            "elsewhere: python.org),\nthen run: make PYTHON=python3.11 book"
        )
    if not (find("venv") and find("ensurepip")):
        return (
            "This Python cannot make virtual environments: its module venv or ensurepip is missing.\n"
            "Install it (Debian and Ubuntu: apt install python3-venv), then run the same command again."
        )
    return None


def main():
    problem = missing()
    if problem:
        return problem
    print("Making .venv; the first time, this downloads about 500 MB.", flush=True)
    if sys.platform == "win32":
        return "lossbook is built on Linux or macOS; on Windows, use the Windows Subsystem for Linux."
    python = str(VENV / "bin" / "python")
    install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        [*install, "-r", str(ROOT / "requirements.txt")],
        [*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ]
    for step in steps:
        if subprocess.call(step):
            return "This step failed: " + " ".join(step)
    (VENV / "ready").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
