"""The data sets of the chapters: made from a seed, or shipped with scikit-learn. One may be downloaded.

Everything comes as tensors: numbers in float32, classes in int64, marks of presence (0.0 or 1.0) in float32. The
same seed gives the same set; random numbers are NumPy's, whose streams do not change from version to version.
"""

import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from lossbook import _checks
from lossbook.scenes import (  # the data sets of Part V have a module of their own
    DigitLines as DigitLines,
    Scenes as Scenes,
    Walk as Walk,
    cliff_walk as cliff_walk,
    digit_clouds as digit_clouds,
    digit_lines as digit_lines,
    digit_lists as digit_lists,
    digit_scenes as digit_scenes,
    placed_digits as placed_digits,
    ring as ring,
)


class Split(NamedTuple):
    """A data set in three parts; unpack it or use the names."""

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor


def line_with_outliers(
    n: int = 1000,
    *,
    slope: float = 3.3,
    intercept: float = 5.3,
    noise: float = 1.0,
    outliers: float = 0.0,
    stuck_at: float = 60.0,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Points along a line, some of them read from an instrument that is stuck.

    :math:`y = \text{slope} \cdot x + \text{intercept}` plus normal noise, for x uniform on [-5, 5]; a share
    ``outliers`` reads ``stuck_at`` plus noise instead, whatever x is.

    Args:
        n: how many points.
        slope: of the line.
        intercept: of the line.
        noise: standard deviation of the noise, at least 0.
        outliers: share of gross errors, in [0, 1]: exactly that share of the points, rounded.
        stuck_at: what the broken instrument reads.
        seed: of the random numbers; x and the noise do not depend on the share of outliers.

    Returns:
        x and y, each of shape (n,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if ``outliers`` is outside [0, 1], ``noise`` below 0, or a number not finite.

    Example:
        >>> x, y = line_with_outliers(100, noise=0.0, outliers=0.05)
        >>> int((y == 60).sum())
        5
    """
    outliers = _checks.number("outliers", outliers, "[0, 1]")
    noise = _checks.number("noise", noise, "[0, inf)")
    slope, intercept = _checks.number("slope", slope), _checks.number("intercept", intercept)
    stuck_at = _checks.number("stuck_at", stuck_at)
    n, rng = _checks.integer("n", n, "[0, inf)"), _rng(seed)
    x, e = rng.uniform(-5, 5, n), noise * rng.standard_normal(n)
    stuck = rng.permutation(n) < round(outliers * n)
    y = np.where(stuck, stuck_at, slope * x + intercept) + e
    return _tensor(x), _tensor(y)


def widening_noise(n: int = 1000, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    r"""Points along a line whose noise grows with x: every quantile of y is a line of its own.

    .. math:: y = 2 + x + (0.2 + 0.3 x)\, \varepsilon, \qquad x \sim U[0, 10], \quad \varepsilon \sim N(0, 1)

    Args:
        n: how many points.
        seed: of the random numbers.

    Returns:
        x and y, each of shape (n,).

    Raises:
        TypeError: if ``n`` or ``seed`` is no integer.
        ValueError: if one is below 0.

    Example:
        >>> x, y = widening_noise(3)
        >>> x.shape, y.shape
        (torch.Size([3]), torch.Size([3]))
    """
    n, rng = _checks.integer("n", n, "[0, inf)"), _rng(seed)
    x = rng.uniform(0, 10, n)
    return _tensor(x), _tensor(2 + x + (0.2 + 0.3 * x) * rng.standard_normal(n))


def two_class_images(
    counts: Sequence[int] = (1341, 3875), *, size: int = 16, contrast: float = 1.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    r"""Grey images in two classes of unequal size: with and without a bright, blurred spot.

    Every image is noise, smooth over neighbouring pixels; those of class 1 have a round spot of random place and
    width. The default counts are those of a well-known training set of chest X-rays (normal, pneumonia).

    Args:
        counts: images of class 0 and of class 1.
        size: height and width in pixels.
        contrast: brightness of the spot in standard deviations of the noise, at least 0, where the classes are equal.
        seed: of the random numbers.

    Returns:
        Images, shape (N, 1, size, size), in random order, and classes, shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if ``contrast`` or a count is below 0, there are not two counts, or ``size`` is below 1.

    Example:
        >>> images, classes = two_class_images((3, 5), size=8)
        >>> images.shape, classes.bincount()
        (torch.Size([8, 1, 8, 8]), tensor([3, 5]))

    References:
        Kermany, Goldbaum and others, 2018, Cell 172(5), for the counts, as distributed in training and test sets.
    """
    contrast, size = _checks.number("contrast", contrast, "[0, inf)"), _checks.integer("size", size, "[1, inf)")
    if len(counts) != 2:
        raise ValueError(f"counts must be one number for each of two classes, got {len(counts)}")
    few, many = (_checks.integer("each of counts", count, "[0, inf)") for count in counts)
    rng = _rng(seed)
    labels = rng.permutation(np.repeat([0, 1], (few, many)))
    row, column = rng.uniform(0.2 * size, 0.8 * size, (2, few + many, 1))
    width = rng.uniform(0.1 * size, 0.2 * size, (few + many, 1))
    down, across = _bell(row, width, size), _bell(column, width, size)
    spots = contrast * labels[:, None, None] * down[:, :, None] * across[:, None, :]
    noise = rng.standard_normal((few + many, size + 1, size + 1))
    smooth = (noise[:, 1:, 1:] + noise[:, :-1, 1:] + noise[:, 1:, :-1] + noise[:, :-1, :-1]) / 2
    return _tensor(smooth + spots)[:, None], _tensor(labels)


def _bell(middle: np.ndarray, width: np.ndarray, size: int) -> np.ndarray:
    # One curve for each image, over its ``size`` rows or columns.
    bell: np.ndarray = np.exp(-(((np.arange(size) - middle) / width) ** 2) / 2)
    return bell


class MultiLabel(NamedTuple):
    """Images, the labels one is told, and the labels that are true."""

    images: Tensor
    labels: Tensor
    truth: Tensor


def multi_label_images(
    n: int = 2000,
    *,
    labels: int = 80,
    present: float = 3.0,
    ratio: float = 20.0,
    missing: float = 0.0,
    noise: float = 1.0,
    size: int = 16,
    seed: int = 0,
) -> MultiLabel:
    r"""Images that show a few of many things at once, with an annotator who forgets some of them.

    Each label has a fixed random pattern, the same for every ``seed``; an image is the sum of the patterns that
    are present, plus noise. Labels come independently of one another, some more often than others, and every image
    has at least one.

    Args:
        n: how many images.
        labels: how many labels there are.
        present: labels that an image has on average, before the images without any are given one.
        ratio: of how often the commonest label comes to how often the rarest does, at least 1.
        missing: share of the true labels that the annotator leaves out, in [0, 1].
        noise: standard deviation of the noise per pixel, at least 0; a pattern has standard deviation 1.
        size: height and width in pixels.
        seed: of which labels are present, of the noise, and of what is forgotten.

    Returns:
        Images, shape (n, 1, size, size), and two arrays of 0.0 and 1.0, shape (n, labels): what one is told, and
        the truth.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if ``missing`` is outside [0, 1], ``ratio`` below 1, ``noise`` below 0, or a label would come in
            every image.

    Example:
        >>> images, told, truth = multi_label_images(1000, missing=0.5)
        >>> images.shape, bool((told <= truth).all())
        (torch.Size([1000, 1, 16, 16]), True)
    """
    n, size = _checks.integer("n", n, "[0, inf)"), _checks.integer("size", size, "[1, inf)")
    labels = _checks.integer("labels", labels, "[2, inf)")
    share = np.array(long_tail(10**6, labels, ratio=ratio), dtype=float)
    share *= _checks.number("present", present, "(0, inf)") / share.sum()
    missing, noise = _checks.number("missing", missing, "[0, 1]"), _checks.number("noise", noise, "[0, inf)")
    if share.max() >= 1:
        raise ValueError(f"present must leave every label below 1 per image, got {share.max():.2f} for the first")
    patterns = np.random.default_rng(0).standard_normal((labels, size * size))
    rng = _rng(seed)
    truth = rng.random((n, labels)) < share
    one = rng.choice(labels, n, p=share / share.sum())
    truth[np.arange(n), one] |= ~truth.any(axis=1)
    told = truth & (rng.random((n, labels)) >= missing)
    images = truth @ patterns + noise * rng.standard_normal((n, size * size))
    return MultiLabel(_tensor(images).view(n, 1, size, size), _tensor(told), _tensor(truth))


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
        TypeError: if an argument has the wrong type.
        ValueError: if ``objects`` is not between 1 and ``boxes``, or ``lookalikes`` is outside [0, 1].

    Example:
        >>> x, y = dense_detections(2, boxes=10_000, objects=5)
        >>> x.shape, y.sum(dim=1)
        (torch.Size([2, 10000, 8]), tensor([5., 5.]))

    References:
        Lin, Goyal, Girshick, He and Dollár, 2017, ICCV, section 1, for the counts (arXiv:1708.02002).
    """
    n_images, boxes = _checks.integer("n_images", n_images, "[0, inf)"), _checks.integer("boxes", boxes, "[1, inf)")
    if not 1 <= _checks.integer("objects", objects) <= boxes:
        raise ValueError(f"objects must be between 1 and boxes {boxes}, got {objects}")
    lookalikes = _checks.number("lookalikes", lookalikes, "[0, 1]")
    separation, features = _checks.number("separation", separation), _checks.integer("features", features, "[1, inf)")
    rng = _rng(seed)
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
        TypeError: if ``largest`` or ``classes`` is no integer, or ``ratio`` no number.
        ValueError: if an argument is outside its range.

    Example:
        >>> long_tail(100, 3, ratio=100)
        [100, 10, 1]

    References:
        Cui, Jia, Lin, Song and Belongie, 2019, CVPR, section 5.1 (arXiv:1901.05555).
    """
    largest, classes = _checks.integer("largest", largest, "[1, inf)"), _checks.integer("classes", classes, "[2, inf)")
    ratio = _checks.number("ratio", ratio, "[1, inf)")
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
        TypeError: if ``ratio`` is no number, or ``seed`` no integer.
        ValueError: if ``ratio`` or ``seed`` is outside its range.

    Example:
        >>> digits = digits_split(ratio=100)
        >>> digits.y_train.bincount()
        tensor([104,  62,  37,  22,  13,   8,   5,   3,   2,   1])
        >>> digits.x_test.shape
        torch.Size([360, 64])

    References:
        Alpaydin and Kaynak, 1998, UCI Machine Learning Repository: Optical Recognition of Handwritten Digits.
    """
    parts = _split(*_digits(), seed)
    if _checks.number("ratio", ratio, "[1, inf)") != 1:
        smallest = np.bincount(parts[1]).min()
        kept = _keep(parts[1], long_tail(int(smallest), 10, ratio=ratio), seed)
        parts[:2] = parts[0][kept], parts[1][kept]
    return Split(*map(_tensor, parts))


def breast_cancer_split(*, seed: int = 0) -> Split:
    """Scikit-learn's breast-cancer measurements in stratified parts, standardised.

    569 tumours, 30 measurements of each: 60 % for training, 20 % for validation, 20 % for testing. Mean and
    standard deviation are those of the training part. Class 1 is malignant (scikit-learn has it the other way).

    Args:
        seed: of the split.

    Returns:
        The parts: measurements, shape (N, 30), and classes, shape (N,): 0 benign, 1 malignant.

    Raises:
        TypeError: if ``seed`` is no integer.
        ValueError: if ``seed`` is below 0 or above 2**32 - 1.

    Example:
        >>> tumours = breast_cancer_split()
        >>> tumours.x_train.shape, tumours.y_test.bincount()
        (torch.Size([341, 30]), tensor([72, 42]))

    References:
        Wolberg, Mangasarian, Street and Street, 1993, UCI Machine Learning Repository: Breast Cancer Wisconsin.
    """
    measured, benign = load_breast_cancer(return_X_y=True)
    parts = _split(measured, 1 - benign, seed)
    mean, deviation = parts[0].mean(axis=0), parts[0].std(axis=0)
    parts[::2] = [(part - mean) / deviation for part in parts[::2]]
    return Split(*map(_tensor, parts))


PNEUMONIA = {
    "url": "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
    "md5": "28209eda62fecd6e6a2d98b1501bb15f",
    "megabytes": "4",
}


def pneumonia_mnist(*, folder: str | Path | None = None) -> Split:
    """PneumoniaMNIST, real chest X-rays of children: downloaded once, checked, and kept.

    4,708, 524 and 624 images of 28 x 28 pixels. The file, 4 MB, comes from zenodo.org; its MD5 sum is compared
    with that of the release. A download that breaks off goes on where it stopped. No chapter needs it.

    Args:
        folder: where to keep the file; None is a folder for caches in the home directory.

    Returns:
        The parts: images with pixels in [0, 1], shape (N, 1, 28, 28), and classes, shape (N,): 0 normal, 1
        pneumonia.

    Raises:
        ConnectionError: if the file is not there and cannot be downloaded, with what to do about it.
        ValueError: if what came is not the file that was released.

    Example:
        >>> xrays = pneumonia_mnist()  # doctest: +SKIP
        >>> xrays.x_train.shape  # doctest: +SKIP
        torch.Size([4708, 1, 28, 28])

    References:
        Yang, Shi, Wei, Liu, Zhao, Ke, Pfister and Ni, 2023, Scientific Data 10, 41.
    """
    import pooch  # no chapter needs it, so a reader need not have it

    folder = Path(folder or pooch.os_cache("lossbook"))
    try:
        path = pooch.retrieve(
            PNEUMONIA["url"], f"md5:{PNEUMONIA['md5']}", "pneumoniamnist.npz", folder, downloader=_resume
        )
    except OSError as error:
        raise ConnectionError(
            f"cannot download {PNEUMONIA['url']} ({PNEUMONIA['megabytes']} MB): {error}. Run this again to go on "
            f"where it stopped, or fetch the file with a browser and put it into {folder} as pneumoniamnist.npz."
        ) from error
    with np.load(path) as file:
        parts = [file[f"{part}_{what}"] for part in ("train", "val", "test") for what in ("images", "labels")]
    parts[::2] = [images[:, None] / 255 for images in parts[::2]]
    parts[1::2] = [labels[:, 0] for labels in parts[1::2]]
    return Split(*map(_tensor, parts))


def _resume(url: str, output: str, _: object) -> None:
    # Into a file beside the output, which the next attempt goes on with.
    partial = Path(output).parent / "pneumoniamnist.part"
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            if answer.status == 200:  # the whole file, from a server that cannot send the rest alone
                done = 0
            expected = done + int(answer.headers["Content-Length"])
            with partial.open("ab" if done else "wb") as file:
                shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError:  # for instance that there is no such range: begin again next time
        partial.unlink(missing_ok=True)
        raise
    if partial.stat().st_size != expected:
        raise ConnectionError(f"{partial.stat().st_size} of {expected} bytes came")
    partial.replace(output)


@cache  # a chapter splits them for many seeds
def _digits() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return images / 16, labels


def _split(x: np.ndarray, y: np.ndarray, seed: int) -> list[np.ndarray]:
    seed = _checks.integer("seed", seed, f"[0, {2**32 - 1}]")  # what scikit-learn takes
    x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.4, stratify=y, random_state=seed)
    x_val, x_test, y_val, y_test = train_test_split(
        x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed
    )
    return [x_train, y_train, x_val, y_val, x_test, y_test]


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(_checks.integer("seed", seed, "[0, inf)"))


def _keep(labels: np.ndarray, sizes: Sequence[int], seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == k][:size] for k, size in enumerate(sizes)])


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.int64 if values.dtype.kind in "iu" else torch.float32)
