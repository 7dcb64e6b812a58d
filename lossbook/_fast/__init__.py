"""Derivatives written by hand, which make a loss faster or smaller; what it means stands in the modules of the losses.

There a loss is a plain expression, which torch differentiates by itself. Here it may have a twin that works out value
and derivative in one go, with fewer passes over memory. The plain form remains what holds. It stays at hand as
``__wrapped__``, takes over wherever more is asked for than the first derivative of a batch, and the tests hold the two
equal.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

Plain = Callable[..., Tensor]
Forward = Callable[..., tuple[Tensor, ...]]


def with_slope(value_and_slope: Forward) -> Callable[[Plain], Plain]:
    """Decorate a plain elementwise function of z and constants with a faster one that knows its derivative.

    ``value_and_slope(z, *constants)`` returns both, in the shape of z.
    """
    return with_backward(value_and_slope, torch.mul)


def with_backward(forward: Forward, backward: Plain) -> Callable[[Plain], Plain]:
    """Decorate a plain function of z and constants with a faster one that knows its vector-Jacobian product.

    ``forward(z, *constants)`` returns the value and what to keep; ``backward(grad, *kept)`` turns the gradient with
    respect to the value into that with respect to z. The constants get none.
    """

    def decorate(plain: Plain) -> Plain:
        @functools.wraps(plain)
        def fast(z: Tensor, *constants: Any) -> Tensor:
            if _only_the_plain_form_will_do(z, *constants):
                return plain(z, *constants)
            if not (z.requires_grad and torch.is_grad_enabled()):
                return forward(z, *constants)[0]
            value: Tensor = _WithBackward.apply(plain, forward, backward, z, *constants)  # type: ignore[no-untyped-call]
            return value

        return fast

    return decorate


def _only_the_plain_form_will_do(z: Tensor, *constants: Any) -> bool:
    """Return whether a constant wants a gradient, or a transform of torch.func or forward mode is at work."""
    tensors = [constant for constant in constants if isinstance(constant, Tensor)]
    return (
        torch._C._are_functorch_transforms_active()
        or any(constant.requires_grad for constant in tensors)
        or any(forward_ad.unpack_dual(part).tangent is not None for part in (z, *tensors))  # type: ignore[no-untyped-call]
    )


class _WithBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Plain, forward: Forward, backward: Plain, z: Tensor, *constants: Any) -> Tensor:
        value, *kept = forward(z, *constants)
        ctx.plain, ctx.by_hand = plain, backward
        ctx.numbers = [None if isinstance(c, Tensor) else c for c in constants]
        ctx.save_for_backward(z, *(c if isinstance(c, Tensor) else None for c in constants), *kept)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, *saved = ctx.saved_tensors
        tensors, kept = saved[: len(ctx.numbers)], saved[len(ctx.numbers) :]
        if torch.is_grad_enabled():  # the gradient will be differentiated once more
            constants = [n if c is None else c for c, n in zip(tensors, ctx.numbers, strict=True)]
            (slope,) = torch.autograd.grad(ctx.plain(z, *constants), z, grad, create_graph=True)
        else:
            slope = ctx.by_hand(grad, *kept)
        return None, None, None, slope, *(None for _ in tensors)


PIECE = 2**17  # elements, half a megabyte of float32


def in_pieces(forward: Forward) -> Forward:
    """Decorate a function of z and constants: it is called on some examples at a time.

    What it needs between its arguments and its results then stays in the processor's cache and takes no memory of the
    size of z. All tensors among arguments and results have the examples on axis 0.
    """

    @functools.wraps(forward)
    def piecewise(z: Tensor, *constants: Any) -> tuple[Tensor, ...]:
        if torch.compiler.is_compiling() or z.numel() <= PIECE:  # a compiler fuses the operations instead
            return forward(z, *constants)
        size = PIECE * (torch.get_num_threads() if z.is_cpu else 32)  # enough to keep every core busy
        rows = max(size * len(z) // z.numel(), 1)
        whole: list[Tensor] = []
        for start in range(0, len(z), rows):
            piece = slice(start, start + rows)
            found = forward(z[piece], *(c[piece] if isinstance(c, Tensor) else c for c in constants))
            whole = whole or [part.new_empty(len(z), *part.shape[1:]) for part in found]
            for results, part in zip(whole, found, strict=True):
                results[piece] = part
        return tuple(whole)

    return piecewise


def without_autocast(value: Tensor) -> torch.autocast:
    """Return a context in which products of matrices are taken in the precision of the matrices."""
    device = value.device.type
    return torch.autocast(device if torch.amp.is_autocast_available(device) else "cpu", enabled=False)
