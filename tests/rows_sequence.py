"""CTC, for the table of transforms."""

import torch
from rows import Row

import lossbook


def lines(n):
    """Return log-probabilities in six frames, labels with and without repeats, and unequal lengths."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(6, n, 3, generator=rng, dtype=torch.float64)
    kinds = torch.arange(n) % 3
    labels = torch.tensor([[1, 2], [2, 2], [1, 0]])[kinds]
    return logits.log_softmax(2), labels, torch.tensor([6, 4, 3])[kinds], torch.tensor([2, 2, 1])[kinds]


ROWS = [Row("ctc", lossbook.ctc_loss, lines, examples=False)]
