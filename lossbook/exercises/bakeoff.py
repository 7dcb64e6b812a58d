"""The judge for the chapter that compares all remedies."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS, _TARGET = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([1, 2])
_COUNTS = torch.tensor([80.0, 15.0, 5.0])


def logit_adjusted(answer: Callable[..., Any]) -> str:
    """Judge ``answer(logits, target, counts, tau)``: logit-adjusted cross-entropy, one loss for each example.

    Args:
        answer: maps logits (N, K), classes (N,), counts (K,) and a strength to losses (N,).

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> logit_adjusted(lambda logits, target, counts, tau: logits.sum())[:39]
        'wrong shape: got (), wanted (2,); for l'
    """

    def reference(logits: Tensor, target: Tensor, counts: Tensor, tau: float) -> Tensor:
        return lossbook.logit_adjusted_loss(logits, target, counts=counts, tau=tau, reduction="none")

    given: dict[str, Any] = {"logits": _LOGITS, "target": _TARGET, "counts": _COUNTS}
    ordinary = [*(given | {"tau": tau} for tau in (1.0, 1.5, 0.0)), given | {"logits": _LOGITS.double(), "tau": 1.5}]
    far = given | {"logits": 1e4 * torch.eye(2, 3), "tau": 1.0}
    return judge(answer, reference, ordinary, [far], slopes=["logits"])
