"""The judge for the chapter on resampling."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LABELS = torch.tensor([2, 0, 0, 2, 0, 0, 5, 0, 0, 0, 2, 0])  # classes of 8, 3 and 1
_MANY = torch.tensor([1] * 5_000 + [0])


def sampling_weights(answer: Callable[..., Any]) -> str:
    """Judge ``answer(labels, kappa)``: sampling weights, in proportion to one over a power of the class count.

    A class of n examples is to be drawn in proportion to n to the power 1 - kappa. Only ratios count, so the judge
    divides the weights by their sum before it compares them.

    Args:
        answer: maps labels (N,) and a strength to weights (N,), one for each example, of any floating dtype.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> sampling_weights(lambda labels, kappa: labels.bincount() + 1.0)[:39]
        'wrong shape: got (6,), wanted (12,); fo'
    """

    def reference(labels: Tensor, kappa: float) -> Any:
        counts = labels.bincount().clamp(min=1)  # of a class without examples nobody asks
        return _shares(lossbook.class_weights(counts, method="inverse")[labels] ** kappa)

    def compared(labels: Tensor, kappa: float) -> Any:
        return _shares(answer(labels, kappa))

    ordinary = [{"labels": _LABELS, "kappa": kappa} for kappa in (1.0, 0.0, 0.5)]
    said = judge(compared, reference, ordinary, [{"labels": _MANY, "kappa": 1.0}])
    return said if said.startswith("right") else f"{said}; the weights are divided by their sum"


def _shares(weight: Any) -> Any:
    if not isinstance(weight, Tensor):
        return weight
    weight = weight.float() if weight.is_floating_point() else weight
    return weight / weight.sum().abs()
