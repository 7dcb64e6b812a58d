"""The judges of the exercises on denoising accept what is right, and name the property that is wrong."""

import re

import pytest
import torch

from lossbook import exercises


def min_snr(pred, _clean, noise, alpha_bar):
    return ((5 * (1 - alpha_bar) / alpha_bar).clamp(max=1) * ((pred - noise) ** 2).mean(1)).mean()


def weighted(weight):
    return lambda pred, _clean, noise, share: (weight(share / (1 - share)) * ((pred - noise) ** 2).mean(1)).mean()


@pytest.mark.parametrize(("answer", "said"), [
    (min_snr, "right: shape, dtype, value, gradient and tail"),
    (weighted(lambda snr: snr.clamp(max=5) / snr), r"wrong tail, value: got \[nan\]"),
    (weighted(lambda snr: snr.clamp(max=5)), "wrong value: "),
    (weighted(lambda snr: snr.clamp(max=5) / (snr + 1)), "wrong value: "),
    (weighted(torch.ones_like), "wrong value: "),
    (lambda p, x, _e, s: min_snr(p, x, x, s), "wrong value: "),
    (lambda p, x, e, s: 2 * min_snr(p, x, e, s), "wrong value: "),
    (lambda p, x, e, s: min_snr(p, x, e, s).detach(), "wrong gradient: none reaches pred"),
    (lambda p, _x, e, s: (5 * (1 - s) / s).clamp(max=1) * ((p - e) ** 2).mean(1), r"wrong shape: got \(3,\)"),
], ids=["right", "naive", "clean's", "velocity's", "none", "target", "sum", "detached", "each"])  # fmt: skip
def test_the_judge_of_the_cap_names_what_fails(answer, said):
    assert re.match(said, exercises.min_snr(answer))


def step(noisy, noise, now, later):
    clean = (noisy - (1 - now[:, None]).sqrt() * noise) / now[:, None].sqrt()
    return later[:, None].sqrt() * clean + (1 - later[:, None]).sqrt() * noise


def squares(u, e, s, r):
    s, r = s[:, None], r[:, None]
    return r * (u - (1 - s) * e) / s + (1 - r) * e


@pytest.mark.parametrize(("answer", "said"), [
    (step, "right: shape, dtype, value, gradient and tail"),
    (lambda u, e, s, r: step(u, e, r, s), "wrong value: "),
    (squares, "wrong value: "),
    (lambda u, e, s, _r: step(u, e, s, torch.ones_like(s)), "wrong value: "),
    (lambda u, e, s, r: step(u, -e, s, r), "wrong value: "),
    (lambda u, e, s, r: step(u, e.detach(), s, r), "wrong gradient: none reaches noise"),
    (lambda u, e, s, r: step(u, e, s, r).double(), "wrong dtype: "),
    (lambda u, e, s, r: step(u, e, s, r) + 0 / (1 - r[:, None]), r"wrong tail, value: got \[nan"),
    (lambda u, e, s, r: step(u[0:1], e[0:1], s[0:1], r[0:1]), "wrong shape: "),
], ids=["right", "backwards", "no roots", "to the end", "sign", "detached", "double", "divides", "one"])  # fmt: skip
def test_the_judge_of_the_step_names_what_fails(answer, said):
    assert re.match(said, exercises.denoising_step(answer))
