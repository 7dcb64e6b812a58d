"""Judges for the chapter on the options of cross-entropy."""

from collections.abc import Callable

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import Inputs, judge

_Z = torch.tensor([[2.0, 1.0, -1.0], [0.0, 3.0, 0.5], [-0.5, 0.2, 1.0], [0.3, -0.6, 0.1]])
_Y = torch.tensor([0, 2, 2, 1])
_IGNORED = torch.tensor([0, -100, 2, -100])
_WEIGHT = torch.tensor([1.0, 2.0, 5.0])


def mean_cross_entropy(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(z, y, w)``: the mean cross-entropy over what is not ignored, divided by the weights.

    Args:
        answer: maps logits (N, K, ...), classes (N, ...), -100 for what is ignored, and weights (K,) or None to one
            number.

    Returns:
        A sentence.

    Example:
        >>> mean_cross_entropy(lambda z, y, w=None: torch.nn.functional.cross_entropy(z, y))[:50]
        'wrong value: got [1.297], wanted [1.495]; for z [2'
    """

    def reference(z: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        return lossbook.cross_entropy(z, y, weight=w)

    ordinary: list[Inputs] = [
        {"z": _Z, "y": _Y, "w": None},
        {"z": _Z, "y": _Y, "w": _WEIGHT},
        {"z": _Z, "y": _IGNORED, "w": _WEIGHT},
        {"z": torch.stack([_Z, -2 * _Z], 2), "y": torch.stack([_Y, _IGNORED], 1), "w": _WEIGHT},
        {"z": _Z.double(), "y": _Y, "w": _WEIGHT.double()},
    ]
    return judge(answer, reference, ordinary, [{"z": 700 * _Z, "y": _Y, "w": None}], slopes=["z"])
