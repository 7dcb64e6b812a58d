"""The judges of the exercises on generation accept what is right, and name the property that is wrong."""

import re

import pytest
import torch

from lossbook import exercises, gaussian_kl_loss


def each(mu, logvar):
    return (mu**2 + torch.expm1(logvar) - logvar) / 2


def free_bits(mu, logvar):
    return each(mu, logvar).mean(0).clamp(min=0.1).sum()


@pytest.mark.parametrize(("answer", "said"), [
    (free_bits, "right: shape, dtype, value, gradient and tail"),
    (lambda m, v: torch.maximum(each(m, v).mean(0), torch.tensor(0.1)).sum(), "right: "),
    (gaussian_kl_loss, r"wrong value: "),
    (lambda m, v: each(m, v).clamp(min=0.1).mean(0).sum(), "wrong value: "),
    (lambda m, v: each(m, v).mean(0).clamp(min=0.1).mean(), "wrong value: "),
    (lambda m, v: each(m, v).mean(0).clamp(max=0.1).sum(), "wrong value: "),
    (lambda m, v: each(m, v).sum(1).mean().clamp(min=0.1), "wrong value: "),
    (lambda m, v: each(m, v).mean(0).clamp(min=0.1), r"wrong shape: got \(3,\), wanted \(\)"),
    (lambda m, v: free_bits(m, v.detach()), "wrong gradient: none reaches logvar"),
    (lambda m, v: free_bits(m, v.clamp(min=-20)), "wrong tail, value: "),
], ids=["right", "maximum", "plain", "per example", "mean", "cap", "total", "vector", "detached", "clamped"])
def test_the_judge_of_free_bits_names_what_fails(answer, said):
    assert re.match(said, exercises.free_bits(answer))


def relativistic(real, fake):
    return torch.nn.functional.softplus(real - fake).mean()


@pytest.mark.parametrize(("answer", "said"), [
    (relativistic, "right: shape, dtype, value, gradient and tail"),
    (lambda r, f: -torch.nn.functional.logsigmoid(f - r).mean(), "right: "),
    (lambda r, f: relativistic(f, r), "wrong value: "),
    (lambda _, f: torch.nn.functional.softplus(-f).mean(), "wrong value: "),
    (lambda r, f: torch.nn.functional.softplus(r - f).sum(), "wrong value: "),
    (lambda r, f: relativistic(r.mean(), f), "wrong value: "),
    (lambda r, f: -(f - r).sigmoid().log().mean(), r"wrong tail, value: got \[inf\]"),
    (lambda r, f: relativistic(r.detach(), f), "wrong gradient: none reaches real"),
    (lambda r, f: torch.nn.functional.softplus(r - f), r"wrong shape: got \(3,\), wanted \(\)"),
], ids=["right", "logsigmoid", "exchanged", "fake alone", "sum", "mean of real", "naive", "detached", "none"])
def test_the_judge_of_the_relative_loss_names_what_fails(answer, said):
    assert re.match(said, exercises.relativistic(answer))
