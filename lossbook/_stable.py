"""The numerical identities that several losses share.

Everything rests on one quantity, the log-odds against the true class, r = log((1 - p_t) / p_t). From it
both logarithms follow without a subtraction: log p_t = logsigmoid(-r) and log(1 - p_t) = logsigmoid(r).
For a single logit z with target 0 or 1, r = (1 - 2 target) z. For K classes it is computed here.
"""

import torch
from torch import Tensor

from lossbook._fast import classes, with_backward


def above_half(value: Tensor) -> Tensor:
    """Return float32 and float64 unchanged, and anything narrower, such as bfloat16, as float32."""
    return value if value.dtype in {torch.float32, torch.float64} else value.float()


def plain_log_odds_against(logits: Tensor, target: Tensor) -> Tensor:
    """Return r = log of the sum over j ≠ y of exp(z_j - z_y), for logits (N, K, …) and integer y (N, …)."""
    y = target.unsqueeze(1)
    others = logits.scatter(1, y, -torch.inf)
    top = others.amax(1, keepdim=True).detach().clamp(min=torch.finfo(logits.dtype).min)
    # The largest logit is taken out before exp, z_y after log: no digit of a difference is lost at |z| = 1e4.
    total = (others - top).exp().sum(1, keepdim=True)
    # It is at least exp(0) = 1, or 0 where all other logits are -inf. (At a bound, torch 2.14's clamp has no slope.)
    r = torch.where(total < 1, 1, total).log() + (top - logits.gather(1, y))
    return r.squeeze(1)


log_odds_against = with_backward(classes.log_odds, classes.log_odds_backward)(plain_log_odds_against)


def log_softmax(logits: Tensor) -> Tensor:
    """Return log p over dimension 1, exact also where p is nearly 1: there torch's keeps 7 digits of p, not of log p.

    With z_m the largest logit, log p_j = (z_j - z_m) - log(1 + the sum over k ≠ m of exp(z_k - z_m)): two terms
    of one sign, and no 1 among those that are summed.
    """
    top = logits.argmax(1, keepdim=True)
    below = (logits - logits.gather(1, top)).scatter(1, top, 0)
    return below - below.exp().scatter(1, top, 0).sum(1, keepdim=True).log1p()


def times_log(factor: Tensor, log_p: Tensor) -> Tensor:
    """Return ``factor`` times ``log_p``, and 0 where both the factor and p are 0: x log x goes to 0 with x."""
    return factor * log_p.masked_fill((factor == 0) & log_p.isneginf(), 0)


@with_backward(classes.soft_cross_entropy, classes.by_class)
def soft_cross_entropy(logits: Tensor, factor: Tensor) -> Tensor:
    """Return minus the sum over the classes of ``factor`` times log p, both (N, K, …)."""
    return -times_log(factor, log_softmax(logits)).sum(1)


def per_class(values: Tensor, logits: Tensor) -> Tensor:
    """Return ``values`` (K,) in the dtype of ``logits`` (N, K, …), shaped to multiply them class by class."""
    return values.to(logits.dtype).view(-1, *[1] * (logits.ndim - 2))


def centred(logits: Tensor) -> Tensor:
    """Return the logits less the largest of each example, so that what is added next is not lost in rounding.

    A loss that sees only differences of logits has the same gradient with and without, hence the detach.
    """
    return logits - logits.amax(1, keepdim=True).detach()


def quotient(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole for 0 ≤ part ≤ whole, and 0 without gradient where both are 0."""
    nothing = whole < torch.finfo(whole.dtype).tiny
    return torch.where(nothing, 0, part / torch.where(nothing, 1, whole))
