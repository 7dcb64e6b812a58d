"""The judges of the chapter on embeddings accept what is right, and name what is wrong."""

import math
import re

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize, one_hot

from lossbook import exercises


def cosface(cosine, target, margin, scale):
    true = one_hot(target, cosine.shape[1])
    return cross_entropy(scale * (cosine - margin * true), target, reduction="none")


def by_hand(cosine, target, margin, scale):
    e = (scale * (cosine - margin * one_hot(target, cosine.shape[1]))).exp()
    return -(e[range(len(e)), target] / e.sum(1)).log()


def nt_xent(x, y, temperature):
    z = normalize(torch.cat([x, y]))
    logits = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return torch.logsumexp(logits, 1) - logits[range(len(z)), torch.arange(len(z)).roll(len(x))]


def with_itself(x, y, temperature):
    z = normalize(torch.cat([x, y]))
    return cross_entropy(z @ z.T / temperature, torch.arange(len(z)).roll(len(x)), reduction="none")


def one_direction(x, y, temperature):
    logits = normalize(x) @ normalize(y).T / temperature
    target = torch.arange(len(x))
    return torch.cat([cross_entropy(pairs, target, reduction="none") for pairs in (logits, logits.T)])


def raw(x, y, temperature):
    z = torch.cat([x, y])
    logits = (z @ z.T / temperature).fill_diagonal_(-math.inf)
    return cross_entropy(logits, torch.arange(len(z)).roll(len(x)), reduction="none")


def exponentials(x, y, temperature):
    z = normalize(torch.cat([x, y]))
    e = (z @ z.T / temperature).exp() * (1 - torch.eye(len(z)))
    return -(e[range(len(z)), torch.arange(len(z)).roll(len(x))] / e.sum(1)).log()


@pytest.mark.parametrize(("answer", "said"), [
    (cosface, "right: shape, dtype, value, gradient and tail"),
    (lambda c, y, m, s: cosface(c, y, -m, s), "wrong value"),
    (lambda c, y, m, s: cross_entropy(s * c - m * one_hot(y, 3), y, reduction="none"), "wrong value"),
    (lambda c, y, m, s: cross_entropy(s * (c - m), y, reduction="none"), "wrong value"),
    (lambda c, y, m, s: cosface(c, y, m, s).mean(), "wrong shape"),
    (lambda c, y, m, s: cosface(c.detach(), y, m, s), "wrong gradient: none reaches cosine"),
    (by_hand, "wrong tail, value"),
], ids=["right", "sign", "margin not scaled", "margin of all", "mean", "detached", "by hand"])  # fmt: skip
def test_the_judge_of_cosface_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.cosface(answer))


@pytest.mark.parametrize(("answer", "said"), [
    (nt_xent, "right: shape, dtype, value, gradient and tail"),
    (with_itself, "wrong value"),
    (one_direction, "wrong value"),
    (raw, "wrong value"),
    (lambda x, y, t: nt_xent(x, y, 1 / t), "wrong value"),
    (lambda x, y, t: nt_xent(x, y.detach(), t), "wrong gradient: none reaches y"),
    (exponentials, "wrong tail, value"),
], ids=["right", "itself", "two halves", "not normalised", "times T", "detached", "exponentials"])  # fmt: skip
def test_the_judge_of_nt_xent_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.nt_xent(answer))
