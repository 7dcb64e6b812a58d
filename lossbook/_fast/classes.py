"""Values and derivatives of what sees all classes of an example at once."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook._fast import in_pieces


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
    return _none_where_left_out(up, p * each).scatter_(1, y, -up)


@in_pieces
def soft_cross_entropy(logits: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Return minus the sum of factor times log p over the classes, and its slope, p times their sum less factor."""
    top = logits.argmax(1, keepdim=True)
    lead = logits.gather(1, top)
    log_p = (logits - lead).scatter_(1, top, 0)
    log_p.sub_(log_p.exp().scatter_(1, top, 0).sum(1, keepdim=True).log1p_())
    terms = (factor * log_p).nan_to_num_(nan=0, neginf=-torch.inf)  # 0 log 0 is 0
    value = terms.sum(1).neg_().add_(lead.squeeze(1), alpha=0)  # what is NaN in the logits is NaN here
    slope = log_p.exp_().mul_(factor.sum(1, keepdim=True)).sub_(factor)
    return value, slope


def by_class(grad: Tensor, slope: Tensor) -> Tensor:
    """Return the gradient of a loss of each example, (N, …), whose slope is (N, K, …)."""
    up = grad.unsqueeze(1)
    return _none_where_left_out(up, up * slope)


def _none_where_left_out(up: Tensor, gradient: Tensor) -> Tensor:
    # 0 times NaN is NaN. What is not compiled has 0 for the logits of an example that is left out, and no NaN here.
    return torch.where(up == 0, 0, gradient) if torch.compiler.is_compiling() else gradient


@in_pieces
def softmax_asymmetric(
    logits: Tensor, target: Tensor, gamma_pos: float, gamma_neg: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Return value and slope, in two parts: the true class, by way of its log-odds r, and all others."""
    r, p, rest, y = log_odds(logits, target)
    share = epsilon / logits.shape[1]
    true, true_by_r = _true_class(r, gamma_pos)
    others, others_by_log_p = _other_classes(logits, y, gamma_neg)
    value = (1 - epsilon + share) * true + share * others.sum(1)

    # A loss that changes by g_j with log p_j changes by g_j - p_j (the sum of g) with z_j.
    g = others_by_log_p.mul_(share)
    total = g.sum(1, keepdim=True)
    h = (1 - epsilon + share) * true_by_r.unsqueeze(1)
    slope = p.mul_((h / rest).nan_to_num_().sub_(total)).add_(g)
    return value, slope.scatter_(1, y, -h - total * torch.sigmoid(-r).unsqueeze(1))


def _true_class(r: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return -(1 - p)^γ log p, and its derivative by r = log((1 - p) / p), (1 - p)^γ (1 - p - γ p log p)."""
    log_p, modulation = logsigmoid(-r), torch.exp(gamma * logsigmoid(r))
    return -modulation * log_p, modulation * (torch.sigmoid(r) - gamma * torch.sigmoid(-r) * log_p)


def _other_classes(logits: Tensor, y: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return -p_j^γ log p_j, and its derivative by log p_j, -p_j^γ (γ log p_j + 1), for all classes but y."""
    log_p = logits.log_softmax(1)
    p_to_gamma = log_p.mul(gamma).nan_to_num_(nan=0, neginf=-torch.inf).exp_().scatter_(1, y, 0)
    value = log_p.mul_(p_to_gamma).nan_to_num_(nan=0, neginf=-torch.inf).neg_()  # 0 log 0 is 0
    slope = p_to_gamma.neg_() if gamma == 0 else (gamma * value).sub_(p_to_gamma)
    return value, slope
