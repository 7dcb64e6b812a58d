"""Judges for the chapter on asymmetric loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS = torch.tensor([[-2.0, 0.5, 3.0], [1.0, -0.1, -4.0]])
_TARGET = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
_FAR = torch.tensor([-1e4, -30.0, 20.0, 1e4])


def asymmetric(answer: Callable[..., Any]) -> str:
    """Judge ``answer(logits, target, gamma_pos, gamma_neg, margin)``: asymmetric loss, element by element.

    Args:
        answer: maps logits and targets of one shape, two gammas and a margin to losses of that shape.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> asymmetric(lambda logits, target, gamma_pos, gamma_neg, margin: logits)[:28]
        'wrong value: got [-2, 0.5, 3'
    """

    def reference(logits: Tensor, target: Tensor, gamma_pos: float, gamma_neg: float, margin: float) -> Tensor:
        options = {"gamma_pos": gamma_pos, "gamma_neg": gamma_neg, "margin": margin}
        return lossbook.asymmetric_loss(logits, target, **options, reduction="none")

    given = {"logits": _LOGITS, "target": _TARGET}
    names = ("gamma_pos", "gamma_neg", "margin")
    settings = [dict(zip(names, each, strict=True)) for each in ((0.5, 3.0, 0.1), (0.0, 4.0, 0.05), (1.0, 2.0, 0.0))]
    ordinary = [*(given | each for each in settings),
                {name: value.double() for name, value in given.items()} | settings[0]]  # fmt: skip
    far = [{"logits": _FAR, "target": torch.full((4,), kind)} | settings[0] for kind in (1.0, 0.0)]
    return judge(answer, reference, ordinary, far, slopes=["logits"])


def next_gamma(answer: Callable[..., Any]) -> str:
    """Judge ``answer(gamma_neg, logits, target)``: the strength after one batch, steered by a gap.

    The gap is the mean probability of what is true over the positives, less that over the negatives. The strength
    moves by 0.1 times what the gap lacks to 0.1, and never falls below 0.

    Args:
        answer: maps a strength, logits and targets of one shape to a number, or to a tensor of one number.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> next_gamma(lambda gamma_neg, logits, target: gamma_neg)[:36]
        'wrong value: got [2], wanted [2.041]'
    """

    def reference(gamma_neg: float, logits: Tensor, target: Tensor) -> Tensor:
        p_t = torch.exp(-lossbook.focal_loss(logits, target, gamma=0.0, reduction="none"))
        lag = 0.1 - (p_t[target == 1].mean() - p_t[target == 0].mean())
        return (gamma_neg + 0.1 * lag).clamp(min=0)

    def compared(gamma_neg: float, logits: Tensor, target: Tensor) -> Any:
        found = answer(gamma_neg, logits, target)
        return torch.tensor(float(found)) if isinstance(found, int | float) else found

    batches = [(_LOGITS - 1, _TARGET), (_LOGITS + 1, _TARGET), (-_LOGITS[0], _TARGET[0])]
    ordinary = [{"gamma_neg": 2.0, "logits": logits, "target": target} for logits, target in batches]
    ahead = {"gamma_neg": 0.0, "logits": torch.tensor([9.0, 9.0]), "target": torch.tensor([1.0, 0.0])}
    far = {"gamma_neg": 0.5, "logits": 1e3 * _LOGITS, "target": _TARGET}
    return judge(compared, reference, [*ordinary, ahead], [far])
