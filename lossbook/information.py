r"""Information, entropy and divergence of discrete distributions.

Everything here speaks of distributions, not of logits: arrays of probabilities whose **last axis** runs over
the outcomes and sums to 1, any axes before it count distributions. A sum that misses 1 by rounding (1e-5, or what half
precision makes of it) is made 1. Logarithms are natural (nats) unless ``base`` says otherwise: ``base=2`` gives bits.
An outcome of probability 0 contributes nothing, since :math:`x \log x \to 0`. One distribution gives a float, several
give an array. Lists, arrays and tensors are all the same here.
"""

import heapq
import math
from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossbook import _checks

Array = NDArray[np.float64]


def _probabilities(name: str, p: ArrayLike) -> Array:
    p = _checks.array(name, p)
    ok = (p >= 0) & (p <= 1)
    if not ok.all():
        raise ValueError(f"every entry of {name} must be in [0, 1], got {p[~ok].flat[0]}")
    return p.astype(np.float64)


def _distribution(name: str, p: ArrayLike) -> Array:
    slack = max(1e-5, 8 * _checks.precision(p))
    p = _probabilities(name, p)
    if p.ndim == 0 or p.size == 0:
        raise ValueError(f"{name} must have shape (..., K), its last axis the outcomes, got {p.shape}")
    total = p.sum(axis=-1, keepdims=True)
    off = np.abs(total - 1)
    if off.max() > slack:
        raise ValueError(f"{name} must sum to 1 over its last axis, got {total.flat[off.argmax()]}")
    p /= total  # what is off by rounding would break laws that hold for distributions
    return p


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    p, q = _distribution("p", p), _distribution("q", q)
    if p.shape != q.shape:
        raise ValueError(f"q must have the shape of p {p.shape}, got {q.shape}")
    return p, q


def _log(p: Array, base: float) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(p) / _nats_in_a_unit_of(base)


def _nats_in_a_unit_of(base: float) -> float:
    if _checks.number("base", base, "(0, inf)") == 1:
        raise ValueError("base must not be 1, whose logarithm is 0")
    return math.log(base)


def _bounded(nats: float | Array, most: float, base: float) -> float | Array:
    # No divergence is below 0; the rounding of a sum might be, by 1e-16.
    return _scalar(np.clip(np.asarray(nats), 0, most) / _nats_in_a_unit_of(base))


def _expectation(p: Array, values: Array) -> float | Array:
    return _scalar((p * np.where(p > 0, values, 0)).sum(axis=-1))


def _scalar(value: Array) -> float | Array:
    return float(value) if value.ndim == 0 else value


def information_content(p: ArrayLike, *, base: float = math.e) -> float | Array:
    r"""How surprising an event is: the logarithm of one over its probability.

    With :math:`p` = ``p``, the probability of one event, and :math:`b` = ``base``,

    .. math:: I(p) = \log_b \frac{1}{p}

    0 for the certain, infinite for the impossible, and additive over independent events.

    Args:
        p: probabilities in [0, 1], any shape; each entry is an event of its own, nothing has to sum to 1.
        base: of the logarithm: e for nats, 2 for bits.

    Returns:
        The information of each event, of the shape of ``p``.

    Raises:
        TypeError: if ``p`` does not hold real numbers, or ``base`` is no number.
        ValueError: if an entry is outside [0, 1], or ``base`` is no base of a logarithm.

    Example:
        >>> information_content(1 / 8, base=2)
        3.0

    References:
        Shannon, 1948, Bell System Technical Journal 27, introduction and section 6.
    """
    return _scalar(-_log(_probabilities("p", p), base) + 0.0)


def entropy(p: ArrayLike, *, base: float = math.e) -> float | Array:
    r"""The information that a draw from a distribution carries on average.

    With :math:`p` = ``p`` and :math:`b` = ``base``,

    .. math:: H(p) = \sum_x p(x) \log_b \frac{1}{p(x)}

    Between 0, for a certain outcome, and :math:`\log_b K`, for K outcomes that are equally likely.

    Args:
        p: the distribution, shape (…, K); the last axis is the distribution's and sums to 1.
        base: of the logarithm: e for nats, 2 for bits.

    Returns:
        The entropy, shape (…).

    Raises:
        TypeError: if ``p`` does not hold real numbers.
        ValueError: if ``p`` is not a distribution, or ``base`` is no base of a logarithm.

    Example:
        >>> entropy([0.5, 0.5], base=2)
        1.0

    References:
        Shannon, 1948, Bell System Technical Journal 27, section 6.
    """
    p = _distribution("p", p)
    return _expectation(p, -_log(p, base))


