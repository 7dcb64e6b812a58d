"""Judges for the chapter on focal loss."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS = torch.tensor([[-2.0, 0.5, 3.0], [1.0, -0.1, 0.0]])
_TARGET = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
_FAR = torch.tensor([-1e4, -100.0, 20.0, 1e4])


def focal(answer: Callable[..., Any]) -> str:
    """Judge ``answer(logits, target, gamma)``: binary focal loss without alpha, one loss for each element.

    Args:
        answer: maps logits and targets of one shape and a gamma to losses of that shape.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> focal(lambda logits, target, gamma: (logits - target).mean())[:42]
        'wrong shape: got (), wanted (2, 3); for lo'
    """

    def reference(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
        return lossbook.focal_loss(logits, target, gamma=gamma, reduction="none")

    given = {"logits": _LOGITS, "target": _TARGET}
    ordinary = [*(given | {"gamma": gamma} for gamma in (2.0, 0.0, 0.5)),
                {name: value.double() for name, value in given.items()} | {"gamma": 1.5}]  # fmt: skip
    far = [{"logits": _FAR, "target": torch.full((4,), kind), "gamma": 0.5} for kind in (1.0, 0.0)]
    return judge(answer, reference, ordinary, far, slopes=["logits"])


def class_balanced_focal(answer: Callable[..., Any]) -> str:
    """Judge ``answer(logits, target, counts)``: softmax focal loss, each class weighed by its effective number.

    Gamma is 2, beta is 0.999, and the mean of the weights over the classes is 1.

    Args:
        answer: maps logits (N, K), classes (N,) and a list of K counts to losses (N,).

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> class_balanced_focal(lambda logits, target, counts: logits.mean())[:39]
        'wrong shape: got (), wanted (3,); for l'
    """

    def reference(logits: Tensor, target: Tensor, counts: Sequence[int]) -> Tensor:
        weight = lossbook.class_weights(counts, method="effective", beta=0.999)
        each = lossbook.softmax_focal_loss(logits, target, gamma=2.0, reduction="none")
        return len(counts) * weight[target] / weight.sum() * each

    given = {"logits": torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0], [1.0, -0.5, 0.3]]),
             "target": torch.tensor([0, 2, 2])}  # fmt: skip
    ordinary = [given | {"counts": counts} for counts in ([1_000, 100, 10], [5, 5, 5], [3, 20_000, 700])]
    far = {"logits": 1e3 * torch.eye(3), "target": torch.tensor([0, 0, 2]), "counts": [1_000, 100, 10]}
    return judge(answer, reference, ordinary, [far], slopes=["logits"])
