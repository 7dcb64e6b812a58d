"""Judges for the chapter on what a loss is."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge

_X = torch.tensor([[0.0, 1.0, 2.0, 5.0], [-1.0, 0.5, 3.0, 3.5], [2.0, -2.0, 1.0, 0.0]])
_Y = torch.tensor([[1.0, 2.5, 2.0, 9.0], [4.0, 1.0, -3.0, -4.0], [-1.0, -6.0, 1.0, -2.5]])


def many_lines(answer: Callable[..., tuple[Tensor, Tensor]]) -> str:
    """Judge ``answer(x, y)``: slope and intercept of the line with the smallest MSE, for each row.

    Args:
        answer: maps inputs and targets, both of shape (..., N), to two tensors of shape (...).

    Returns:
        A sentence.

    Example:
        >>> many_lines(lambda x, y: (y.mean(-1) / x.mean(-1), 0 * y[..., 0]))[:50]
        'wrong value: got [1.812], wanted [1.607], in resul'
    """

    def reference(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x_mean, y_mean = x.double().mean(-1), y.double().mean(-1)
        dx, dy = x - x_mean[..., None], y - y_mean[..., None]
        m = (dx * dy).sum(-1) / dx.square().sum(-1)
        return m.to(x.dtype), (y_mean - m * x_mean).to(x.dtype)

    rows = {"x": _X, "y": _Y}
    ordinary = [{"x": _X[0], "y": _Y[0]}, rows, {"x": _X[None].double(), "y": _Y[None].double()}]
    far = {"x": _X + 10_000, "y": _Y}
    return judge(answer, reference, ordinary, [far], rtol=1e-2)
