"""The losses for ranking once more, as their papers write them, at 230 digits.

Each takes one pair or one list as mpmath numbers and returns its loss.
"""

import functools
import itertools

from mpmath import mp, mpf
from references import sigmoid


def log_sigmoid(z):
    return mp.log(sigmoid(z))


def margin_ranking(pair, target, *, margin=0):
    return max(mpf(0), -target * (pair[0] - pair[1]) + mpf(margin))


def preference(pair, _):
    return -log_sigmoid(pair[0] - pair[1])


def dpo(four, _, *, beta=0.1):
    chosen, rejected, ref_chosen, ref_rejected = four
    return -log_sigmoid(mpf(beta) * ((chosen - ref_chosen) - (rejected - ref_rejected)))


@functools.cache
def best(grades):
    """Return the largest sum of discounted gains that any order of the grades has."""
    return max(gains(order, grades) for order in itertools.permutations(range(len(grades))))


def gains(places, grades):
    return sum((2 ** mpf(grade) - 1) / mp.log(place + 2, 2) for place, grade in zip(places, grades, strict=True))


@functools.cache
def ndcg(places, grades):
    """Return the nDCG of items at the ``places`` 0, 1, …"""
    return gains(places, grades) / best(grades)


def places(scores):
    """Return the place of each item, 0 for the largest score, equal ones in the order of the input."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    return [order.index(i) for i in range(len(scores))]


def pairwise(scores, grades, *, weight=None, at=None):
    """Return the loss of all pairs; with "ndcg" in the places that the scores ``at`` give."""
    total, held = mpf(0), places(scores if at is None else at)
    for i, j in itertools.permutations(range(len(scores)), 2):
        if grades[i] > grades[j]:
            swapped = list(held)
            swapped[i], swapped[j] = held[j], held[i]
            change = 1
            if weight == "ndcg":
                change = abs(ndcg(tuple(held), tuple(grades)) - ndcg(tuple(swapped), tuple(grades)))
            total -= change * log_sigmoid(scores[i] - scores[j])
    return total


def list_net(scores, grades):
    """Return the cross-entropy of the probabilities to come first, 0 if all grades are equal."""
    if len(set(grades)) == 1:
        return mpf(0)
    q = [mp.exp(grade) / sum(mp.exp(other) for other in grades) for grade in grades]
    top = max(scores)
    total = top + mp.log(sum(mp.exp(score - top) for score in scores))
    return sum(share * (total - score) for share, score in zip(q, scores, strict=True))


def list_mle(scores, grades):
    """Return minus the log-probability of the order of the grades, 0 if all are equal."""
    if len(set(grades)) == 1:
        return mpf(0)
    left = sorted(range(len(grades)), key=lambda i: (-grades[i], i))
    loss = mpf(0)
    while left:
        loss += mp.log(sum(mp.exp(scores[k] - scores[left[0]]) for k in left))
        left.pop(0)
    return loss
