"""The data sets of Part V: made from a seed and from what scikit-learn ships, with nothing to download.

Everything comes as tensors, numbers in float32 and classes in int64. The same seed gives the same set; random numbers
are NumPy's, whose streams do not change from version to version.
"""

from collections.abc import Sequence
from functools import cache

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
        TypeError: if an argument has the wrong type, for instance no ``digits``.
        ValueError: if an argument is outside its range.

    Example:
        >>> images, labels = placed_digits(100, digits=[3, 8])
        >>> images.shape, labels.unique()
        (torch.Size([100, 1, 16, 16]), tensor([3, 8]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    n, noise = _checks.integer("n", n, "[0, inf)"), _checks.number("noise", noise, "[0, inf)")
    size, rng = _checks.integer("size", size, "[8, inf)"), _rng(seed)
    if isinstance(digits, str) or not isinstance(digits, Sequence) or len(digits) == 0:
        raise TypeError(f"digits must be a sequence of one or more digits, got {digits!r}")
    ink, labels = _part(part)
    shown = rng.choice([_checks.integer("each of digits", digit, "[0, 9]") for digit in digits], n)
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
        TypeError: if an argument has the wrong type.
        ValueError: if an argument is outside its range.

    Example:
        >>> images, grades = digit_lists(3)
        >>> images.shape, grades.shape, int(grades.max())
        (torch.Size([3, 10, 64]), torch.Size([3, 10]), 4)

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    n, length = _checks.integer("n", n, "[0, inf)"), _checks.integer("length", length, "[1, inf)")
    noise, mistakes = _checks.number("noise", noise, "[0, inf)"), _checks.number("mistakes", mistakes, "[0, 1]")
    (ink, labels), rng = _part(part), _rng(seed)
    which = rng.integers(len(ink), size=(n, length))
    images = ink[which].reshape(n, length, 64) + noise * rng.standard_normal((n, length, 64))
    mistaken, drawn = rng.random((n, length)) < mistakes, rng.integers(5, size=(n, length))
    return _tensor(images), _tensor(np.where(mistaken, drawn, labels[which] // 2))


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


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(_checks.integer("seed", seed, "[0, inf)"))


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.int64 if values.dtype.kind in "iu" else torch.float32)
