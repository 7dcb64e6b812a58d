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
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor
from torch.nn.functional import interpolate

from lossbook import _checks


class Scenes(NamedTuple):
    """Images, what in them is the object, and the box around it."""

    images: Tensor
    masks: Tensor
    boxes: Tensor


def digit_scenes(
    n: int = 500, *, size: int = 32, contrast: float = 0.7, part: str = "train", seed: int = 0
) -> Scenes:
    r"""Handwritten digits painted on pieces of two photographs, one digit in each.

    A piece of scikit-learn's photographs, of a temple or a flower, in grey, may be mirrored. A digit is stretched to a
    random height and width between a quarter and seven sixteenths of ``size``, each by itself, and put where it fits.
    Its ink is white, and hides the photograph to the share ``contrast`` where there is most of it. The object is where
    there is more than half of that: about 36 pixels in a thousand. For "train" the digits are the first 1,200 and the
    pieces come from the left halves of the photographs, for "test" the other 597 and the right halves.

    Args:
        n: how many scenes.
        size: height and width in pixels, between 24 and 300.
        contrast: how much of the photograph full ink hides, in (0, 1].
        part: "train" or "test".
        seed: of the random numbers; the masks and boxes do not depend on ``contrast``.

    Returns:
        Images with pixels in [0, 1], shape (n, 1, size, size); masks of 0.0 and 1.0 in the same shape; and boxes, shape
        (n, 4), the corners x1, y1, x2, y2 of the smallest box around each mask, in pixels from the upper left.

    Raises:
        TypeError: if ``contrast`` is no number.
        ValueError: if an argument is outside its range.

    Example:
        >>> images, masks, boxes = digit_scenes(20)
        >>> images.shape, masks.shape, boxes.shape
        (torch.Size([20, 1, 32, 32]), torch.Size([20, 1, 32, 32]), torch.Size([20, 4]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    _checks.number("contrast", contrast, "(0, 1]")
    if not 24 <= size <= 300:
        raise ValueError(f"size must be between 24 and 300, got {size}")
    digits, _ = _part(part)
    rng = _rng(seed)
    scenes, inks = np.empty((n, size, size)), np.zeros((n, size, size))
    for scene, ink in zip(scenes, inks, strict=True):
        scene[:] = _piece(rng, size, part)
        height, width = rng.integers(size // 4, 7 * size // 16 + 1, size=2)
        row, column = rng.integers(size - height + 1), rng.integers(size - width + 1)
        digit = torch.from_numpy(rng.choice(digits))[None, None]
        stretched = interpolate(digit, (int(height), int(width)), mode="bilinear", align_corners=False)
        ink[row : row + height, column : column + width] = stretched[0, 0].numpy()
    images, masks = scenes + contrast * inks * (1 - scenes), inks > 0.5
    return Scenes(_tensor(images)[:, None], _tensor(masks)[:, None], _boxes(masks))


def digit_clouds(
    n: int = 100, *, points: int = 100, part: str = "train", seed: int = 0
) -> tuple[Tensor, Tensor]:
    r"""Handwritten digits as clouds of points, drawn from the ink.

    A point falls into a pixel with a probability in proportion to its ink, and is uniform inside it. The image is the
    unit square with y upwards. The digits are scikit-learn's, in random order: its first 1,200 images for "train", the
    other 597 for "test".

    Args:
        n: how many clouds, at most as many as there are images.
        points: how many points a cloud has, at least 1.
        part: whose digits, "train" or "test".
        seed: of the random numbers.

    Returns:
        Points in [0, 1], shape (n, points, 2), and digits, shape (n,).

    Raises:
        ValueError: if an argument is outside its range.

    Example:
        >>> clouds, labels = digit_clouds(5, points=50)
        >>> clouds.shape, labels.shape
        (torch.Size([5, 50, 2]), torch.Size([5]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    digits, labels = _part(part)
    if not 0 <= n <= len(digits) or points < 1:
        got = f"{n} and {points}"
        raise ValueError(f"n and points must be between 0 and {len(digits)}, and at least 1, got {got}")
    rng = _rng(seed)
    shown = rng.permutation(len(digits))[:n]
    clouds = np.empty((n, points, 2))
    for cloud, ink in zip(clouds, digits[shown], strict=True):
        row, column = np.divmod(rng.choice(64, points, p=ink.ravel() / ink.sum()), 8)
        cloud[:] = (np.stack([column, 7 - row], axis=1) + rng.random((points, 2))) / 8
    return _tensor(clouds), _tensor(labels[shown])


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
        TypeError: if ``n`` or ``seed`` is no integer.
        ValueError: if one is below 0, or ``part`` is neither.

    Example:
        >>> lines = digit_lines(2)
        >>> lines.images.shape, lines.labels.shape, lines.columns.shape
        (torch.Size([2, 8, 48]), torch.Size([2, 5]), torch.Size([2, 48]))

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    n = _checks.integer("n", n, "[0, inf)")
    if part not in {"train", "test"}:
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    digits, digit_labels = (array[:1200] if part == "train" else array[1200:] for array in _digits())
    rng = _rng(seed)
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
        TypeError: if ``n``, ``modes`` or ``seed`` is no integer or ``spread`` no number.
        ValueError: if ``n``, ``seed`` or ``spread`` is below 0 or ``modes`` below 1.

    Example:
        >>> points, centres = ring(4, modes=4, spread=0.0)
        >>> bool(torch.cdist(points, centres).amin(1).max() == 0)
        True
    """
    n, modes = _checks.integer("n", n, "[0, inf)"), _checks.integer("modes", modes, "[1, inf)")
    _checks.number("spread", spread, "[0, inf)")
    rng = _rng(seed)
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


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(_checks.integer("seed", seed, "[0, inf)"))


def _piece(rng: np.random.Generator, size: int, part: str) -> np.ndarray:
    photo = _photos()[rng.integers(2)]
    half = photo.shape[1] // 2
    row, column = rng.integers(photo.shape[0] - size + 1), rng.integers(half - size + 1)
    column += 0 if part == "train" else half
    piece = photo[row : row + size, column : column + size]
    return piece[:, ::-1] if rng.integers(2) else piece


def _boxes(masks: np.ndarray) -> Tensor:
    boxes = np.empty((len(masks), 4))
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return _tensor(boxes)


@cache
def _photos() -> list[np.ndarray]:
    return [photo.mean(axis=2) / 255 for photo in load_sample_images().images]


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
