"""The data sets of the chapters: made from a seed, or shipped with scikit-learn. None is downloaded.

Everything comes as float32 and int64 tensors. The same seed gives the same set; random numbers are NumPy's,
whose streams do not change from version to version.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor


class Split(NamedTuple):
    """A data set in three parts; unpack it or use the names."""

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor


def dense_detections(
    n_images: int = 4,
    *,
    boxes: int = 10_000,
    objects: int = 5,
    lookalikes: float = 0.01,
    separation: float = 5.0,
    features: int = 8,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Candidate boxes of a dense detector: very many of background, a handful of objects.

    The features of a background box are standard normal. Those of an object are normal around a point at
    distance ``separation`` from them. A share ``lookalikes`` of the background lies half-way, the hard
    negatives. A linear model can tell them apart well but not perfectly; the distance is spread over all
    features.

    Args:
        n_images: how many images.
        boxes: candidate boxes per image; real detectors have 10,000 to 100,000.
        objects: how many of them hold an object, at least 1.
        lookalikes: share of the background that resembles objects, in [0, 1].
        separation: distance between the centres of background and objects, in standard deviations.
        features: numbers that describe a box.
        seed: of the random numbers.

    Returns:
        The boxes, shape (n_images, boxes, features), and their labels, 1.0 for an object and 0.0 for
        background, shape (n_images, boxes). The objects stand at random places.

    Raises:
        ValueError: if ``objects`` is not between 1 and ``boxes``, or ``lookalikes`` is outside [0, 1].

    Example:
        >>> x, y = dense_detections(2, boxes=10_000, objects=5)
        >>> x.shape, y.sum(dim=1)
        (torch.Size([2, 10000, 8]), tensor([5., 5.]))

    References:
        Lin, Goyal, Girshick, He and Dollár, 2017, ICCV, section 1, for the counts (arXiv:1708.02002).
    """
    if not 1 <= objects <= boxes:
        raise ValueError(f"objects must be between 1 and boxes {boxes}, got {objects}")
    if not 0 <= lookalikes <= 1:
        raise ValueError(f"lookalikes must be in [0, 1], got {lookalikes}")
    rng = np.random.default_rng(seed)
    is_object = rng.random((n_images, boxes)).argsort(axis=1) < objects
    is_alike = rng.random((n_images, boxes)) < lookalikes
    # A centre at equal distance along every feature: separation in total.
    centre = separation * np.where(is_object, 1.0, np.where(is_alike, 0.5, 0.0)) / np.sqrt(features)
    x = rng.standard_normal((n_images, boxes, features)) + centre[..., None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(is_object, dtype=torch.float32)


def long_tail(largest: int, classes: int, *, ratio: float) -> list[int]:
    r"""Class sizes that fall geometrically from the first class to the last.

    With :math:`n` = ``largest``, :math:`K` = ``classes`` and :math:`\rho` = ``ratio``,

    .. math:: n_k = n\, \rho^{-k / (K - 1)}, \qquad k = 0, \dots, K - 1

    rounded, and never below 1.

    Args:
        largest: size of class 0, at least 1.
        classes: how many classes, at least 2.
        ratio: of the largest class to the smallest, at least 1.

    Returns:
        The size of each class.

    Raises:
        ValueError: if an argument is outside its range.

    Example:
        >>> long_tail(100, 3, ratio=100)
        [100, 10, 1]

    References:
        Cui, Jia, Lin, Song and Belongie, 2019, CVPR, section 5.1 (arXiv:1901.05555).
    """
    if largest < 1 or classes < 2 or ratio < 1:
        got = f"{largest}, {classes} and {ratio}"
        raise ValueError(f"largest, classes and ratio must be at least 1, 2 and 1, got {got}")
    return [max(1, round(largest * ratio ** (-k / (classes - 1)))) for k in range(classes)]


def digits_split(*, ratio: float = 1.0, seed: int = 0) -> Split:
    """Scikit-learn's handwritten digits in stratified parts, the training part long-tailed if you like.

    1,797 images of 8 x 8 pixels: 60 % for training, 20 % for validation, 20 % for testing, each with all ten
    digits about equally often. With ``ratio`` above 1 the training part alone loses images until digit 0 is
    ``ratio`` times as frequent as digit 9.

    Args:
        ratio: of the most frequent training class to the rarest, at least 1; 1 keeps every image.
        seed: of the split and of which images are dropped.

    Returns:
        The parts: images with pixels in [0, 1], shape (N, 64), and digits, shape (N,).

    Raises:
        ValueError: if ``ratio`` is below 1.

    Example:
        >>> digits = digits_split(ratio=100)
        >>> digits.y_train.bincount()
        tensor([104,  62,  37,  22,  13,   8,   5,   3,   2,   1])
        >>> digits.x_test.shape
        torch.Size([360, 64])

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    images, labels = load_digits(return_X_y=True)
    x_train, x_rest, y_train, y_rest = train_test_split(
        images / 16, labels, test_size=0.4, stratify=labels, random_state=seed
    )
    x_val, x_test, y_val, y_test = train_test_split(
        x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed
    )
    if ratio != 1:
        smallest = np.bincount(y_train).min()
        kept = _keep(y_train, long_tail(int(smallest), 10, ratio=ratio), seed)
        x_train, y_train = x_train[kept], y_train[kept]
    parts = [(x_train, y_train), (x_val, y_val), (x_test, y_test)]
    return Split(*(_tensor(part) for pair in parts for part in pair))


def _keep(labels: np.ndarray, sizes: Sequence[int], seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == k][:size] for k, size in enumerate(sizes)])


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.int64 if values.dtype.kind in "iu" else torch.float32)
