"""Write requirements.txt: the exact versions that a fresh install of the package with its extras gets today."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = "# Made by `make pins` from pyproject.toml. Do not edit.\n"
# torch's releases for Linux bring CUDA packages on some platforms; the book needs none of them.
LEAVE_OUT = ("lossbook", "nvidia-", "cuda-", "triton", "pip==", "-e ")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        python = f"{folder}/bin/python"
        subprocess.check_call([sys.executable, "-m", "venv", folder])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "torch==2.13.0"])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "setuptools", f"{ROOT}[book,test]"])
        frozen = subprocess.check_output([python, "-m", "pip", "freeze", "--all"], text=True).splitlines()
    pins = [line.split("+")[0] for line in frozen if not line.startswith(LEAVE_OUT)]
    (ROOT / "requirements.txt").write_text(HEADER + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
