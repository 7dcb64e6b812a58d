"""The judges of Parts I and II accept the chapters' solutions, and name the property that is wrong in others."""

import re

import numpy as np
import pytest
import torch
from torch.nn.functional import huber_loss

from lossbook import exercises, information
from tests.solutions import solution

my_fit = solution("loss-and-metric/what-a-loss-is", "ex-loss-code", "my_fit")


def naive_fit(x, y):
    m = ((x * y).mean(-1) - x.mean(-1) * y.mean(-1)) / ((x**2).mean(-1) - x.mean(-1) ** 2)
    return m, y.mean(-1) - m * x.mean(-1)


def solved_fit(x, y):
    columns = torch.stack([x, torch.ones_like(x)], -1)
    both = torch.linalg.lstsq(columns, y[..., None]).solution
    return both[..., 0, 0], both[..., 1, 0]


@pytest.mark.parametrize(("answer", "said"), [
    (my_fit, "right: shape, dtype, value and tail"),
    (solved_fit, r"wrong tail, value: got \[0\.000"),
    (naive_fit, r"wrong tail, value: .* for x \[10000, 10001, "),
    (lambda x, y: my_fit(y, x), "wrong value: .*, in result 1 of 2; for x "),
    (lambda x, y: my_fit(x, y)[::-1], "wrong value: .*, in result 1 of 2; for x "),
    (lambda x, y: (my_fit(x, y)[0], y.mean(-1)), "wrong value: .*, in result 2 of 2; for x "),
    (lambda x, y: ((x * y).sum(-1) / (x * x).sum(-1), 0 * x[..., 0]), "wrong value: .*, in result 1 of 2"),
    (lambda x, y: my_fit(x.flatten(), y.flatten()), r"wrong shape: got \(\), wanted \(3,\), in result 1 of 2"),
    (lambda x, y: [v[..., None] for v in my_fit(x, y)], r"wrong shape: got \(1,\), wanted \(\)"),
    (lambda x, y: [v.float() for v in my_fit(x, y)], "wrong dtype: got torch.float32, wanted torch.float64"),
    (lambda x, y: my_fit(x, y)[0], "wrong type: got Tensor, wanted 2 results"),
    (lambda x, y: (*my_fit(x, y), x), "wrong type: got tuple of 3, wanted 2 results"),
    (lambda x, y: [v.item() for v in my_fit(x, y)], "wrong type: got float, wanted a tensor, in result 1 of 2"),
], ids=["book", "lstsq", "naive", "x by y", "exchanged", "mean of y", "no intercept", "one line", "kept axis",
        "float32", "slope only", "three", "numbers"])  # fmt: skip
def test_the_judge_of_many_lines_names_what_fails(answer, said):
    assert re.match(said, exercises.many_lines(answer))


my_soft_f1 = solution("loss-and-metric/loss-versus-metric", "ex-metric-soft", "my_soft_f1")


def naive_soft_f1(logits, target):
    q = logits.sigmoid()
    return 1 - 2 * (q * target).sum(-1) / (q.sum(-1) + target.sum(-1))


def soft_jaccard(logits, target):
    q = logits.sigmoid()
    return 1 - (q * target).sum(-1) / (q + target - q * target).sum(-1)


