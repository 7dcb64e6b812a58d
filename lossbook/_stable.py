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
            if any(isinstance(c, Tensor) and c.requires_grad for c in constants):  # the slope is that in z alone
                return plain(z, *constants)
            value: Tensor = _WithSlope.apply(z, plain, value_and_slope, *constants)[0]  # type: ignore[no-untyped-call]
            return value

        return fast

    return decorate


class _WithSlope(torch.autograd.Function):
    @staticmethod
    def forward(z: Tensor, _: Terms, value_and_slope: ValueAndSlope, *constants: Any) -> tuple[Tensor, Tensor]:
        return value_and_slope(z, *constants)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        (z, ctx.plain, _, *constants), (_, slope) = inputs, output
        ctx.constants = [Tensor if isinstance(c, Tensor) else c for c in constants]  # a place to put it back
        ctx.save_for_backward(z, slope, *[c for c in constants if isinstance(c, Tensor)])
        ctx.set_materialize_grads(False)  # no zeros for what is not given out

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        z, slope, *tensors = ctx.saved_tensors
        none = [None] * (2 + len(ctx.constants))
        if grad is None or not torch.is_grad_enabled():
            return None if grad is None else grad * slope, *none
        constants = [tensors.pop(0) if c is Tensor else c for c in ctx.constants]
        return torch.func.vjp(lambda z: ctx.plain(z, *constants), z)[1](grad)[0], *none


def log_odds_against(logits: Tensor, target: Tensor) -> Tensor:
    """Return r = log of the sum over j ≠ y of exp(z_j - z_y), for logits (N, K, …) and integer y (N, …)."""
    r: Tensor = _LogOddsAgainst.apply(logits, target)[0]  # type: ignore[no-untyped-call]
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
    def forward(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, p, digits = target.unsqueeze(1), logits.softmax(1), torch.finfo(logits.dtype)
        lead, p_top = logits.amax(1, keepdim=True) - logits.gather(1, y), p.amax(1, keepdim=True)
        p = p.scatter_(1, y, 0)
        rest = p.sum(1, keepdim=True)  # 1 - p_y, by a sum: no digit of it is lost
        r = lead.add_((rest / p_top).log_()).clamp_(min=math.log(digits.tiny * digits.eps))  # there exp(r) is 0
        return r.squeeze(1), p, rest

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.set_materialize_grads(False)  # no zeros for what is not given out

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, None]:
        logits, target, p, rest = ctx.saved_tensors
        if grad is None:
            return None, None
        if torch.is_grad_enabled():  # it will be differentiated once more
            return torch.func.vjp(lambda z: plain_log_odds_against(z, target), logits)[1](grad)[0], None
        up = grad.unsqueeze(1)
        each = (up / rest).nan_to_num_()  # rest is 0 where all p have underflowed, and whatever times p is 0
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
