"""The data sets of Part V: made from a seed and from what scikit-learn ships, with nothing to download.

Everything comes as tensors, numbers in float32 and classes in int64. The same seed gives the same set; random numbers
are NumPy's, whose streams do not change from version to version.
"""

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
    rng = np.random.default_rng(seed)
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
    rng = np.random.default_rng(seed)
    shown = rng.permutation(len(digits))[:n]
    clouds = np.empty((n, points, 2))
    for cloud, ink in zip(clouds, digits[shown], strict=True):
        row, column = np.divmod(rng.choice(64, points, p=ink.ravel() / ink.sum()), 8)
        cloud[:] = (np.stack([column, 7 - row], axis=1) + rng.random((points, 2))) / 8
    return _tensor(clouds), _tensor(labels[shown])


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
