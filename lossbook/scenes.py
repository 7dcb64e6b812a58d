"""The data sets of Part V: made from a seed and from what scikit-learn ships, with nothing to download.

Everything comes as tensors, numbers in float32 and classes in int64. The same seed gives the same set; random numbers
are NumPy's, whose streams do not change from version to version.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from lossbook import _checks


def placed_digits(
    n: int = 1000,
    *,
    digits: Sequence[int] = tuple(range(10)),
    size: int = 16,
    noise: float = 0.2,
    part: str = "train",
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Handwritten digits, each at a random place in an image of noise.

    Every place at which a digit of 8 x 8 pixels fits is equally likely, and so is each of ``digits``. Its ink, in
    [0, 1], is added to normal noise. The digits are scikit-learn's: its first 1,200 images for "train", the other 597
    for "test". Some of the digits for training and others for testing make a task with unseen classes.

    Args:
        n: how many images.
        digits: which digits there are, each between 0 and 9.
        size: height and width in pixels, at least 8.
        noise: standard deviation of the noise per pixel, at least 0.
        part: whose digits, "train" or "test".
        seed: of the random numbers; which digits come, and where, does not depend on ``noise``.

    Returns:
        Images, shape (n, 1, size, size), and digits, shape (n,).

    Raises:
        TypeError: if ``noise`` is no number.
        ValueError: if an argument is outside its range.

    Example:
        >>> images, labels = placed_digits(100, digits=[3, 8])
        >>> images.shape, labels.unique()
        (torch.Size([100, 1, 16, 16]), tensor([3, 8]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    _checks.number("noise", noise, "[0, inf)")
    wrong = [digit for digit in digits if digit not in range(10)]
    if wrong or len(digits) == 0:
        raise ValueError(f"digits must hold one or more numbers from 0 to 9, got {wrong or digits}")
    if size < 8:
        raise ValueError(f"size must be at least 8, the size of a digit, got {size}")
    ink, labels = _part(part)
    rng = np.random.default_rng(seed)
    shown = rng.choice(np.array(digits, dtype=int), n)
    images = np.zeros((n, size, size))
    for image, digit, row, column in zip(images, shown, *rng.integers(size - 7, size=(2, n)), strict=True):
        image[row : row + 8, column : column + 8] = rng.choice(ink[labels == digit])
    return _tensor(images + noise * rng.standard_normal(images.shape))[:, None], _tensor(shown)


def digit_lists(
    n: int = 500,
    *,
    length: int = 10,
    noise: float = 0.2,
    mistakes: float = 0.0,
    part: str = "train",
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Lists of images of digits, to be put in order by a grade: the larger the digit, the further up.

    The grade of an image is half its digit, rounded down: 0 for 0 and 1, up to 4 for 8 and 9. Whoever graded it was
    now and then mistaken: a share ``mistakes`` of the grades was drawn at random. The digits are scikit-learn's: its
    first 1,200 images for "train", the other 597 for "test".

    Args:
        n: how many lists.
        length: how many images a list has, at least 1.
        noise: standard deviation of the noise that is added to the ink per pixel, at least 0.
        mistakes: share of the grades that mean nothing, in [0, 1].
        part: whose digits, "train" or "test".
        seed: of the random numbers; images, and the grades that are kept, do not depend on ``mistakes``.

    Returns:
        Images, shape (n, length, 64), and grades, shape (n, length).

    Raises:
        TypeError: if ``noise`` or ``mistakes`` is no number.
        ValueError: if an argument is outside its range.

    Example:
        >>> images, grades = digit_lists(3)
        >>> images.shape, grades.shape, int(grades.max())
        (torch.Size([3, 10, 64]), torch.Size([3, 10]), 4)

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    _checks.number("noise", noise, "[0, inf)")
    _checks.number("mistakes", mistakes, "[0, 1]")
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    ink, labels = _part(part)
    rng = np.random.default_rng(seed)
    which = rng.integers(len(ink), size=(n, length))
    images = ink[which].reshape(n, length, 64) + noise * rng.standard_normal((n, length, 64))
    mistaken, drawn = rng.random((n, length)) < mistakes, rng.integers(5, size=(n, length))
    return _tensor(images), _tensor(np.where(mistaken, drawn, labels[which] // 2))


class DigitLines(NamedTuple):
    """Lines of digits, what they say, and which digit stands in which column."""

    images: Tensor
    labels: Tensor
    lengths: Tensor
    columns: Tensor


def digit_lines(n: int = 1000, *, part: str = "train", seed: int = 0) -> DigitLines:
    r"""Handwritten numbers of 2 to 5 digits, somewhere in a line of 8 x 48 pixels.

    How many digits, which, and where is random; the gaps before, between and after them share what is left of the line
    in every possible way, equally likely. The digits are scikit-learn's: its first 1,200 images for "train", the other
    597 for "test".

    Args:
        n: how many lines.
        part: whose digits, "train" or "test".
        seed: of the random numbers.

    Returns:
        Images with ink in [0, 1], shape (n, 8, 48); the labels, 1 for digit 0 to 10 for digit 9, so that 0 is free for
        the blank, shape (n, 5), filled up with 0; how many there are, shape (n,); and for each column the label of the
        digit whose ink it holds, 0 for none, shape (n, 48).

    Raises:
        ValueError: if ``part`` is neither.

    Example:
        >>> lines = digit_lines(2)
        >>> lines.images.shape, lines.labels.shape, lines.columns.shape
        (torch.Size([2, 8, 48]), torch.Size([2, 5]), torch.Size([2, 48]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    digits, digit_labels = _part(part)
    rng = np.random.default_rng(seed)
    images, columns = np.zeros((n, 8, 48)), np.zeros((n, 48), dtype=int)
    labels, lengths = np.zeros((n, 5), dtype=int), rng.integers(2, 6, n)
    for i, length in enumerate(lengths):
        which = rng.integers(len(digits), size=length)
        # Choose places among the digits and the columns left over; those before a digit push it to the right.
        places = np.sort(rng.choice(48 - 7 * length, length, replace=False)) + 7 * np.arange(length)
        labels[i, :length] = digit_labels[which] + 1
        for place, digit, label in zip(places, digits[which], labels[i], strict=False):
            inked = np.flatnonzero(digit.any(axis=0))
            images[i, :, place : place + 8] = digit
            columns[i, place + inked[0] : place + inked[-1] + 1] = label
    return DigitLines(*map(_tensor, (images, labels, lengths, columns)))


def ring(n: int = 1000, *, modes: int = 8, spread: float = 0.05, seed: int = 0) -> tuple[Tensor, Tensor]:
    r"""Points around a few centres on the unit circle: a mixture of Gaussians whose modes are easily counted.

    Centre k of K = ``modes`` is :math:`(\cos 2\pi k / K,\; \sin 2\pi k / K)`; each point belongs to one of them, all
    equally likely, and lies around it with standard deviation ``spread`` in both directions.

    Args:
        n: how many points.
        modes: how many centres, at least 1.
        spread: standard deviation around a centre, at least 0.
        seed: of the random numbers.

    Returns:
        The points, shape (n, 2), and the centres, shape (modes, 2).

    Raises:
        TypeError: if ``spread`` is no number.
        ValueError: if ``modes`` is below 1 or ``spread`` below 0.

    Example:
        >>> points, centres = ring(4, modes=4, spread=0.0)
        >>> bool(torch.cdist(points, centres).amin(1).max() == 0)
        True
    """
    _checks.number("modes", modes, "[1, inf)")
    _checks.number("spread", spread, "[0, inf)")
    rng = np.random.default_rng(seed)
    angle = 2 * math.pi * np.arange(modes) / modes
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = centres[rng.integers(modes, size=n)] + spread * rng.standard_normal((n, 2))
    return _tensor(points), _tensor(centres)


class Walk(NamedTuple):
    """What follows from every action in every state."""

    next_state: Tensor
    reward: Tensor
    terminal: Tensor


def cliff_walk() -> Walk:
    r"""The table of a walk along a cliff: 4 rows, 12 columns, a start, a goal, and a cliff between them.

    State :math:`12\, \text{row} + \text{column}`; the start is 36 and the goal 47, the corners of the last row. Actions
    0 to 3 are up, right, down and left; a step over the edge stays where it is. Every step costs 1. A step onto the
    cliff, states 37 to 46, costs 100 and leads back to the start; a step onto the goal ends the walk. The shortest safe
    walk has 13 steps.

    Returns:
        For each of the 48 states and 4 actions, shape (48, 4): the next state, the reward, and 1.0 where the walk ends.
        The rows of the goal and of the cliff, where nobody ever stands, are as if one could leave them.

    Example:
        >>> walk = cliff_walk()
        >>> walk.next_state[36], walk.reward[36]  # from the start: up, onto the cliff, against two edges
        (tensor([24, 36, 36, 36]), tensor([  -1., -100.,   -1.,   -1.]))

    References:
        Sutton and Barto, 2018, Reinforcement Learning, 2nd edition, example 6.6.
    """
    row, column = np.divmod(np.arange(48)[:, None], 12)
    down, right = np.array([-1, 0, 1, 0]), np.array([0, 1, 0, -1])
    there = 12 * np.clip(row + down, 0, 3) + np.clip(column + right, 0, 11)
    falls = (there > 36) & (there < 47)
    return Walk(_tensor(np.where(falls, 36, there)), _tensor(np.where(falls, -100.0, -1.0)), _tensor(there == 47))


def _part(part: str) -> tuple[np.ndarray, np.ndarray]:
    if part not in {"train", "test"}:
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    rows = slice(1200) if part == "train" else slice(1200, None)
    images, labels = _digits()
    return images[rows], labels[rows]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8) / 16, labels


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.int64 if values.dtype.kind in "iu" else torch.float32)
