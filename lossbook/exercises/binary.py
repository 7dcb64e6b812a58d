"""Judges for the chapter on binary cross-entropy."""

from collections.abc import Callable

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS = torch.tensor([[-2.0, 0.5, 3.0], [1.0, -0.1, 0.0]])
_TARGET = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.3]])
_WEIGHT = torch.tensor([1.0, 2.0, 3.0])


def weighted_bce(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(logits, target, pos_weight)``: binary cross-entropy, one loss for each element.

    Args:
        answer: maps logits and targets, both (N, K), and one weight of the positives for each label, (K,), to
            losses (N, K).

    Returns:
        A sentence.

    Example:
        >>> weighted_bce(lambda logits, target, pos_weight: logits.sigmoid().log())[:36]
        'wrong value: got [-2.127, -0.4741, -'
    """

    def reference(logits: Tensor, target: Tensor, pos_weight: Tensor) -> Tensor:
        return lossbook.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="none")

    inputs = {"logits": _LOGITS, "target": _TARGET, "pos_weight": _WEIGHT}
    ordinary = [inputs, {name: value.double() for name, value in inputs.items()}]
    far = {"logits": torch.tensor([[-1e4, 50.0, 1e4]]), "target": _TARGET[:1], "pos_weight": _WEIGHT}
    return judge(answer, reference, ordinary, [far], slopes=["logits"])


def undo_weight(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(stated, pos_weight)``: the true shares, from what a model states that learnt with a weight.

    Args:
        answer: maps stated probabilities (N,) and the weight of the positives to shares (N,).

    Returns:
        A sentence.

    Example:
        >>> undo_weight(lambda stated, pos_weight: stated / pos_weight)
        'wrong value: got [0.05556, 0.1], wanted [0.1, 0.5]; for stated [0.5, 0.9], pos_weight 9.0'
    """

    def reference(stated: Tensor, pos_weight: float) -> Tensor:
        return stated / (stated + pos_weight * (1 - stated))

    ordinary = [{"stated": torch.tensor([0.5, 0.9]), "pos_weight": 9.0},
                {"stated": torch.tensor([0.2, 0.5, 0.7]).double(), "pos_weight": 0.5}]
    ends = {"stated": torch.tensor([0.0, 1e-30, 1.0]), "pos_weight": 9.0}
    return judge(answer, reference, ordinary, [ends], atol=0)
