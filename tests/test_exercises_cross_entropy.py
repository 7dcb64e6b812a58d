"""The judges of the chapters on cross-entropy accept their solutions, and name the property that is wrong in others."""

import re

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from lossbook import exercises
from tests.solutions import solution

my_cross_entropy = solution("cross-entropy/softmax", "ex-softmax-code", "my_cross_entropy")


def pick(values, target):
    return values[torch.arange(len(target)), target]


@pytest.mark.parametrize(("answer", "said"), [
    (my_cross_entropy, "right: shape, dtype, value, gradient and tail"),
    (lambda z, y: -pick(z.softmax(1).log(), y), r"wrong tail, value: got \[inf\], wanted \[20000\]"),
    (lambda z, y: -pick((z.exp() / z.exp().sum(1, keepdim=True)).log(), y), r"wrong tail, value: got \[inf\]"),
    (lambda z, y: z.logsumexp(1) - pick(z, y), r"wrong tail, value: got \[0\], wanted \[4\.122e-09\]"),
    (lambda z, y: pick(z.log_softmax(1), y), "wrong value: "),
    (lambda z, y: my_cross_entropy(2 * z, y), "wrong value: "),
    (lambda z, y: my_cross_entropy(z.softmax(1), y), "wrong value: "),
    (lambda z, y: -pick(z.log_softmax(0), y), "wrong value: "),
    (cross_entropy, r"wrong shape: got \(\), wanted \(3,\)"),
    (lambda z, y: my_cross_entropy(z, y).float(), "wrong dtype: got torch.float32"),
    (lambda z, y: my_cross_entropy(z, y).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y: my_cross_entropy(z.detach() + 0 * z, y), r"wrong gradient with respect to logits: got \[0, -0, 0"),
], ids=["book", "naive", "exp", "shifted", "sign", "twice", "softmax twice", "axis", "mean", "float32", "detached",
        "no slope"])  # fmt: skip
def test_the_judge_of_softmax_cross_entropy_names_what_fails(answer, said):
    assert re.match(said, exercises.softmax_cross_entropy(answer))


my_bce = solution("cross-entropy/binary", "ex-binary-code", "my_bce")


def naive_bce(logits, target, pos_weight):
    q = logits.sigmoid()
    return -pos_weight * target * q.log() - (1 - target) * (1 - q).log()


def the_other_side(logits, target, pos_weight):
    return my_bce(-logits, 1 - target, pos_weight)


def both_sides(logits, target, pos_weight):
    return pos_weight * my_bce(logits, target, torch.ones_like(pos_weight))


@pytest.mark.parametrize(("answer", "said"), [
    (my_bce, "right: shape, dtype, value, gradient and tail"),
    (naive_bce, r"wrong tail, value: got \[inf, inf, nan\]"),
    (lambda z, y, c: binary_cross_entropy_with_logits(z, y, pos_weight=c), r"wrong shape: got \(\), wanted \(2, 3\)"),
    (lambda z, y, c: my_bce(z, y, c).mean(1), r"wrong shape: got \(2,\), wanted \(2, 3\)"),
    (the_other_side, "wrong value: "),
    (both_sides, "wrong value: "),
    (lambda z, y, c: my_bce(z, y, c[0]), "wrong value: "),
    (lambda z, y, c: -my_bce(z, y, c), "wrong value: "),
    (lambda z, y, c: my_bce(z, y.round(), c), "wrong value: "),
    (lambda z, y, c: my_bce(z, y, c).float(), "wrong dtype: got torch.float32"),
    (lambda z, y, c: my_bce(z.detach(), y, c), "wrong gradient: none reaches logits"),
    (lambda z, y, c: -c * y * logsigmoid(z) - (1 - y) * logsigmoid(-z.detach()), "wrong gradient with respect to lo"),
], ids=["book", "naive", "mean", "row mean", "side", "both sides", "one weight", "sign", "hard", "float32", "detached",
        "half"])  # fmt: skip
def test_the_judge_of_weighted_bce_names_what_fails(answer, said):
    assert re.match(said, exercises.weighted_bce(answer))


my_share = solution("cross-entropy/binary", "ex-binary-undo", "my_share")


