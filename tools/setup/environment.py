"""Make the virtual environment .venv from the exact pins of requirements.txt, unless it is made of them already.

    python -m tools.setup.environment

Runs on the reader's own Python, so it uses nothing but the standard library.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PINS = ROOT / "requirements.txt"
# With these, pip would install elsewhere, or take what lies elsewhere for installed.
ELSEWHERE = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME")


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
    if sys.platform == "win32":
        return "lossbook is built on Linux or macOS; on Windows, use the Windows Subsystem for Linux."
    return None


def occupied(folder):
    """Say why this folder must not be emptied for an environment; None where one may be made."""
    if folder.is_symlink():
        what = f"{folder} is a link to {folder.resolve()}, and making the environment would empty that folder"
    elif folder.exists() and not (folder / "pyvenv.cfg").exists():
        what = f"{folder} is there, and is no virtual environment; making one would empty it"
    else:
        return None
    return f"{what}.\nMove or remove {folder}, then run the same command again."


def pinned(file=None):
    """The version of each package that a file of pins names, requirements.txt unless another is given."""
    return dict(re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (file or PINS).read_text(encoding="utf-8")))


def run(*command):
    """Run a command, with nothing that would lead pip out of the environment; RuntimeError when it fails."""
    environ = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    # Set, since a file of settings may say the same.
    if subprocess.call(command, env={**environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}):
        raise RuntimeError(f"This step failed: {' '.join(command)}")


def install_torch(python, version):
    """Install torch, where there is no GPU the build for processors alone, which brings no CUDA."""
    if sys.platform == "linux" and not shutil.which("nvidia-smi"):
        run(python, "-m", "pip", "install", "-q", f"uv=={pinned()['uv']}")
        uv = [python, "-m", "uv", "pip", "install", "--python", python]
        try:
            run(*uv, "--no-deps", "--torch-backend=cpu", f"torch=={version}")
            return
        except RuntimeError:
            print("torch's build without CUDA cannot be had here, so the ordinary one is installed: about 3 GB more.",
                  flush=True)
    run(python, "-m", "pip", "install", f"torch=={version}")


def make(folder, python, pins):
    """Make a virtual environment with exactly these pins, torch first; return its Python."""
    if problem := occupied(folder):
        raise RuntimeError(problem)
    inside = str(folder / "bin" / "python")
    run(python, "-m", "venv", "--clear", str(folder))
    install_torch(inside, pinned(pins)["torch"])
    run(inside, "-m", "pip", "install", "-r", str(pins))
    return inside


def made_of():
    """What .venv is made of, as its file `ready` says: the folder, and the contents of the pins and of this file."""
    contents = PINS.read_bytes() + Path(__file__).read_bytes()
    return f"{ROOT}\n{hashlib.sha256(contents).hexdigest()}\n"


def main():
    ready = VENV / "ready"
    before = ready.read_text(encoding="utf-8") if (VENV / "bin" / "python").exists() and ready.exists() else ""
    if before == made_of():
        return 0
    if problem := missing() or occupied(VENV):
        return problem
    place, _, _ = before.partition("\n")
    if place and place != str(ROOT):
        print(f".venv was made for {place}, and this is {ROOT}: it is made anew.", flush=True)
    print("Making .venv; the first time, this downloads about 500 MB.", flush=True)
    try:
        python = make(VENV, sys.executable, PINS)
        run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    except RuntimeError as problem:
        return str(problem)
    ready.write_text(made_of(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