def cross_entropy(p: ArrayLike, q: ArrayLike, *, base: float = math.e) -> float | Array:
    r"""The average code length when messages come from p and the code was built for q.

    With :math:`p` = ``p`` (true), :math:`q` = ``q`` (the model's) and :math:`b` = ``base``,

    .. math:: H(p, q) = \sum_x p(x) \log_b \frac{1}{q(x)}

    Smallest at :math:`q = p`, where it is the entropy of p, not 0. Infinite if q gives 0 to an outcome that
    occurs.

    Peers: torch's cross_entropy takes logits and a class in place of q and p; some texts swap p and q.

    Args:
        p: the true distribution, shape (…, K); the last axis is the distribution's and sums to 1.
        q: the model's distribution, of the shape of ``p``.
        base: of the logarithm: e for nats, 2 for bits.

    Returns:
        The cross-entropy, shape (…).

    Raises:
        TypeError: if ``p`` or ``q`` does not hold real numbers.
        ValueError: if one is not a distribution, their shapes differ, or ``base`` is no base of a logarithm.

    Example:
        >>> round(cross_entropy([0.8, 0.1, 0.1], [0.2, 0.2, 0.6]), 3)
        1.5

    References:
        Cover and Thomas, 2006, Elements of Information Theory, 2nd edition, section 5.4 (the wrong code).
    """
    p, q = _pair(p, q)
    return _expectation(p, -_log(q, base))


def kl_divergence(p: ArrayLike, q: ArrayLike, *, base: float = math.e) -> float | Array:
    r"""What the wrong code costs: cross-entropy less entropy.

    With :math:`p` = ``p`` (true), :math:`q` = ``q`` (the model's) and :math:`b` = ``base``,

    .. math:: D(p \,\|\, q) = \sum_x p(x) \log_b \frac{p(x)}{q(x)} = H(p, q) - H(p)

    0 at :math:`q = p` and nowhere else (up to rounding, 1e-16), never negative, not symmetric, and infinite where q
    gives 0 to an outcome that occurs.

    Peers: ``torch.nn.functional.kl_div`` takes log q first and p second, and its "mean" divides by all
        elements.

    Args:
        p: the true distribution, shape (…, K); the last axis is the distribution's and sums to 1.
        q: the model's distribution, of the shape of ``p``.
        base: of the logarithm: e for nats, 2 for bits.

    Returns:
        The divergence, shape (…).

    Raises:
        TypeError: if ``p`` or ``q`` does not hold real numbers.
        ValueError: if one is not a distribution, their shapes differ, or ``base`` is no base of a logarithm.

    Example:
        >>> round(kl_divergence([0.8, 0.1, 0.1], [0.2, 0.2, 0.6]), 3)
        0.861
        >>> kl_divergence([0.5, 0.5], [1.0, 0.0])
        inf

    References:
        Kullback and Leibler, 1951, Annals of Mathematical Statistics 22(1), section 2.
    """
    p, q = _pair(p, q)
    with np.errstate(invalid="ignore"):
        nats = _expectation(p, _log(p, math.e) - _log(q, math.e))
    return _bounded(nats, math.inf, base)