@pytest.mark.parametrize(("answer", "said"), [
    (my_share, "right: shape, dtype, value and tail"),
    (lambda q, c: q / (q + c * (1 - q)), "right: "),
    (lambda q, c: q / c, r"wrong value: got \[0\.05556, 0\.1\], wanted \[0\.1, 0\.5\]; for stated \[0\.5, 0\.9\]"),
    (lambda q, c: my_share(q, 1 / c), "wrong value: "),
    (lambda q, _: my_share(q, 9.0), r"wrong value: .*pos_weight 0\.5"),
    (lambda q, c: torch.sigmoid(torch.logit(q) - c), "wrong value: "),
    (lambda q, c: torch.logit(q) - torch.tensor(c).log(), "wrong value: "),
    (lambda q, c: my_share(q.clamp(1e-6, 1 - 1e-6), c), r"wrong tail, value: .* for stated \[0, 1e-30, 1\]"),
    (lambda q, c: 1 / (1 + c * (1 / (q + 1e-7) - 1)), "wrong tail, value: "),
    (lambda q, c: my_share(q, c).mean(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda q, c: my_share(q, c).float(), "wrong dtype: got torch.float32"),
    (lambda q, c: my_share(q, c).numpy(), "wrong type: got ndarray, wanted a tensor"),
], ids=["book", "quotient", "divided", "inverse", "fixed", "no log", "logit", "clamp", "eps", "mean", "float32",
        "NumPy"])  # fmt: skip
def test_the_judge_of_undo_weight_names_what_fails(answer, said):
    assert re.match(said, exercises.undo_weight(answer))


my_loss = solution("cross-entropy/crossentropyloss", "ex-cel-code", "my_loss")


def parts(z, y, w=None):
    w = z.new_ones(z.shape[1]) if w is None else w
    keep, y = y != -100, y.clamp(min=0)
    each = -z.log_softmax(1).gather(1, y.unsqueeze(1)).squeeze(1)
    return each, keep * w[y]


def by_count(z, y, w=None):
    each, weight = parts(z, y, w)
    return (weight * each).sum() / (weight > 0).sum()


def with_ignored(z, y, w=None):
    w = z.new_ones(z.shape[1]) if w is None else w
    each, weight = parts(z, y, w)
    return (weight * each).sum() / w[y.clamp(min=0)].sum()


def summed(z, y, w=None):
    each, weight = parts(z, y, w)
    return (weight * each).sum()


def every(z, y, w=None):
    each, weight = parts(z, y, w)
    return weight * each / weight.sum()


def flat(z, y, w=None):
    return my_loss(z.reshape(-1, z.shape[1]), y.flatten(), w)


def naive(z, y, w=None):
    return my_loss(z.softmax(1).log(), y, w)


@pytest.mark.parametrize(("answer", "said"), [
    (my_loss, "right: shape, dtype, value, gradient and tail"),
    (lambda z, y, w: cross_entropy(z, y, weight=w), "right: "),
    (naive, r"wrong tail, value: got \[inf\]"),
    (summed, r"wrong value: got \[.*\], wanted \[.*\], 4 times as much, as a sum in place of a mean would be; for z"),
    (by_count, r"wrong value: .* w \[1, 2, 5\]"),
    (with_ignored, r"wrong value: .* y \[0, -100, 2, -100\]"),
    (lambda z, y, _: my_loss(z, y), r"wrong value: .* w \[1, 2, 5\]"),
    (flat, r"wrong value: .* y \[0, 0, 2, -100, 2, 2, …\]"),
    (lambda z, y, w: -my_loss(z, y, w), "wrong value: "),
    (lambda z, y, w: my_loss(z.softmax(1), y, w), "wrong value: "),
    (every, r"wrong shape: got \(4,\), wanted \(\)"),
    (lambda z, y, w: my_loss(z, y, w).float(), "wrong dtype: got torch.float32"),
    (lambda z, y, w: my_loss(z.detach(), y, w), "wrong gradient: none reaches z"),
    (lambda z, y, _: -z.log_softmax(1)[range(len(y)), y].mean(), r"wrong value: .* w \[1, 2, 5\]"),
    (lambda z, y: my_loss(z, y), "wrong, it does not run: TypeError"),
], ids=["book", "torch", "naive", "sum", "by count", "ignored below", "no weight", "flat", "sign", "softmax twice",
        "none", "float32", "detached", "plain", "no argument"])  # fmt: skip
def test_the_judge_of_the_mean_names_what_fails(answer, said):
    assert re.match(said, exercises.mean_cross_entropy(answer))
