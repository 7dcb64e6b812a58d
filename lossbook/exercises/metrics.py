"""Judges for the chapter on losses and metrics."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.segmentation import dice_loss

_LOGITS = torch.tensor([[1.0, -1.0, 0.5, -2.0], [0.2, -0.4, 2.0, 0.7]])
_TARGET = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]])


def soft_f1(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(logits, target)``: one minus F1, in which each example counts as its probability.

    Args:
        answer: maps logits and targets of 0 and 1, both of shape (..., N), to losses of shape (...).

    Returns:
        A sentence.

    Example:
        >>> soft_f1(lambda logits, target: (logits.sigmoid() - target).abs().mean(-1))[:33]
        'wrong value: got [0.5103, 0.4346]'
    """

    def reference(logits: Tensor, target: Tensor) -> Tensor:
        n = logits.shape[-1]  # one minus soft F1 is the Dice loss of an image of one row
        return dice_loss(logits.reshape(-1, n), target.reshape(-1, n), reduction="none").reshape(logits.shape[:-1])

    ordinary = [{"logits": _LOGITS, "target": _TARGET}, {"logits": _LOGITS[0], "target": _TARGET[0]},
                {"logits": _LOGITS[None].double(), "target": _TARGET[None].double()}]
    sure = {"logits": 20 * (2 * _TARGET - 1), "target": _TARGET}  # right, so the loss is near 2e-9
    return judge(answer, reference, ordinary, [sure], slopes=["logits"], atol=0)
