"""Values and derivatives of losses over sequences."""

import torch
from torch import Tensor


def ctc(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> tuple[Tensor, Tensor]:
    """Return minus the log-probabilities of the targets and their slopes, by torch's kernel.

    Its gradient is meant for the logits below a softmax: p less the posterior probability of the labels. Without p it
    is the derivative by log p, which has no value in what cannot happen: there the posterior is 0.
    """
    lengths = input_lengths, target_lengths
    value, alpha = torch._ctc_loss(log_probs, targets, *lengths, blank, False)
    one = torch.ones_like(value)
    slope = torch.ops.aten._ctc_loss_backward(one, log_probs, targets, *lengths, value, alpha, blank, False)
    slope.sub_(log_probs.exp())
    slope.nan_to_num_(nan=0.0)
    frames = torch.arange(len(log_probs), device=log_probs.device).unsqueeze(1) < input_lengths
    return value, slope.mul_(frames.unsqueeze(2))


def ctc_backward(grad: Tensor, slope: Tensor) -> Tensor:
    """Return the slopes, those of each sequence times its ``grad``."""
    return grad.unsqueeze(1) * slope
