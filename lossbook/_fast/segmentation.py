"""The counts of a mask and their derivative, in two buffers of the mask's size."""

import torch
from torch import Tensor


def overlap(z: Tensor, t: Tensor) -> tuple[Tensor, ...]:
    """Return TP, FP and FN of each row, and what their derivative needs."""
    wrong = torch.rsub(t, 1, alpha=2).mul_(z).sigmoid_()  # the probability of the other answer, from (1 - 2t) z
    missed = (wrong * t).sum(1)  # not a product of matrices, which autocast would round to bfloat16
    return torch.stack([t.sum(1) - missed, wrong.sum(1) - missed, missed], 1), wrong, t


def overlap_backward(grad: Tensor, wrong: Tensor, t: Tensor) -> Tensor:
    """Return the gradient of z, by which p grows by p (1 - p): FP where t is 0, else TP at the cost of FN."""
    by_tp, by_fp, by_fn = grad.unsqueeze(2).unbind(1)
    slope = (t * (by_tp - by_fn - by_fp)).add_(by_fp)  # addcmul would take the numbers of a row one by one
    slope.mul_(wrong)
    return slope.addcmul_(slope, wrong, value=-1)
