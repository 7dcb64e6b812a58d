"""Measure lossbook and its peers side by side, and write the results that the reference pages show.

    make bench                       everything; about 3 minutes, and a download of 900 MB the first time
    python3 -m bench accuracy        error of value and gradient against mpmath
    python3 -m bench behaviours      one small question per row
    python3 -m bench speed           time of forward plus backward; wants a quiet machine

The peers live in an environment of their own, .venv-bench, so that the book's pins stay as they are.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
PARTS = ("accuracy", "behaviours", "speed")


def install() -> None:
    """Make .venv-bench from the two lists of requirements, unless it is there and they have not changed since."""
    from tools.setup import environment

    wanted = [ROOT / "bench" / name for name in ("requirements.txt", "requirements-alone.txt")]
    ready, made_of = VENV / "ready", "".join(path.read_text(encoding="utf-8") for path in wanted)
    if ready.exists() and ready.read_text(encoding="utf-8") == made_of:
        return
    print("Making .venv-bench; the first time, this downloads about 900 MB.", flush=True)
    python = environment.make(VENV, sys.executable, wanted[0])
    for more in (["-r", str(wanted[1])], ["--target", str(VENV / "older"), "kornia==0.8.2"]):
        environment.run(python, "-m", "pip", "install", "--quiet", "--no-deps", *more)
    ready.write_text(made_of, encoding="utf-8")


def measure_accuracy(_) -> None:
    import accuracy
    import torch
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(1)
    work = [(case, library, dtype) for dtype in accuracy.PROMISE for case in accuracy.CASES for library in case.calls]
    rows = [accuracy.measure(*one) for one in tqdm(work, desc="accuracy", disable=None)]
    write("accuracy", versions(), rows, code=code("accuracy"), curves=accuracy.curves())


def measure_behaviours(_) -> None:
    import behaviours
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    rows = [behaviours.measure(one) for one in tqdm(behaviours.BEHAVIOURS, desc="behaviours", disable=None)]
    write("behaviours", versions(), rows, code=code("behaviours"))


def measure_speed(rounds) -> None:
    import speed
    import torch
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(2)
    before, rows = speed.load(), []
    with tqdm(total=rounds * len(speed.TASKS), desc="speed", disable=None) as bar:
        for task in speed.TASKS:
            rows += speed.measure(task, rounds, bar)
    write("speed", versions(), rows, code=code("speed"), threads=2, rounds=rounds, load_before=before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="?", choices=PARTS, help="one part only")
    parser.add_argument("--rounds", type=int, default=120, help="how often each time is taken")
    asked = parser.parse_args()
    if Path(sys.prefix) != VENV:
        install()
        here = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
        return subprocess.call([str(VENV / "bin" / "python"), __file__, *sys.argv[1:]], env=here)
    for name in [asked.part] if asked.part else PARTS:
        globals()[f"measure_{name}"](asked.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
