"""Judges for the chapter on softmax."""

from collections.abc import Callable

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS = torch.tensor([[2.0, 1.0, -1.0], [0.0, 3.0, 0.5], [-0.5, 0.2, 1.0]])
_CLASS = torch.tensor([1, 1, 2])


def softmax_cross_entropy(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(logits, target)``: cross-entropy with softmax, one loss for each example.

    Args:
        answer: maps logits (N, K) and classes (N,) to losses (N,).

    Returns:
        A sentence.

    Example:
        >>> softmax_cross_entropy(lambda logits, target: -logits.log_softmax(1).mean(1))[:36]
        'wrong value: got [1.682, 1.957, 1.28'
    """

    def reference(logits: Tensor, target: Tensor) -> Tensor:
        return lossbook.cross_entropy(logits, target, reduction="none")

    ordinary = [{"logits": _LOGITS, "target": _CLASS}, {"logits": _LOGITS.double(), "target": _CLASS}]
    far, zero = torch.tensor([[1e4, -1e4, 0.0]]), torch.tensor([0])
    extreme = [{"logits": far, "target": zero + 1},  # wrong by 20,000
               {"logits": far, "target": zero},
               {"logits": torch.tensor([[20.0, 0.0, 0.0]]), "target": zero}]  # the loss is 4e-9, and has digits
    return judge(answer, reference, ordinary, extreme, slopes=["logits"], atol=0)