def js_divergence(p: ArrayLike, q: ArrayLike, *, base: float = math.e) -> float | Array:
    r"""How far two distributions lie from their average: a divergence that is symmetric and finite.

    With :math:`p` = ``p``, :math:`q` = ``q``, :math:`m = (p + q) / 2` and logarithms to ``base``,

    .. math:: \mathrm{JS}(p, q) = \tfrac12 D(p \,\|\, m) + \tfrac12 D(q \,\|\, m)

    Between 0 and :math:`\log_b 2`, which it reaches where p and q share no outcome.

    Peers: ``scipy.spatial.distance.jensenshannon`` returns the square root of this, which is a metric.

    Args:
        p: a distribution, shape (…, K); the last axis is the distribution's and sums to 1.
        q: a distribution of the shape of ``p``.
        base: of the logarithm: e for nats, 2 for bits.

    Returns:
        The divergence, shape (…).

    Raises:
        TypeError: if ``p`` or ``q`` does not hold real numbers.
        ValueError: if one is not a distribution, their shapes differ, or ``base`` is no base of a logarithm.

    Example:
        >>> js_divergence([1.0, 0.0], [0.0, 1.0], base=2)
        1.0

    References:
        Lin, 1991, IEEE Transactions on Information Theory 37(1), equation 4.1 with equal weights.
    """
    p, q = _pair(p, q)
    # Half of the smallest number above 0 would round to 0, and the divergence to infinity.
    m = np.maximum((p + q) / 2, np.finfo(np.float64).smallest_subnormal)
    nats = (np.asarray(kl_divergence(p, m)) + kl_divergence(q, m)) / 2
    return _bounded(nats, math.log(2), base)


def perplexity(p: ArrayLike, q: ArrayLike | None = None) -> float | Array:
    r"""The number of equally likely outcomes that would be as uncertain.

    With :math:`p` = ``p`` and :math:`q` = ``q``,

    .. math:: \mathrm{PP} = e^{H(p, q)}, \quad\text{or}\quad e^{H(p)} \text{ without } q

    the base of the logarithm cancels, so there is none to choose.

    Args:
        p: the true distribution, shape (…, K); the last axis is the distribution's and sums to 1.
        q: the model's distribution, of the shape of ``p``; None stands for p itself.

    Returns:
        The perplexity, shape (…): from 1 to K without ``q``.

    Raises:
        TypeError: if ``p`` or ``q`` does not hold real numbers.
        ValueError: if one is not a distribution, or their shapes differ.

    Example:
        >>> round(perplexity([0.25, 0.25, 0.25, 0.25]), 6)
        4.0

    References:
        Jelinek, Mercer, Bahl and Baker, 1977, Journal of the Acoustical Society of America 62, S63.
    """
    nats = entropy(p) if q is None else cross_entropy(p, q)
    with np.errstate(over="ignore"):
        return _scalar(np.exp(np.asarray(nats)))


def huffman_code(p: Mapping[Hashable, float]) -> dict[Hashable, str]:
    r"""The code whose words, none the beginning of another, are the shortest on average.

    With :math:`p` = ``p`` and :math:`\ell(x)` the length of the word for x, it minimises

    .. math:: L = \sum_x p(x)\, \ell(x), \qquad H(p) \le L < H(p) + 1 \quad\text{(H in bits)}

    by joining the two rarest groups of symbols until one group is left. Of a pair the likelier gets 0; at a tie,
    the one whose first symbol is listed earlier. A single symbol gets the empty word: it carries no information.

    Args:
        p: probability of each symbol, above 0 and summing to 1.

    Returns:
        A string of 0 and 1 for each symbol, in the order of ``p``.

    Raises:
        TypeError: if ``p`` is not a mapping from symbols to numbers.
        ValueError: if the probabilities do not sum to 1, or one is not above 0.

    Example:
        >>> huffman_code({"a": 0.5, "b": 0.3, "c": 0.2})
        {'a': '0', 'b': '10', 'c': '11'}

    References:
        Huffman, 1952, Proceedings of the IRE 40(9).
    """
    if not isinstance(p, Mapping):
        raise TypeError(f"p must be a mapping from symbols to probabilities, got {type(p).__name__}")
    _distribution("p", list(p.values()))
    if min(p.values()) <= 0:
        raise ValueError(f"every probability in p must be above 0, got {min(p.values())}")
    groups = [(probability, -place, [symbol]) for place, (symbol, probability) in enumerate(p.items())]
    heapq.heapify(groups)
    words = dict.fromkeys(p, "")
    while len(groups) > 1:
        (rarest, last, ones), (rarer, first, zeros) = heapq.heappop(groups), heapq.heappop(groups)
        words |= {symbol: "0" + words[symbol] for symbol in zeros}
        words |= {symbol: "1" + words[symbol] for symbol in ones}
        heapq.heappush(groups, (rarest + rarer, max(first, last), zeros + ones))
    return words
