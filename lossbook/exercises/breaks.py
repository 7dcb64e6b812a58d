"""The judge for the chapter on why imbalance breaks learning."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_LOGITS, _COUNTS = torch.tensor([[2.0, 1.0, 0.5], [0.1, 0.0, -1.0]]), [80, 10, 10]


def adjust(answer: Callable[..., Any]) -> str:
    """Judge ``answer(logits, counts, tau)``: logits less tau times the logarithm of the class shares.

    What all classes of an example have in common does not count, so the judge compares how far each class is ahead of
    the first one.

    Args:
        answer: maps logits (..., K), a list of K counts and a strength to logits of the same shape.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> adjust(lambda logits, counts, tau: logits)[:29]
        'wrong value: got [0, -1, -1.5'
    """

    def reference(logits: Tensor, counts: Sequence[int], tau: float) -> Any:
        return _lead(logits + tau * lossbook.class_weights(counts, method="log"))

    def compared(logits: Tensor, counts: Sequence[int], tau: float) -> Any:
        return _lead(answer(logits, counts, tau))

    given = {"logits": _LOGITS, "counts": _COUNTS}
    ordinary = [*(given | {"tau": tau} for tau in (1.0, 0.5, 0.0)),
                {"logits": _LOGITS[1], "counts": [7, 2, 1], "tau": 1.0},  # one example alone
                given | {"logits": _LOGITS.double(), "tau": 1.0}]  # fmt: skip
    far = given | {"logits": torch.tensor([[0.0, -300.0, -290.0]]), "tau": 1.0}
    said = judge(compared, reference, ordinary, [far], slopes=["logits"])
    return said if said.startswith("right") else f"{said}; compared is the lead of each class over the first"


def _lead(logits: Any) -> Any:
    return logits - logits[..., :1] if isinstance(logits, Tensor) and logits.dim() else logits
