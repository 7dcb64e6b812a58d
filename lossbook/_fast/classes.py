"""Values and derivatives of what sees all classes of an example at once."""

import math

import torch
from torch import Tensor


def log_odds(logits: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    """Return r, and what its derivative needs: p without that of the true class y, their sum, and y."""
    y, digits = target.unsqueeze(1), torch.finfo(logits.dtype)
    p = logits.softmax(1)
    lead = logits.amax(1, keepdim=True) - logits.gather(1, y)
    p_top = p.amax(1, keepdim=True)
    p.scatter_(1, y, 0)
    rest = p.sum(1, keepdim=True)  # 1 - p_y, by a sum: no digit of it is lost
    r = (rest / p_top).log_().add_(lead)
    r.clamp_(min=math.log(digits.tiny * digits.eps))  # there exp(r) is 0
    return r.squeeze(1), p, rest, y


def log_odds_backward(grad: Tensor, p: Tensor, rest: Tensor, y: Tensor) -> Tensor:
    """Return grad times the derivative of r, which is p_j / rest for the other classes and -1 for y."""
    up = grad.unsqueeze(1)
    each = (up / rest).nan_to_num_()  # rest is 0 where all p have underflowed, and whatever times p is 0
    return (p * each).scatter_(1, y, -up)
