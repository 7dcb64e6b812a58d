"""The losses of masks, for the table over which the tests of transforms run."""

import torch
from rows import Row

import lossbook


def masks(n):
    """Return logits and truth of n masks of 2 x 3 pixels; no two errors of a mask are equal."""
    logits = torch.linspace(-2.6, 2.9, 6 * n, dtype=torch.float64).view(6, n).T.reshape(n, 2, 3)
    return logits.contiguous(), (torch.arange(6 * n) % 5 % 2).view(n, 2, 3)


def maps(n):
    """Return logits of 3 classes and the classes of n masks of 2 x 2 pixels."""
    logits = torch.linspace(-2.0, 2.3, 12 * n, dtype=torch.float64).sin().view(n, 3, 2, 2)
    return logits, (torch.arange(4 * n) % 7 % 3).view(n, 2, 2)


ROWS = [
    Row("dice", lossbook.dice_loss, masks),
    Row("dice smooth", lossbook.dice_loss, masks, {"smooth": 1.0}),
    Row("jaccard", lossbook.jaccard_loss, masks),
    Row("tversky", lossbook.tversky_loss, masks, {"alpha": 0.3, "beta": 0.7}),
    Row("focal tversky", lossbook.focal_tversky_loss, masks, {"alpha": 0.3, "beta": 0.7}),
    Row("combo", lossbook.combo_loss, masks),
    Row("softmax dice", lossbook.softmax_dice_loss, maps),
    Row("lovasz hinge", lossbook.lovasz_hinge_loss, masks),
    Row("lovasz softmax", lossbook.lovasz_softmax_loss, maps),
]
