"""Judges of the chapter on boxes."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.geometry import giou_loss


def write_giou(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Judge a GIoU loss of boxes (N, 4) that gives one number for each pair.

    Args:
        answer: takes ``boxes1`` and ``boxes2``.

    Returns:
        A sentence that says what is right, or what fails first.

    Example:
        >>> write_giou(lambda boxes1, boxes2: (boxes1 - boxes2).abs().sum(1))[:12]
        'wrong value:'
    """
    side = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    goal = torch.tensor([1.0, 2.0, 4.0, 4.0])
    boxes = {
        "they meet": [2.0, 1.5, 6.0, 3.0],
        "apart sideways": [5.0, 2.5, 6.0, 3.0],
        "apart both ways": [6.0, 6.0, 8.0, 9.0],
        "inside": [1.5, 2.5, 3.0, 3.5],
    }
    ordinary = [{"boxes1": torch.tensor([box]), "boxes2": goal[None]} for box in boxes.values()]
    ordinary.append({"boxes1": torch.tensor(list(boxes.values())), "boxes2": goal.expand(4, 4)})
    tiny = [{"boxes1": 1e-4 * side, "boxes2": 1e-4 * torch.tensor([[0.0, 0.0, 1.0, 2.0]])}]

    def reference(boxes1: Tensor, boxes2: Tensor) -> Tensor:
        return giou_loss(boxes1, boxes2, reduction="none")

    return judge(answer, reference, ordinary, tiny, slopes=["boxes1"])


def turned_boxes(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Judge the squared Wasserstein distance between the Gaussians of turned boxes (N, 5), one for each pair.

    Args:
        answer: takes ``boxes1`` and ``boxes2``, rows (x, y, width, height, angle in radians).

    Returns:
        A sentence that says what is right, or what fails first.

    Example:
        >>> turned_boxes(lambda boxes1, boxes2: (boxes1 - boxes2).square().sum(1))[:12]
        'wrong value:'
    """
    first = torch.tensor([[0.0, 1.0, 4.0, 2.0, 0.3], [2.0, 2.0, 6.0, 1.0, -0.7], [0.0, 0.0, 3.0, 2.0, 0.0]])
    second = torch.tensor([[1.0, -1.0, 3.0, 5.0, 1.0], [2.0, 2.0, 6.0, 1.0, 0.9], [50.0, 0.0, 1.0, 2.0, 1.5]])
    pairs = [{"boxes1": first[i : i + 1], "boxes2": second[i : i + 1]} for i in range(3)]
    return judge(answer, _gaussian_distance, [*pairs, {"boxes1": first, "boxes2": second}], slopes=["boxes1"])


def _gaussian_distance(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    # tr(AB) needs only the angle between the two boxes.
    (w1, h1), (w2, h2) = ((boxes[:, 2:4] / 2).square().T for boxes in (boxes1, boxes2))
    between = (boxes1[:, 4] - boxes2[:, 4]).cos().square()
    product = between * (w1 * w2 + h1 * h2) + (1 - between) * (w1 * h2 + h1 * w2)
    root = (product + 2 * (w1 * h1 * w2 * h2).sqrt()).sqrt()
    distance: Tensor = (boxes1[:, :2] - boxes2[:, :2]).square().sum(1) + w1 + h1 + w2 + h2 - 2 * root
    return distance
