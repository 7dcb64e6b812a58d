"""Cross-entropy of a linear layer: value and gradients of some examples at a time, so that no large matrix is kept."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook._fast import Plain, _only_the_plain_form_will_do, classes


def can_be_chunked(features: Tensor, weight: Tensor) -> bool:
    """Return whether no transform of torch.func and no forward mode is at work, which need the plain form."""
    return not (_only_the_plain_form_will_do(features) or _only_the_plain_form_will_do(weight))


def linear_cross_entropy(
    features: Tensor, weight: Tensor, target: Tensor, keep: Tensor, chunk: int, plain: Plain
) -> Tensor:
    """Return the sum of the losses of what to keep, which ``plain`` works out from all logits at once."""
    wanted = [torch.is_grad_enabled() and part.requires_grad for part in (features, weight)]
    total: Tensor = _InChunks.apply(features, weight, target, keep, chunk, plain, wanted)  # type: ignore[no-untyped-call]
    return total


def value_and_gradients(
    features: Tensor, weight: Tensor, target: Tensor, keep: Tensor, chunk: int, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of the losses and its derivatives by features and by weight, 0 where they are not wanted."""
    total = features.new_zeros(())
    by_features, by_weight = features.new_zeros(features.shape), weight.new_zeros(weight.shape)
    for start in range(0, len(features), chunk):
        piece = slice(start, start + chunk)
        x = features[piece]  # 0 where an example is left out, so that it moves no weight
        logits = x @ weight.T
        r, p, rest, y = classes.log_odds(logits, target[piece])
        total -= (logsigmoid(-r) * keep[piece]).sum()
        slope = p.scatter_(1, y, -rest)  # p less 1 for the true class
        if wanted[0]:
            by_features[piece] = slope @ weight
        if wanted[1]:
            by_weight.addmm_(slope.T, x)
        del logits, p, slope  # before the next are made
    return total, by_features, by_weight


class _InChunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, target: Tensor, keep: Tensor, *options: Any) -> Tensor:
        chunk, ctx.plain, wanted = options
        total, *slopes = value_and_gradients(features, weight, target, keep, chunk, wanted)
        ctx.save_for_backward(features, weight, target, keep, *slopes)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, target, keep, *slopes = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated once more
            slopes = torch.func.vjp(lambda x, w: ctx.plain(x, w, target, keep), features, weight)[1](grad)
        else:
            slopes = [grad * slope for slope in slopes]
        return *slopes, None, None, None, None, None
