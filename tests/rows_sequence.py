"""CTC, for the table of transforms."""

import torch
from rows import Row

import lossbook


def lines(n):
    """Return logits with the examples on axis 0, labels with and without repeats, and unequal lengths."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(n, 5, 3, generator=rng, dtype=torch.float64)
    kinds = torch.arange(n) % 3
    labels = torch.tensor([[1, 2], [2, 2], [1, 0]])[kinds]
    return logits, labels, torch.tensor([5, 4, 3])[kinds], torch.tensor([2, 2, 1])[kinds]


def ctc(logits, *labels, **more):
    return lossbook.ctc_loss(logits.log_softmax(2).transpose(0, 1), *labels, **more)


ROWS = [Row("ctc", ctc, lines)]
