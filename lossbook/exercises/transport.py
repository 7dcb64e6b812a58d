"""Judges for the chapter on clouds and transport."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge

# Sums of these masses are exact, so that the last difference of the cumulative sums is 0 and has no sign by rounding.
_HALVES = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 1.0]])
_OTHERS = torch.tensor([[0.5, 0.125, 0.0, 0.375], [0.75, 0.125, 0.125, 0.0]])
_FEW = torch.tensor([[0.0, 0.0], [1.0, 0.25]])
_MORE = torch.tensor([[0.0, 0.5], [1.0, 0.0], [3.0, 0.0]])


def earth_on_a_line(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(p, q)``: the earth mover's distance of masses in bins one apart, over the last axis.

    Args:
        answer: maps masses p and q, both of shape (K,) or (N, K) and of equal totals, to one number for each pair.

    Returns:
        A sentence.

    Example:
        >>> earth_on_a_line(lambda p, q: (p - q).abs().sum(-1))[:37]
        'wrong value: got [0.75], wanted [0.5]'
    """

    def reference(p: Tensor, q: Tensor) -> Tensor:
        return (p - q).cumsum(-1).abs().sum(-1)

    one = {"p": _HALVES[0], "q": _OTHERS[0]}
    many = {"p": _HALVES, "q": _OTHERS}
    far = {"p": torch.eye(64)[:1], "q": torch.eye(64)[-1:]}
    return judge(answer, reference, [one, many], [far], slopes=["p"])


def hausdorff(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(x, y)``: the largest distance of a point in either cloud to its nearest in the other.

    Args:
        answer: maps clouds x and y, of shape (P, D) and (Q, D), to one number.

    Returns:
        A sentence.

    Example:
        >>> hausdorff(lambda x, y: torch.cdist(x, y).amin(1).amax())[:43]
        'wrong value: got [0.5], wanted [2.016]; for'
    """

    def reference(x: Tensor, y: Tensor) -> Tensor:
        distance = torch.linalg.vector_norm(x[:, None] - y, dim=-1)  # with a gradient of 0 at 0
        return torch.maximum(distance.amin(1).amax(), distance.amin(0).amax())

    ordinary = [{"x": _FEW, "y": _MORE}, {"x": _MORE, "y": _FEW}]
    touching = {"x": torch.cat([_FEW, _MORE[:1]]), "y": _MORE}
    far = {"x": 1000 + _FEW, "y": 1000 + _MORE}
    return judge(answer, reference, ordinary, [touching, far], slopes=["x"])
