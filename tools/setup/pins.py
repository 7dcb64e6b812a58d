"""Write requirements.txt: one version of all that pyproject.toml asks for, for every system and every Python.

    python -m tools.setup.pins             keep what is pinned, add what is new, drop what nothing asks for any more
    python -m tools.setup.pins NAME ...    and take the newest release of these; of everything: all
"""

import argparse
import sys

from tools.setup.environment import PINS, ROOT, run

# torch pins its CUDA packages itself, and its build for processors has none.
LEAVE_OUT = ("cuda-", "nvidia-", "triton==")
WANTED = ("pyproject.toml", "--extra=book", "--extra=test", "--universal", "--python-version=3.11",
          "--fork-strategy=fewest", "--custom-compile-command=make pins")


def resolve(file, *options):
    """Write into a file the versions that uv chooses, but those of CUDA. What the file pins already, uv keeps."""
    run(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", f"--directory={ROOT}",
        f"--output-file={file}", *options)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(LEAVE_OUT)), encoding="utf-8")


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tools.setup.pins", description=__doc__.split("\n")[0])
    parser.add_argument("upgrade", nargs="*", metavar="NAME", help="take its newest release; all: of everything")
    names = parser.parse_args(arguments).upgrade
    newer = ["--upgrade"] if names == ["all"] else [f"--upgrade-package={name}" for name in names]
    try:
        resolve(PINS, *WANTED, *newer)
    except RuntimeError as problem:
        return str(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
