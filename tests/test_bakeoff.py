"""The bake-off: its formulas are the package's, its rules hold, its stored result belongs to the present code."""

import inspect
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from torch import nn

import lossbook
from lossbook import class_weights

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
import bakeoff
import remedies
import sets
import stamp

B, K, N = 3, 4, 60
RNG = torch.Generator().manual_seed(5)
Z = 2 * torch.randn(B, K, N, generator=RNG)
CLASSES = torch.arange(K).repeat_interleave(torch.tensor([30, 15, 10, 5])).expand(B, N)
Y = nn.functional.one_hot(CLASSES).mT.float()
LABELS = (torch.rand(B, K, N, generator=RNG) < torch.tensor([0.6, 0.4, 0.3, 0.1])[:, None]).float()
COUNTS = [30, 15, 10, 5]
ONES = torch.ones(B, N)


def option(*values):
    return torch.tensor(values)[:, None, None]


def weighted(loss, method, *, beta=None, **own):
    return partial(loss, weight=class_weights(COUNTS, method=method, beta=beta), **own)


def ldam(*, scale, margin, beta=None):
    """On cosines times their scale, as the networks give them."""
    weight = None if beta is None else class_weights(COUNTS, method="effective", beta=beta)
    return lambda z, y: lossbook.ldam_loss(z / scale, y, counts=COUNTS, max_margin=margin, scale=scale, weight=weight)


def ohem(z, y, *, share):
    each = lossbook.cross_entropy(z, y, reduction="none").flatten()
    return each.topk(int(share * N)).values.mean()


def power(z, y, *, power):
    return lossbook.cross_entropy(z, y, weight=torch.tensor(COUNTS).float() ** -power)


SINGLE = {
    remedies.cross_entropy: (lambda: lossbook.cross_entropy, {}),
    remedies.weights_balanced: (partial(weighted, lossbook.cross_entropy, "inverse"), {}),
    remedies.weights_log: (partial(weighted, lossbook.cross_entropy, "log"), {}),
    remedies.weights_power: (lambda **own: partial(power, **own), {"power": (0.3, 0.5, 1.2)}),
    remedies.weights_effective: (partial(weighted, lossbook.cross_entropy, "effective"), {"beta": (0.9, 0.99, 0.999)}),
    remedies.focal: (lambda **own: partial(lossbook.softmax_focal_loss, **own), {"gamma": (0.5, 2.0, 3.3)}),
    remedies.class_balanced_focal: (
        partial(weighted, lossbook.softmax_focal_loss, "effective"), {"gamma": (0.5, 2.0, 3.3), "beta": (0.9, 0.99, 0.9)}),
    remedies.logit_adjusted: (
        lambda **own: partial(lossbook.logit_adjusted_loss, counts=COUNTS, **own), {"tau": (0.5, 1.0, 1.7)}),
    remedies.cross_entropy_of_cosines: (lambda scale: lossbook.cross_entropy, {"scale": (2.0, 5.0, 9.0)}),
    remedies.ldam: (ldam, {"scale": (2.0, 5.0, 9.0), "margin": (0.2, 0.5, 0.9)}),
    remedies.ldam_weighted: (ldam, {"scale": (2.0, 5.0, 9.0), "margin": (0.2, 0.5, 0.9), "beta": (0.9, 0.99, 0.9)}),
    remedies.hard_examples: (lambda **own: partial(ohem, **own), {"share": (0.1, 0.5, 0.9)}),
    remedies.asymmetric: (
        lambda gamma_neg, smoothing: partial(
            lossbook.softmax_asymmetric_loss, gamma_neg=gamma_neg, label_smoothing=smoothing),
        {"gamma_neg": (0.4, 2.0, 4.0), "smoothing": (0.05, 0.1, 0.3)}),
}
MANY = {
    remedies.binary_cross_entropy: (lambda: lossbook.binary_cross_entropy_with_logits, {}),
    remedies.weights_for_positives: (None, {"power": (0.3, 0.5, 1.2)}),
    remedies.binary_focal: (lambda **own: partial(lossbook.focal_loss, **own), {"gamma": (0.5, 2.0, 3.3)}),
    remedies.binary_asymmetric: (
        lambda **own: partial(lossbook.asymmetric_loss, **own), {"gamma_neg": (0.4, 2.0, 4.0), "margin": (0.0, 0.05, 0.2)}),
    remedies.distribution_balanced: (None, {"scale": (1.0, 2.0, 5.0), "mu": (0.1, 0.2, 0.4)}),
    remedies.hard_labels: (
        lambda share: partial(lossbook.ohem_loss, keep=int(share * K * N)), {"share": (0.1, 0.5, 0.9)}),
}


def per_label(name, y, **own):
    """The package's losses that are told how often each label comes."""
    n = y.sum(0)
    if name == "weights_for_positives":
        return partial(lossbook.binary_cross_entropy_with_logits, pos_weight=((N - n) / n) ** own["power"])
    return partial(lossbook.distribution_balanced_loss, counts=n, total=N, **own)


@pytest.mark.parametrize("function", [*SINGLE, *MANY], ids=lambda function: function.__name__)
def test_a_formula_for_many_networks_is_the_loss_of_the_package_for_each(function):
    one_label = function in SINGLE
    loss_for, own = (SINGLE if one_label else MANY)[function]
    z, found = Z.clone().requires_grad_(), function
    ours = found(z, Y if one_label else LABELS, ONES, **{name: option(*values) for name, values in own.items()})
    (slopes,) = torch.autograd.grad(ours.sum(), z)
    for b in range(B):
        here, mine = Z[b].T.clone().requires_grad_(), {name: values[b] for name, values in own.items()}
        target = CLASSES[b] if one_label else LABELS[b].T
        loss = loss_for(**mine) if loss_for else per_label(function.__name__, target, **mine)
        theirs = loss(here, target) * (1 if one_label else K)
        torch.testing.assert_close(ours[b], theirs, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(slopes[b].T, torch.autograd.grad(theirs, here)[0], rtol=1e-4, atol=1e-6)


def test_every_formula_is_held_to_the_package():
    used = {loss for one in (*remedies.METHODS.values(), *remedies.LABEL_METHODS.values()) for loss in (one.loss, one.last)}
    assert used - {None} == {*SINGLE, *MANY}


def test_every_loss_for_imbalance_takes_part():
    source = inspect.getsource(sys.modules[__name__])
    losses = [name for name in lossbook.__all__ if hasattr(lossbook.imbalance, name)]
    assert losses
    assert [name for name in losses if name not in source] == []
