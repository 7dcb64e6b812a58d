"""Measure lossbook and its peers side by side, and write the results that the reference pages show.

    make bench                       everything; about 9 minutes, and a download of 1 GB the first time
    python3 -m bench accuracy        error of value and gradient against mpmath
    python3 -m bench behaviours      one small question per row
    python3 -m bench speed           time of forward plus backward; wants a quiet machine
    python3 -m bench exact           error in ulp at every float32 number; about an hour, goes on where it stopped
    python3 -m bench families        the same three for the losses beyond classification, and how time and memory grow

Parts can be named together; accuracy_families, behaviours_families, speed_families and growth_families are parts too.

The peers live in an environment of their own, .venv-bench, so that the book's pins stay as they are.
"""

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
FAMILIES = ("accuracy_families", "behaviours_families", "speed_families", "growth_families")
PARTS = ("accuracy", "behaviours", "speed", *FAMILIES)


def install() -> None:
    """Make .venv-bench from the two lists of requirements, unless it is there and they have not changed since."""
    from tools.setup import environment

    wanted = [ROOT / "bench" / name for name in ("requirements.txt", "requirements-alone.txt")]
    ready, made_of = VENV / "ready", "".join(path.read_text(encoding="utf-8") for path in wanted)
    if ready.exists() and ready.read_text(encoding="utf-8") == made_of:
        return
    print("Making .venv-bench; the first time, this downloads about 1 GB.", flush=True)
    python = environment.make(VENV, sys.executable, wanted[0])
    for more in (["-r", str(wanted[1])], ["--target", str(VENV / "older"), "kornia==0.8.2"]):
        environment.run(python, "-m", "pip", "install", "--quiet", "--no-deps", *more)
    ready.write_text(made_of, encoding="utf-8")


def measure_accuracy(*_) -> None:
    import accuracy
    import torch
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(1)
    work = [(case, library, dtype) for dtype in accuracy.PROMISE for case in accuracy.CASES for library in case.calls]
    rows = [accuracy.measure(*one) for one in tqdm(work, desc="accuracy", disable=None)]
    write("accuracy", versions(), rows, code=code("accuracy"), curves=accuracy.curves())


def measure_behaviours(*_) -> None:
    import behaviours
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    rows = [behaviours.measure(one) for one in tqdm(behaviours.BEHAVIOURS, desc="behaviours", disable=None)]
    write("behaviours", versions(), rows, code=code("behaviours"))


def measure_speed(rounds, threads) -> None:
    import speed
    import torch
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(threads)
    before, rows, passes = speed.load(), [], []
    with tqdm(total=rounds * len(speed.TASKS), desc="speed", disable=None) as bar:
        for task in speed.TASKS:
            found = speed.measure(task, rounds, bar)
            rows, passes = rows + found, passes + speed.passes(task, found)
    more = {"threads": threads, "rounds": rounds, "load_before": before, "passes": passes}
    write("speed", versions(), rows, code=code("speed"), **more)


def measure_accuracy_families(*_) -> None:
    import accuracy_families
    import torch
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(1)
    work = [(case, library) for case in accuracy_families.CASES for library in case.calls]
    rows = [accuracy_families.measure(*one) for one in tqdm(work, desc="accuracy, families", disable=None)]
    write("accuracy_families", versions(), rows, code=code("accuracy_families"))


def measure_behaviours_families(*_) -> None:
    from behaviours import measure
    from behaviours_families import BEHAVIOURS
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    rows = [measure(one) for one in tqdm(BEHAVIOURS, desc="behaviours, families", disable=None)]
    write("behaviours_families", versions(), rows, code=code("behaviours_families"))


def measure_speed_families(_, threads, name="speed_families") -> None:
    import speed_families
    import torch
    from libraries import versions
    from speed import load
    from stamp import code, write
    from tqdm import tqdm

    torch.set_num_threads(threads)
    torch._logging.set_logs(dynamo=logging.ERROR)  # of a call that cannot be compiled, one line is enough
    before, rows, work = load(), [], speed_families.work(name)
    with tqdm(total=len(work), desc=name.replace("_", ", "), disable=None) as bar:
        for one in work:
            rows += speed_families.compare(*one, bar)
    write(name, versions(), rows, code=code("speed_families"), threads=threads, load_before=before)


def measure_growth_families(_, threads) -> None:
    measure_speed_families(_, threads, "growth_families")


def measure_exact(_, threads) -> None:
    import exact

    exact.run([], threads)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="*", choices=[*PARTS, "families", "exact"], help="only these parts")
    parser.add_argument("--rounds", type=int, default=120, help="how often each time is taken")
    parser.add_argument("--threads", type=int, default=2, help="how many threads are timed")
    asked = parser.parse_args()
    if Path(sys.prefix) != VENV:
        install()
        here = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
        return subprocess.call([str(VENV / "bin" / "python"), __file__, *sys.argv[1:]], env=here)
    wanted = [part for name in asked.part or PARTS for part in (FAMILIES if name == "families" else [name])]
    for name in wanted:
        globals()[f"measure_{name}"](asked.rounds, asked.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
