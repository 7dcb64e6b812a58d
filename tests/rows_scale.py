"""Cross-entropy of a linear layer and the z-loss, for the table of transforms."""

import torch
from rows import Row

import lossbook


def layer(n):
    rng = torch.Generator().manual_seed(0)
    features, weight = (torch.randn(size, 3, generator=rng, dtype=torch.float64) for size in (n, 7))
    return features, weight, torch.arange(n) % 7


ROWS = [
    Row("linear cross-entropy", lossbook.linear_cross_entropy, layer, {"chunk": 2}, differentiable=(0, 1),
        examples=False),
    Row("z loss", lossbook.z_loss, lambda n: layer(n)[:1]),
]
