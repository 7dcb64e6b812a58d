"""Judges for the chapter on embeddings."""

from collections.abc import Callable

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_COSINE = torch.tensor([[0.9, 0.1, -0.4], [-0.2, 0.3, 0.25], [0.0, -1.0, 1.0]])
_CLASS = torch.tensor([0, 2, 1])
_X = torch.tensor([[1.0, 2.0, 0.5], [-1.0, 0.5, 2.0], [0.3, -2.0, 1.0]])
_Y = torch.tensor([[2.0, 1.0, 0.0], [-3.0, 1.0, 1.0], [1.0, 1.0, 1.0]])


def cosface(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(cosine, target, margin, scale)``: CosFace, one loss for each example.

    Args:
        answer: maps cosines (N, K), classes (N,), a margin and a scale to losses (N,).

    Returns:
        A sentence.

    Example:
        >>> cosface(lambda cosine, target, margin, scale: cosine.sum())[:40]
        'wrong shape: got (), wanted (3,); for co'
    """

    def reference(cosine: Tensor, target: Tensor, margin: float, scale: float) -> Tensor:
        true = torch.nn.functional.one_hot(target, cosine.shape[1])
        return lossbook.cross_entropy(scale * (cosine - margin * true), target, reduction="none")

    inputs = {"cosine": _COSINE, "target": _CLASS}
    ordinary = [inputs | {"margin": 0.35, "scale": 4.0}, inputs | {"margin": 0.0, "scale": 1.0}]
    return judge(answer, reference, ordinary, [inputs | {"margin": 0.2, "scale": 200.0}], slopes=["cosine"])


def nt_xent(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(x, y, temperature)``: NT-Xent, one loss for each of the 2N examples.

    Args:
        answer: maps embeddings x and y, both (N, D), and a temperature to losses (2N,), those of x first.

    Returns:
        A sentence.

    Example:
        >>> nt_xent(lambda x, y, temperature: x[:, 0])[:38]
        'wrong shape: got (3,), wanted (6,); fo'
    """

    def reference(x: Tensor, y: Tensor, temperature: float) -> Tensor:
        return lossbook.nt_xent_loss(x, y, temperature=temperature, reduction="none")

    ordinary = [{"x": _X, "y": _Y, "temperature": 0.5}, {"x": _X, "y": 5 * _Y, "temperature": 0.2}]
    return judge(answer, reference, ordinary, [{"x": _X, "y": 2 * _X, "temperature": 0.005}], slopes=["x", "y"])
