"""Run the stored experiments: the same tuning for every method, at least ten seeds, one file of results each.

    make experiments                      every experiment whose code has changed
    python bench/experiment.py boxes      one of them

An experiment is a module bench/experiments/NAME.py with

    SEEDS     the seeds of the result; its settings were laid out on seeds from 100 on, which are in no result
    METHODS   the settings of each method, as many for one as for another, the plain baseline among them
    SLICE     (method, seed), which a test runs again
    ALSO      scripts of bench/ that it needs, if any: their code belongs to its result
    LOOSE     how far each metric may lie from its stored value then; one that is not named, by 0.02
    repeat(method, settings, seed)    trains once for each setting, and judges on the test part the one that is best
              on the validation part: {"chosen": its number, "validation": a score for each setting, metric: number, …}

A run that is stopped goes on where it was: each repetition is kept in _build/experiments until all are there.
"""

import importlib
import json
import platform
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import sklearn
import torch
from stamp import RESULTS, ROOT, code, read, write

import lossbook
from lossbook.metrics import Interval, confidence_interval

FOLDER = Path(__file__).parent / "experiments"
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def load(name: str):
    """Return the module of an experiment."""
    return importlib.import_module(f"experiments.{name}")


def stamp_of(name: str) -> str:
    """Return the hash of the code that made the result of an experiment."""
    return code(f"experiments/{name}", *getattr(load(name), "ALSO", ()))


def stored(name: str) -> dict[str, dict[str, np.ndarray]]:
    """Return what is stored of an experiment: by method and metric, one number for each seed."""
    return {
        row["method"]: {key: np.array(value) for key, value in row.items() if key not in {"method", "settings"}}
        for row in read(name)["rows"]
    }


def difference(results: dict[str, dict[str, np.ndarray]], metric: str, method: str, baseline: str) -> Interval:
    """Return the mean of the paired differences over the seeds, with its 95 % interval."""
    return confidence_interval(results[method][metric] - results[baseline][metric])


def one(name: str, method: str, seed: int) -> dict:
    """Run one repetition; every number in it is rounded to five digits after the point."""
    torch.set_num_threads(1)
    experiment = load(name)
    found = experiment.repeat(method, experiment.METHODS[method], seed)
    return json.loads(json.dumps(found, default=float), parse_float=lambda text: round(float(text), 5))


def run(name: str) -> None:
    """Run what is missing of an experiment, and write its file when all is there."""
    experiment, kept = load(name), ROOT / "_build" / "experiments" / f"{name}-{stamp_of(name)}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    done = {(row["method"], row["seed"]): row["found"] for row in map(json.loads, lines)}
    wanted = [(method, seed) for seed in experiment.SEEDS for method in experiment.METHODS]
    left = [pair for pair in wanted if pair not in done]
    jobs = (joblib.delayed(lambda pair: (pair, one(name, *pair)))(pair) for pair in left)
    start = time.monotonic()
    with kept.open("a", encoding="utf-8") as file:
        for pair, found in joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs):
            done[pair] = found
            print(json.dumps({"method": pair[0], "seed": pair[1], "found": found}), file=file, flush=True)
            now = len(left) - len(wanted) + len(done)
            rest = (time.monotonic() - start) / now * (len(left) - now)
            bar = "#" * (30 * len(done) // len(wanted))
            print(f"\r{name} [{bar:30}] {len(done)} of {len(wanted)}, {rest / 60:.1f} min left ", end="", flush=True)
    print()
    rows = [
        {"method": method, "settings": settings,
         **{key: [done[method, seed][key] for seed in experiment.SEEDS] for key in done[method, experiment.SEEDS[0]]}}
        for method, settings in experiment.METHODS.items()
    ]
    versions = {"lossbook": lossbook.__version__, "torch": torch.__version__.split("+")[0], "numpy": np.__version__,
                "scikit-learn": sklearn.__version__, "python": platform.python_version()}
    write(name, versions, rows, code=stamp_of(name), seeds=list(experiment.SEEDS))


def main() -> int:
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            print(f"there is no experiment {name}; there are: {', '.join(NAMES)}")
            return 1
        fresh = (RESULTS / f"{name}.json").exists() and read(name)["code"] == stamp_of(name)
        print(f"{name}: the stored result belongs to the present code" if fresh else f"{name}: running", flush=True)
        if not fresh:
            run(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
