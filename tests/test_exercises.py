"""What the judges of exercises share; each judge has its own test beside the exercise's family."""

import re

import pytest
import torch

import lossbook
from lossbook.exercises._judge import judge

ORDINARY = [{"logits": torch.tensor([0.5, -2.0, 1.5]), "target": torch.tensor([1.0, 0.0, 0.0])}]
EXTREME = [{"logits": torch.tensor([200.0, -200.0]), "target": torch.tensor([0.0, 1.0])}]


def each(logits, target):
    return lossbook.binary_cross_entropy_with_logits(logits, target, reduction="none")


def naive(logits, target):
    p = logits.sigmoid()
    return -target * p.log() - (1 - target) * (1 - p).log()


@pytest.mark.parametrize(("answer", "said"), [
    (each, "right: shape, dtype, value, gradient and tail"),
    (naive, "wrong tail, value: got "),
    (lambda z, y: each(z, y).mean(), r"wrong shape: got \(\), wanted \(3,\)"),
    (lambda z, y: each(z, y).double(), r"wrong dtype: got torch\.float64, wanted torch\.float32"),
    (lambda z, y: 2 * each(z, y), r"wrong value: got \[0\.948"),
    (lambda z, y: each(z, y).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y: each(z.detach(), y) + 0 * z, r"wrong gradient with respect to logits: got \[0, 0, 0\]"),
    (lambda z, y: each(z, y).tolist(), "wrong type: got list, wanted a tensor"),
    (lambda z: z, r"wrong, it does not run: TypeError: .*; for logits \[0\.5, -2, 1\.5\], target \[1, 0, 0\]"),
], ids=["right", "naive", "mean", "double", "twice", "detached", "no slope", "list", "arguments"])  # fmt: skip
def test_a_judge_names_the_property_that_fails_and_the_input(answer, said):
    assert re.match(said, judge(answer, each, ORDINARY, EXTREME, slopes=["logits"]))
