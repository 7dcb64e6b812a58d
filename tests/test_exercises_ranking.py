"""The judges of the chapter on rankings accept what is right, and name what is wrong."""

import re

import pytest
import torch
from torch.nn.functional import logsigmoid

from lossbook import dpo_loss, exercises, pairwise_logistic_loss


def pairs(scores, relevance):
    i, j = torch.triu_indices(scores.shape[1], scores.shape[1], 1)
    return scores[:, i] - scores[:, j], torch.sign(relevance[:, i] - relevance[:, j])


def with_ties(scores, relevance):
    d, order = pairs(scores, relevance)
    target = (1 + order) / 2
    return (-target * logsigmoid(d) - (1 - target) * logsigmoid(-d)).sum(1)


def naive(scores, relevance):
    d, order = pairs(scores, relevance)
    target = (1 + order) / 2
    return (-target * d.sigmoid().log() - (1 - target) * (1 - d.sigmoid()).log()).sum(1)


def both_ways(scores, relevance):
    return 2 * with_ties(scores, relevance)


def without_ties(scores, relevance):
    return pairwise_logistic_loss(scores, relevance, reduction="none")


def ties_count_whole(scores, relevance):
    d, order = pairs(scores, relevance)
    return torch.where(order == 0, -logsigmoid(d) - logsigmoid(-d), -logsigmoid(order * d)).sum(1)


@pytest.mark.parametrize(("answer", "said"), [
    (with_ties, "right: shape, dtype, value, gradient and tail"),
    (without_ties, "wrong value"),
    (ties_count_whole, "wrong value"),
    (both_ways, "wrong value"),
    (naive, "wrong tail, value"),
    (lambda s, r: with_ties(s, r).mean(), r"wrong shape: got \(\), wanted \(1,\)"),
    (lambda s, r: with_ties(s.detach(), r), "wrong gradient: none reaches scores"),
], ids=["right", "ties left out", "ties counted whole", "all pairs twice", "naive", "mean", "detached"])  # fmt: skip
def test_the_judge_of_ties_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.rank_net_with_ties(answer))


def ipo(a, b, ref_a, ref_b, beta):
    return ((a - ref_a.detach()) - (b - ref_b.detach()) - 1 / (2 * beta)) ** 2


@pytest.mark.parametrize(("answer", "said"), [
    (ipo, "right: shape, dtype, value, gradient and tail"),
    (lambda a, b, ra, rb, beta: ((a - b) - (ra - rb) - 1 / (2 * beta)) ** 2, "wrong gradient: some reaches the ref"),
    (lambda a, b, ra, rb, beta: ((a - ra) - (b - rb) - 1 / beta) ** 2, "wrong value"),
    (lambda a, b, ra, rb, beta: (beta * ((a - ra) - (b - rb)) - 1 / 2) ** 2, "wrong value"),
    (lambda a, b, ra, rb, beta: ipo(a, b, 0 * ra, 0 * rb, beta), "wrong value"),
    (lambda a, b, ra, rb, beta: dpo_loss(a, b, ra, rb, beta=beta, reduction="none"), "wrong value"),
    (lambda *given: ipo(*given).mean(), r"wrong shape: got \(\), wanted \(3,\)"),
], ids=["right", "live reference", "without the 2", "beta outside", "no reference", "dpo", "mean"])  # fmt: skip
def test_the_judge_of_ipo_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.ipo_loss(answer))
