"""Judges for the chapter on entropy."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbook import information
from lossbook.exercises._judge import judge


def entropy_in_bits(answer: Callable[..., Any]) -> str:
    """Judge ``answer(p)``: the entropy of each distribution, in bits, with NumPy.

    Args:
        answer: maps an array of shape (..., K), whose last axis sums to 1, to an array of shape (...).

    Returns:
        A sentence.

    Example:
        >>> entropy_in_bits(lambda p: -(p * np.log(p)).sum(-1))
        'wrong value: got [1.04], wanted [1.5]; for p [0.5, 0.25, 0.25]'
    """

    def reference(p: NDArray[np.float64]) -> float | NDArray[np.float64]:
        return information.entropy(p, base=2)

    rows = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])
    ordinary = [{"p": rows[0]}, {"p": rows}, {"p": np.stack([rows, rows[::-1]])}]
    sure = [{"p": np.array([[1.0, 0.0], [0.5, 0.5]])}]  # the impossible adds nothing
    return judge(answer, reference, ordinary, sure)
