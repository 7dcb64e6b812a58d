r"""Numbers for people: calibration, and the uncertainty of what was measured.

Accuracy, recall, F1, AUC, average precision and their like are scikit-learn's, and the chapters call them there; so
is nDCG, ``ndcg_score(2.0**relevance - 1, scores, k=10)``, which averages over the orders of equal scores. Here is what
it lacks. Everything takes arrays or tensors and returns floats and NumPy arrays; nothing here has a gradient.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from scipy.stats import t as student  # type: ignore[import-untyped]

from lossbook import _checks

Array = NDArray[np.float64]


class Reliability(NamedTuple):
    """What a reliability diagram draws, one entry per bin that is not empty."""

    confidence: Array
    frequency: Array
    size: NDArray[np.int64]


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def reliability(probs: ArrayLike, target: ArrayLike, *, bins: int = 15) -> Reliability:
    r"""How often what was predicted with a given confidence came true.

    Predictions are put into bins of equal width by their confidence. The upper end of a bin belongs to it, as in the
    paper of Guo and others and in scikit-learn, and 0 belongs to the first. For probabilities of two outcomes the
    confidence is the probability of 1 and "true" is a target of 1; for several classes it is the largest
    probability and "true" is that its class is the target.

    Args:
        probs: probabilities in [0, 1], shape (N,); or distributions over classes, shape (N, K).
        target: 0 or 1, or integer classes, shape (N,).
        bins: how many bins divide [0, 1].

    Returns:
        Mean confidence, frequency of the true, and number of predictions, for each bin that has any.

    Raises:
        TypeError: if ``bins`` is no integer, or an array holds no real numbers.
        ValueError: if shapes do not fit, ``probs`` are no probabilities or distributions, a target is no class, or
            ``bins`` is below 1.

    Example:
        >>> reliability([0.2, 0.3, 0.9, 0.9], [0, 1, 1, 0], bins=2).frequency
        array([0.5, 0.5])

    References:
        Niculescu-Mizil and Caruana, 2005, ICML.
    """
    bins = _checks.integer("bins", bins, "[1, inf)")
    confidence, true = _confidence(probs, target)
    upper_ends = np.arange(1, bins + 1) / bins
    place = np.searchsorted(upper_ends, confidence)  # of the first end that is no smaller
    count = np.bincount(place, minlength=bins)
    some = count > 0
    total, hits = (np.bincount(place, weights=values, minlength=bins)[some] for values in (confidence, true))
    return Reliability(total / count[some], hits / count[some], count[some])


def expected_calibration_error(probs: ArrayLike, target: ArrayLike, *, bins: int = 15) -> float:
    r"""How far confidence and frequency lie apart, on average over the predictions.

    With the bins b of ``reliability``, their mean confidence :math:`c_b`, frequency :math:`f_b` and count
    :math:`n_b` of N,

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} |f_b - c_b|

    0 for a calibrated model only in the limit of much data: few predictions per bin make it too large.

    Args:
        probs: probabilities in [0, 1], shape (N,); or distributions over classes, shape (N, K).
        target: 0 or 1, or integer classes, shape (N,).
        bins: how many bins divide [0, 1].

    Returns:
        The error, between 0 and 1.

    Raises:
        TypeError: if ``bins`` is no integer, or an array holds no real numbers.
        ValueError: if shapes do not fit, ``probs`` are no probabilities or distributions, a target is no class, or
            ``bins`` is below 1.

    Example:
        >>> round(expected_calibration_error([0.2, 0.3, 0.9, 0.9], [0, 1, 1, 0], bins=2), 3)
        0.325

    References:
        Guo, Pleiss, Sun and Weinberger, 2017, ICML, equation 3 (arXiv:1706.04599).
    """
    found = reliability(probs, target, bins=bins)
    gap = np.abs(found.frequency - found.confidence)
    return float((found.size * gap).sum() / found.size.sum())


def confidence_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    r"""The mean over repeated runs, and the interval that covers the true mean in ``level`` of all experiments.

    With :math:`\bar x` the mean and s the standard deviation of n ``values``, and t the quantile of Student's
    distribution with n - 1 degrees of freedom at (1 + ``level``) / 2,

    .. math:: \bar x \pm t \, \frac{s}{\sqrt n}

    Args:
        values: one result per run, shape (n,), at least two.
        level: between 0 and 1.

    Returns:
        The mean and the two ends.

    Raises:
        TypeError: if ``values`` does not hold real numbers, or ``level`` is no number.
        ValueError: if there are fewer than two values, one is not finite, or ``level`` is not between 0 and 1.

    Example:
        >>> mean, low, high = confidence_interval([0.90, 0.92, 0.94])
        >>> round(mean, 3), round(low, 3), round(high, 3)
        (0.92, 0.87, 0.97)

    References:
        Student, 1908, Biometrika 6(1).
    """
    x = _checks.array("values", values).astype(np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"values must have shape (n,) with n of at least 2, got {x.shape}")
    _all(np.isfinite(x), x, "every value must be finite")
    level = _checks.number("level", level, "(0, 1)")
    half = float(student.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half)


def map_at_r(embeddings: ArrayLike, labels: ArrayLike) -> float:
    r"""Mean average precision at R: whether the nearest neighbours of an example are of its kind.

    For each example, :math:`R` is the number of other examples that have the one of ``labels`` that it has, and its
    neighbours are the others in the order of their distance among the ``embeddings``. With :math:`P(i)` the share of
    its label among the first i neighbours, and :math:`h_i` 1 if the i-th has it and else 0,

    .. math:: \mathrm{MAP@R} = \operatorname*{mean}_{\text{examples}}\; \frac{1}{R} \sum_{i=1}^{R} P(i)\, h_i

    1 if all the nearest are of the same label. Unlike the share of first neighbours that are right, it sees the whole
    order; unlike average precision, it stops where a perfect order would have found everything. An example that is
    alone with its label is no query. Of equally far neighbours the first comes first.

    Args:
        embeddings: shape (N, D); normalise them to compare by angle.
        labels: numbers or names, shape (N,).

    Returns:
        A number between 0 and 1.

    Raises:
        TypeError: if ``embeddings`` are no real numbers.
        ValueError: if shapes do not fit, an embedding is not finite, or no label occurs twice.

    Example:
        >>> map_at_r([[0.0], [1.0], [1.5], [4.0]], [0, 0, 1, 0])  # (1 / 2 + 1 / 4 + 1 / 4) / 3
        0.3333333333333333

    References:
        Musgrave, Belongie and Lim, 2020, ECCV (arXiv:2003.08505).
    """
    x, y = _checks.array("embeddings", embeddings).astype(np.float64), _checks.array("labels", labels, "biufUSO")
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"embeddings must have shape (N, D) and labels (N,), got {x.shape} and {y.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"every embedding must be finite, got {x[~np.isfinite(x)][0]}")
    distance = cdist(x, x)
    np.fill_diagonal(distance, np.inf)
    hit = y[distance.argsort(axis=1, kind="stable")[:, :-1]] == y[:, None]
    wanted = hit.sum(axis=1)
    if not wanted.any():
        raise ValueError(f"some label must occur twice, got {len(y)} different ones")
    place = np.arange(1, len(y))
    found = (hit * hit.cumsum(axis=1) / place * (place <= wanted[:, None])).sum(axis=1)
    return float((found[wanted > 0] / wanted[wanted > 0]).mean())


def _confidence(probs: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    # How sure each prediction is, and 1.0 or 0.0 for whether it came true.
    slack = max(1e-3, 8 * _checks.precision(probs))
    p, y = _checks.array("probs", probs).astype(np.float64), _checks.array("target", target, "biuf")
    if p.ndim not in {1, 2} or p.size == 0 or y.shape != p.shape[:1]:
        raise ValueError(f"probs must have shape (N,) or (N, K) and target (N,), got {p.shape} and {y.shape}")
    _all((p >= 0) & (p <= 1), p, "every entry of probs must be in [0, 1]")
    top = 1 if p.ndim == 1 else p.shape[1] - 1
    _all((y >= 0) & (y <= top) & (y == np.floor(y)), y, f"every target must be a class from 0 to {top}")
    if p.ndim == 1:
        return p, (y == 1).astype(np.float64)
    total = p.sum(axis=1)
    _all(np.abs(total - 1) <= slack, total, "every row of probs must sum to 1 over the classes")
    return p.max(axis=1), (p.argmax(axis=1) == y).astype(np.float64)


def _all(ok: NDArray[np.bool_], values: NDArray[Any], message: str) -> None:
    if not ok.all():
        raise ValueError(f"{message}, got {values[~ok][0]}")
