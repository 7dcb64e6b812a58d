"""What results over many data sets allow one to say: pairs first, then ranks, then how probable a useful difference is.

A difference is one number for a data set, the mean over its repetitions. Data sets that were cut from one table are no
independent witnesses, so every statement can be made over families as well, each with the mean of its sets.
"""

import math
from functools import cache

import numpy as np
from remedies import METHODS, SHARED, settings
from scipy import stats
from stamp import read


@cache
def load(name: str = "bakeoff") -> tuple[dict, dict]:
    """Return the numbers of each (set, model, method) by metric, and the facts of each set."""
    stored = read(name)
    found = {}
    for row in stored["rows"]:
        names = stored["columns"]["labels" if row["set"] not in {one["set"] for one in stored["sets"]} else "tables"]
        for method, values in row["found"].items():
            found[row["set"], row["model"], method] = dict(zip(names, map(np.array, values), strict=False))
    return found, {one["set"]: one for one in stored["sets"]}


def by_family(differences: dict[str, float], facts: dict) -> np.ndarray:
    """One number for each family: the mean of its sets."""
    families = sorted({facts[name]["family"] for name in differences})
    return np.array([
        np.mean([value for name, value in differences.items() if facts[name]["family"] == family])
        for family in families
    ])


def holm(p: list[float]) -> list[float]:
    """Adjust p-values (Holm, 1979): the smallest by the number of tests, the next by one less, and so on."""
    order, adjusted, largest = np.argsort(p), np.empty(len(p)), 0.0
    for step, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - step) * p[place]))
        adjusted[place] = largest
    return adjusted.tolist()


def wilcoxon(differences) -> float:
    """The p-value of the signed-rank test; the ranks of zeros are shared between both sides (Demšar, 2006)."""
    return float(stats.wilcoxon(differences, zero_method="zsplit", method="asymptotic").pvalue)


def mean_ranks(scores: np.ndarray) -> np.ndarray:
    """Of each method over the sets, rank 1 for the best; ``scores`` has a row for each set."""
    return stats.rankdata(-scores, axis=1).mean(0)


def critical_difference(methods: int, sets: int, *, level: float = 0.95) -> float:
    """How far two mean ranks must lie apart in Nemenyi's test."""
    q = stats.studentized_range.ppf(level, methods, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(methods * (methods + 1) / (6 * sets)))


def signed_rank(differences, *, rope: float, draws: int = 5_000, seed: int = 0) -> tuple[float, float, float]:
    """How probable it is that worse, practically equal and better, in this order, is the most frequent of the three.

    The Bayesian signed-rank test of Benavoli et al. (2017): the mean of two sets that are drawn at random lies below,
    inside or above (-rope, rope), under a Dirichlet process whose prior is worth half a set with the difference 0.
    """
    z = np.append(0.0, differences)
    weights = np.random.default_rng(seed).dirichlet([0.5] + [1.0] * (len(z) - 1), draws)
    pairs = (z[:, None] + z) / 2
    below, above = (((weights @ side) * weights).sum(1) for side in (pairs < -rope, pairs > rope))
    largest = np.argmax([below, 1 - below - above, above], axis=0)
    return tuple(float((largest == place).mean()) for place in range(3))


def power(effect: float, n: int, *, tests: int = 1) -> float:
    """How probable it is that n differences show an effect d_z, at a level of 5 % that several tests share."""
    bound = stats.t.ppf(1 - 0.025 / tests, n - 1)
    shifted = stats.nct(n - 1, effect * math.sqrt(n))
    return float(shifted.sf(bound) + shifted.cdf(-bound))


def needed(effect: float, *, tests: int = 1, wanted: float = 0.8) -> int:
    """How many differences it takes."""
    return next(n for n in range(3, 100_000) if power(effect, n, tests=tests) >= wanted)


def corrected_half(differences, *, overlap: float, tests: int = 1) -> float:
    """Half the interval of a mean over repetitions that share rows, for one of several tests.

    ``overlap`` is the number of test rows over that of training rows (Nadeau and Bengio, 2003); the level is shared
    out evenly (Bonferroni), so that both corrections hold together.
    """
    d = np.asarray(differences)
    return float(stats.t.ppf(1 - 0.025 / tests, len(d) - 1) * math.sqrt((1 / len(d) + overlap) * d.var(ddof=1)))


def at_the_ends(found: dict, facts: dict, model: str, method: str, option: str) -> tuple[float, float]:
    """How many of the chosen settings lie in the lowest and in the highest tenth of the range of an option."""
    chosen = METHODS[method]
    low, high, kind = {**SHARED, **chosen.own}[option]
    values = np.concatenate([settings(name, chosen)[option][found[name, model, method]["setting"]] for name in facts])
    values = 1 - values if kind == "1-log" else values
    u = np.log(values / low) / math.log(high / low) if kind else (values - low) / (high - low)
    return float((u < 0.1).mean()), float((u > 0.9).mean())


def explained(gains: dict[str, float], facts: dict, *, draws: int = 1_000, seed: int = 0) -> dict[str, np.ndarray]:
    """Least squares of the gains on what is known of a set, in standard deviations: [coefficient, low, high] by name.

    The ends of the 95 % intervals come from drawing the families anew, each with all of its sets.
    """
    known = {"ratio": math.log10, "rarest": math.log10, "overlap": float}
    about = np.array([[scale(facts[name][key]) for key, scale in known.items()] for name in gains])
    about = np.column_stack([np.ones(len(about)), (about - about.mean(0)) / about.std(0)])
    values, rng = np.array(list(gains.values())), np.random.default_rng(seed)
    of = np.array([facts[name]["family"] for name in gains])
    members = [np.flatnonzero(of == family) for family in sorted(set(of))]
    picks = rng.integers(len(members), size=(draws, len(members)))
    drawn = [np.concatenate([members[k] for k in pick]) for pick in picks]
    fits = np.array([np.linalg.lstsq(about[rows], values[rows], rcond=None)[0] for rows in drawn])
    middle = np.linalg.lstsq(about, values, rcond=None)[0]
    return dict(zip(["average", *known], np.stack([middle, *np.percentile(fits, [2.5, 97.5], axis=0)], 1), strict=True))