@pytest.mark.parametrize(("answer", "said"), [
    (my_soft_f1, "right: shape, dtype, value, gradient and tail"),
    (naive_soft_f1, r"wrong tail, value: got \[.*\], wanted \[2\.061e-09, "),
    (soft_jaccard, "wrong value: "),
    (lambda z, y: 1 - my_soft_f1(z, y), "wrong value: "),
    (lambda z, y: my_soft_f1(z.sigmoid(), y), "wrong value: "),
    (lambda z, y: my_soft_f1(1e3 * z, y), "wrong value: "),
    (lambda z, y: my_soft_f1(z, y).mean(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda z, y: my_soft_f1(*map(torch.t, (z, y))), r"wrong shape: got \(4,\), wanted \(2,\)"),
    (lambda z, y: my_soft_f1(z, y).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y: my_soft_f1(z, y).float(), "wrong dtype: got torch.float32"),
], ids=["book", "naive", "Jaccard", "a score", "sigmoid twice", "hard", "mean", "axis", "detached",
        "float32"])  # fmt: skip
def test_the_judge_of_soft_f1_names_what_fails(answer, said):
    assert re.match(said, exercises.soft_f1(answer))


my_pseudo_huber = solution("loss-and-metric/regression", "ex-regression-code", "my_pseudo_huber")


def naive_pseudo_huber(pred, target, delta):
    return delta**2 * ((1 + ((pred - target) / delta) ** 2).sqrt() - 1)


def small_only(pred, target, delta):
    a = ((pred - target) / delta) ** 2
    return delta**2 * a / ((1 + a).sqrt() + 1)


@pytest.mark.parametrize(("answer", "said"), [
    (my_pseudo_huber, "right: shape, dtype, value, gradient and tail"),
    (naive_pseudo_huber, r"wrong tail, value: got \[0, 0\], wanted \[5e-09, 5e-09\]; for pred \[0\.0001"),
    (small_only, r"wrong tail, value: got \[.*\], wanted \[2e\+20, 2e\+20\]; for pred \[1e\+20"),
    (lambda p, t, d: huber_loss(p, t, delta=d, reduction="none"), "wrong value: "),
    (lambda p, t, _: my_pseudo_huber(p, t, 2.0), r"wrong value: .*delta 0\.5"),
    (lambda p, t, d: my_pseudo_huber(p, t, d) / d, "wrong value: "),
    (lambda p, t, d: my_pseudo_huber(p, -t, d), "wrong value: "),
    (lambda p, t, d: my_pseudo_huber(p, t, d).mean(), r"wrong shape: got \(\), wanted \(2, 3\)"),
    (lambda p, t, d: my_pseudo_huber(p, t, d).float(), "wrong dtype: got torch.float32"),
    (lambda p, t, d: my_pseudo_huber(p.detach(), t, d), "wrong gradient: none reaches pred"),
    (lambda p, t, d: my_pseudo_huber(p, t, d).detach() + 0 * p, "wrong gradient with respect to pred"),
], ids=["book", "naive", "square", "Huber", "fixed", "per delta", "sign", "mean", "float32", "detached",
        "slope"])  # fmt: skip
def test_the_judge_of_pseudo_huber_names_what_fails(answer, said):
    assert re.match(said, exercises.pseudo_huber(answer))


my_entropy = solution("information-theory/entropy", "ex-entropy-code", "my_entropy")


@pytest.mark.parametrize(("answer", "said"), [
    (my_entropy, "right: shape, dtype, value and tail"),
    (lambda p: information.entropy(p, base=2), "right: "),
    (information.entropy, r"wrong value: got \[1\.04\], wanted \[1\.5\]; for p \[0\.5, 0\.25, 0\.25\]"),
    (lambda p: -(p * np.log2(p)).sum(-1), r"wrong tail, value: got \[nan, 1\], wanted \[0, 1\]; for p \[1, 0"),
    (lambda p: -(p * np.log2(p + 1e-3)).sum(-1), "wrong value: "),
    (lambda p: -my_entropy(p), "wrong value: "),
    (lambda p: -np.log2(np.where(p > 0, p, 1)).mean(-1), "wrong value: "),
    (lambda p: my_entropy(p).sum(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda p: my_entropy(p.T), r"wrong shape: got \(3,\), wanted \(2,\)"),
    (lambda p: np.zeros(p.shape[:-1], dtype=int), "wrong dtype: got int64, wanted float64"),
    (lambda p: torch.tensor(my_entropy(p)), "wrong type: got Tensor, wanted a number or an array"),
    (lambda p: [my_entropy(p)], "wrong type: got list, wanted a number or an array"),
], ids=["book", "package", "nats", "0 log 0", "eps", "sign", "unweighted", "sum", "axis", "whole", "torch",
        "list"])  # fmt: skip
def test_the_judge_of_entropy_names_what_fails(answer, said):
    assert re.match(said, exercises.entropy_in_bits(answer))


my_kl = solution("information-theory/cross-entropy-and-kl", "ex-kl-code", "my_kl")


def of_ratio(log_p, log_q):
    p = log_p.exp()
    return (p * torch.where(p > 0, p / log_q.exp(), 1).log()).sum(-1)


@pytest.mark.parametrize(("answer", "said"), [
    (my_kl, "right: shape, dtype, value, gradient and tail"),
    (lambda p, q: (p.exp() * (p - q)).sum(-1), r"wrong tail, value: got \[nan\], .* for log_p \[-0\.6931, .*-inf\]"),
    (of_ratio, r"wrong tail, value: got \[inf\], wanted \[499\.3\]; .*log_q \[-1000, 0\]"),
    (lambda p, q: my_kl(p, q.clamp(min=-1e5)), r"wrong tail, value: .*, wanted \[inf\]"),
    (lambda p, q: my_kl(q, p), "wrong value: "),
    (lambda p, q: -my_kl(p, q), "wrong value: "),
    (lambda p, q: my_kl(p, q) / np.log(2), "wrong value: "),
    (lambda p, q: -(p.exp() * q).sum(-1), "wrong value: "),
    (lambda p, q: my_kl(p, q).mean(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda p, q: my_kl(*map(torch.t, (p, q))), r"wrong shape: got \(3,\), wanted \(2,\)"),
    (lambda p, q: my_kl(p, q).float(), "wrong dtype: got torch.float32"),
    (lambda p, q: my_kl(p, q.detach()), "wrong gradient: none reaches log_q"),
], ids=["book", "naive", "ratio", "clamp", "reverse", "sign", "bits", "cross-entropy", "mean", "axis", "float32",
        "detached"])  # fmt: skip
def test_the_judge_of_kl_names_what_fails(answer, said):
    assert re.match(said, exercises.kl_of_logs(answer))
