"""Judges for the exercises on masks."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.segmentation import dice_loss


def batch_dice(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in a Dice loss whose counts are those of a whole batch.

    Args:
        answer: maps logits and masks, both of shape (N, H, W), to one number.

    Returns:
        A sentence.

    Example:
        >>> batch_dice(lambda logits, target: dice_loss(logits, target))[:42]
        'wrong value: got [0.4044], wanted [0.3539]'
    """

    def reference(logits: Tensor, target: Tensor) -> Tensor:
        return dice_loss(logits.reshape(1, -1), target.reshape(1, -1))

    empty = {"logits": torch.full((1, 2, 2), -200.0), "target": torch.zeros(1, 2, 2)}
    return judge(answer, reference, [{"logits": _LOGITS, "target": _MASKS}], [empty], slopes=["logits"])


def boundary(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in a boundary loss: the mean of signed distance times probability.

    Args:
        answer: maps logits and masks, both of shape (N, H, W), each mask with both kinds of pixels, to one number.

    Returns:
        A sentence.

    Example:
        >>> boundary(lambda logits, target: logits.sigmoid().mean())[:43]
        'wrong value: got [0.5304], wanted [-0.3299]'
    """
    line = torch.zeros(1, 2, 6)
    line[0, :, 0] = 1
    long = {"logits": torch.linspace(-300, 300, 12).view(1, 2, 6), "target": line}
    return judge(answer, _boundary, [{"logits": _LOGITS, "target": _MASKS}], [long], slopes=["logits"])


_LOGITS = torch.tensor([[[1.0, -1.0, 0.5], [-2.0, 0.2, -0.4]], [[0.7, 2.0, -0.6], [1.5, -0.3, 0.1]]])
_MASKS = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]])


def _boundary(logits: Tensor, target: Tensor) -> Tensor:
    high, wide = target.shape[1:]
    places = torch.cartesian_prod(torch.arange(high), torch.arange(wide)).to(logits.dtype)
    t = target.flatten(1) > 0
    same = t[:, :, None] == t[:, None, :]
    nearest = torch.cdist(places, places).masked_fill(same, torch.inf).amin(2)
    return (torch.where(t, -nearest, nearest) * logits.flatten(1).sigmoid()).mean()
