"""The numerical identities that several losses share.

Everything rests on one quantity, the log-odds against the true class, r = log((1 - p_t) / p_t). From it
both logarithms follow without a subtraction: log p_t = logsigmoid(-r) and log(1 - p_t) = logsigmoid(r).
For a single logit z with target 0 or 1, r = (1 - 2 target) z. For K classes it is computed here.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def above_half(value: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32, anything wider unchanged."""
    return value.float() if value.dtype in {torch.float16, torch.bfloat16} else value


Terms = Callable[..., Tensor]
ValueAndSlope = Callable[..., tuple[Tensor, Tensor]]


def with_slope(value_and_slope: ValueAndSlope) -> Callable[[Terms], Terms]:
    """Decorate a plain elementwise function of z and constants with a faster one that knows its derivative.

    What the plain function says remains what holds: it is differentiated where a second derivative is wanted, and
    the tests hold the two equal. It stays at hand as ``__wrapped__``.
    """

    def decorate(plain: Terms) -> Terms:
        @functools.wraps(plain)
        def fast(z: Tensor, *constants: Any) -> Tensor:
            value: Tensor = _WithSlope.apply(z, plain, value_and_slope, constants)  # type: ignore[no-untyped-call]
            return value

        return fast

    return decorate


class _WithSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, plain: Terms, value_and_slope: ValueAndSlope, constants: Any) -> Tensor:
        value, slope = value_and_slope(z, *constants)
        ctx.save_for_backward(z, slope)
        ctx.plain, ctx.constants = plain, constants
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        z, slope = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return grad * slope, None, None, None
        value = ctx.plain(z, *ctx.constants)
        return torch.autograd.grad(value, z, grad, create_graph=True)[0], None, None, None


def log_odds_against(logits: Tensor, target: Tensor) -> Tensor:
    """Return r = log of the sum over j ≠ y of exp(z_j - z_y), for logits (N, K, …) and integer y (N, …)."""
    r: Tensor = _LogOddsAgainst.apply(logits, target)  # type: ignore[no-untyped-call]
    return r


def plain_log_odds_against(logits: Tensor, target: Tensor) -> Tensor:
    """Return what ``log_odds_against`` returns, with its gradient by autograd: this is the one to read."""
    y = target.unsqueeze(1)
    others = logits.scatter(1, y, -torch.inf)
    top = others.amax(1, keepdim=True).detach()
    # The largest logit is taken out before exp, z_y after log: no digit of a difference is lost at |z| = 1e4.
    r = (others - top).exp().sum(1, keepdim=True).log() + (top - logits.gather(1, y))
    return r.squeeze(1)


class _LogOddsAgainst(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        y, p, digits = target.unsqueeze(1), logits.softmax(1), torch.finfo(logits.dtype)
        lead, p_top = logits.amax(1, keepdim=True) - logits.gather(1, y), p.amax(1, keepdim=True)
        rest = p.scatter_(1, y, 0).sum(1, keepdim=True)  # 1 - p_y, by a sum: no digit of it is lost
        r = lead.add_((rest / p_top).log_()).clamp_(min=math.log(digits.tiny * digits.eps))  # there exp(r) is 0
        ctx.save_for_backward(logits, target, p, rest)
        return r.squeeze(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        logits, target, p, rest = ctx.saved_tensors
        if torch.is_grad_enabled():  # it will be differentiated once more
            r = plain_log_odds_against(logits, target)
            return torch.autograd.grad(r, logits, grad, create_graph=True)[0], None
        up = grad.unsqueeze(1)
        each = (up / rest).nan_to_num_(0, 0, 0)  # rest is 0 where all of its terms have underflowed
        return (p * each).scatter_(1, target.unsqueeze(1), -up), None


def log_softmax(logits: Tensor) -> Tensor:
    """Return log p over dimension 1, exact also where p is nearly 1: there torch's keeps 7 digits of p, not of log p.

    With z_m the largest logit, log p_j = (z_j - z_m) - log(1 + the sum over k ≠ m of exp(z_k - z_m)): two terms
    of one sign, and no 1 among those that are summed.
    """
    top = logits.argmax(1, keepdim=True)
    below = (logits - logits.gather(1, top)).scatter(1, top, 0)
    return below - below.exp().scatter(1, top, 0).sum(1, keepdim=True).log1p()


def per_class(values: Tensor, logits: Tensor) -> Tensor:
    """Return ``values`` (K,) in the dtype of ``logits`` (N, K, …), shaped to multiply them class by class."""
    return values.to(logits.dtype).view(-1, *[1] * (logits.ndim - 2))


def centred(logits: Tensor) -> Tensor:
    """Return the logits less the largest of each example, so that what is added next is not lost in rounding.

    A loss that sees only differences of logits has the same gradient with and without, hence the detach.
    """
    return logits - logits.amax(1, keepdim=True).detach()
