"""The losses of boxes and clouds, for the table over which the tests of transforms run."""

import functools

import torch
from rows import Row

import lossbook


def boxes(n):
    """Return n pairs of boxes: some overlap, some are apart, and no two sides lie on one line."""
    at = torch.arange(n, dtype=torch.float64)
    corner = torch.stack([at % 3 - 0.9, 0.7 * (at % 2)], 1)
    first = torch.cat([corner, corner + torch.stack([1.3 + 0.1 * at, 0.8 + 0.05 * at], 1)], 1)
    return first, torch.tensor([0.13, -0.2, 1.17, 1.21], dtype=torch.float64).repeat(n, 1)


def clouds(n, points=(4, 3)):
    """Return n pairs of clouds of unequal size in the plane, no two distances alike."""
    p, q = points
    x = torch.linspace(0.1, 5.3, n * p * 2, dtype=torch.float64).sin().view(n, p, 2)
    y = torch.linspace(1.7, 9.1, n * q * 2, dtype=torch.float64).cos().view(n, q, 2) + 0.3
    return x, y


def masses(n):
    """Return two histograms of n bins and of 3, and the costs between them."""
    a, b = torch.arange(1, n + 1, dtype=torch.float64), torch.tensor([2.0, 1.5, 1.0], dtype=torch.float64)
    cost = (a[:, None].sqrt() - 1.1 * b.cumsum(0) / b.sum()).abs() + 0.01 * a[:, None] * b
    return a / a.sum(), b / b.sum(), cost


def of_masses(loss):
    """Return a loss that takes the costs as its third tensor."""

    @functools.wraps(loss)
    def call(x, y, cost, **options):
        return loss(x, y, cost=cost, **options)

    return call


BOTH = (0, 1)
ROWS = [
    Row("box iou", lossbook.box_iou_loss, boxes, differentiable=BOTH),
    Row("giou", lossbook.giou_loss, boxes, differentiable=BOTH),
    Row("diou", lossbook.diou_loss, boxes, differentiable=BOTH),
    Row("ciou", lossbook.ciou_loss, boxes, differentiable=BOTH, twice=False),  # alpha is held constant
    Row("chamfer", lossbook.chamfer_loss, clouds, differentiable=BOTH),
    Row("chamfer norm 1", lossbook.chamfer_loss, clouds, {"norm": 1}, differentiable=BOTH),
    Row("emd", lossbook.emd_loss, clouds, differentiable=BOTH),
    Row("emd of equal clouds", lossbook.emd_loss, functools.partial(clouds, points=(3, 3)),
        {"cost": "squared euclidean"}, differentiable=BOTH),
    Row("emd of masses", of_masses(lossbook.emd_loss), masses, differentiable=(2,), examples=False),
    Row("sinkhorn", lossbook.sinkhorn_loss, clouds, {"reg": 0.3}, differentiable=BOTH),
    Row("sinkhorn of masses", of_masses(lossbook.sinkhorn_loss), masses, {"reg": 0.3}, differentiable=(2,),
        examples=False),
    Row("sinkhorn divergence", lossbook.sinkhorn_divergence, clouds, {"blur": 0.5}, differentiable=BOTH),
]
