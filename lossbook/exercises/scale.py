"""Judges for the chapter on cross-entropy at scale."""

from collections.abc import Callable

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_RNG = torch.Generator().manual_seed(0)
_FEATURES, _WEIGHT = torch.randn(7, 3, generator=_RNG), torch.randn(5, 3, generator=_RNG)
_TARGET = torch.tensor([0, 4, 2, 2, 1, 3, 0])


def mean_over_tokens(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(means, counts)``: the mean over all targets, from the mean of each batch and its targets.

    Args:
        answer: maps mean losses (B,), NaN for a batch without targets, and counts (B,) to a scalar.

    Returns:
        A sentence.

    Example:
        >>> mean_over_tokens(lambda means, counts: means.mean())[:32]
        'wrong value: got [3], wanted [3.'
    """

    def reference(means: Tensor, counts: Tensor) -> Tensor:
        return torch.where(counts > 0, means * counts, 0.0).sum() / counts.sum()

    ordinary = [{"means": torch.tensor([2.0, 4.0]), "counts": torch.tensor([10.0, 90.0])},
                {"means": torch.tensor([0.5, 3.0, 1.0]), "counts": torch.tensor([1.0, 2.0, 7.0])}]
    empty = {"means": torch.tensor([2.0, torch.nan, 5.0]), "counts": torch.tensor([3.0, 0.0, 1.0])}
    return judge(answer, reference, ordinary, [empty])


def chunked_loss(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(features, weight, target, chunk)``: mean cross-entropy that keeps no whole table.

    Args:
        answer: maps features (N, D), weights (K, D), classes (N,) and a number of examples to a scalar.

    Returns:
        A sentence.

    Example:
        >>> chunked_loss(lambda features, weight, target, chunk: features.sum())[:18]
        'wrong value: got ['
    """

    def reference(features: Tensor, weight: Tensor, target: Tensor, chunk: int) -> Tensor:
        return lossbook.linear_cross_entropy(features, weight, target, chunk=chunk)

    inputs = {"features": _FEATURES, "weight": _WEIGHT, "target": _TARGET}
    ordinary = [inputs | {"chunk": chunk} for chunk in (7, 1, 3)]  # 3 does not divide 7
    tail = inputs | {"features": 100 * _FEATURES, "chunk": 3}
    found = judge(answer, reference, ordinary, [tail], slopes=["features", "weight"])
    if found.startswith("wrong"):
        return found
    rows, classes = 24, 50
    if (kept := _kept(answer, rows, classes)) >= rows * classes:
        return (f"wrong memory: {kept:,} numbers are kept for the backward pass, a table has {rows * classes:,}; for "
                f"features ({rows}, 2), weight ({classes}, 2), chunk 2")
    return found.replace(" and tail", ", tail and memory")


def _kept(answer: Callable[..., Tensor], rows: int, classes: int) -> int:
    """Return how many numbers autograd saves, each tensor in memory once."""
    rng = torch.Generator().manual_seed(1)
    features, weight = (torch.randn(n, 2, generator=rng, requires_grad=True) for n in (rows, classes))
    saved: dict[int, Tensor] = {}

    def note(part: Tensor) -> Tensor:
        saved[part.untyped_storage().data_ptr()] = part  # the tensor is held, so that its place is not used again
        return part

    with torch.autograd.graph.saved_tensors_hooks(note, lambda part: part):
        answer(features, weight, torch.arange(rows), 2)
    return sum(part.untyped_storage().size() // part.element_size() for part in saved.values())
