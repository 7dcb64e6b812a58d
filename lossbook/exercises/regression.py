"""Judges for the chapter on losses for regression."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import Inputs, judge

_PRED = torch.tensor([[-3.0, 0.0, 0.5], [1.0, 4.0, -0.1]])
_TARGET = torch.tensor([[1.0, 0.0, 2.0], [1.5, -1.0, 0.1]])


def pseudo_huber(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(pred, target, delta)``: the pseudo-Huber loss, one for each element.

    Args:
        answer: maps predictions and targets of one shape, and a threshold, to losses of that shape.

    Returns:
        A sentence.

    Example:
        >>> pseudo_huber(lambda pred, target, delta: (pred - target).square() / 2)[:33]
        'wrong value: got [8, 0, 1.125, 0.'
    """

    def reference(pred: Tensor, target: Tensor, delta: float) -> Tensor:
        e = pred - target
        h = torch.hypot(e, torch.full_like(e, delta))
        return delta * (e / (h + delta)) * e

    inputs = {"pred": _PRED, "target": _TARGET}
    ordinary: list[Inputs] = [
        inputs | {"delta": 2.0},
        inputs | {"delta": 0.5},
        {"pred": _PRED.double(), "target": _TARGET.double(), "delta": 1.0},
    ]
    near = {"pred": torch.tensor([1e-4, -1e-4]), "target": torch.zeros(2), "delta": 2.0}
    far = {"pred": torch.tensor([1e20, -1e20]), "target": torch.zeros(2), "delta": 2.0}
    return judge(answer, reference, ordinary, [near, far], slopes=["pred"], atol=0)
