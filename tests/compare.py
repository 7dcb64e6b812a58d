"""A loss of several tensors against its formula at 230 digits, one example after the other."""

import functools

import pytest
import torch
from mpmath import mpf
from references import gradient
from torch.testing import assert_close

precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
# float64 reaches below what a difference quotient can see, which is 1e-150.
TIGHT = {torch.float32: {"rtol": 1e-5, "atol": 1e-37}, torch.float64: {"rtol": 1e-11, "atol": 1e-100}}
PROMISE = {torch.float32: {"rtol": 1e-5, "atol": 1e-7}, torch.float64: {"rtol": 1e-11, "atol": 1e-14}}


def leaf(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def numbers(tensor):
    return [mpf(value) for value in tensor.flatten().tolist()]


def as_tensor(values, like):
    return torch.tensor([float(value) for value in values], dtype=like.dtype).view(like.shape)


def compare(loss, formula, tensors, tolerance, constants=()):
    """Compare values and gradients of ``loss`` with ``formula``, which takes one example of each tensor as a list."""
    tensors = [tensor.clone().requires_grad_() for tensor in tensors]
    each = loss(*tensors, *constants, reduction="none")
    slopes = torch.autograd.grad(each.sum(), tensors)
    for i, value in enumerate(each.detach()):
        rows = [numbers(part[i]) for part in (*tensors, *constants)]
        assert_close(value, as_tensor([formula(*rows)], value), **tolerance)
        for k, slope in enumerate(slopes):
            exact = gradient(functools.partial(with_row, formula, rows, k), rows[k])
            assert_close(slope[i], as_tensor(exact, slope[i]), **tolerance)


def with_row(formula, rows, k, row):
    return formula(*rows[:k], row, *rows[k + 1 :])


def over(losses):
    return pytest.mark.parametrize("loss", losses, ids=lambda loss: loss.__name__)


def refusals(rows):
    """Parametrize a test over (call, error, message), named alike in every process."""
    return pytest.mark.parametrize(("call", "error", "message"), rows,
                                   ids=[f"{number} {message}" for number, (_, _, message) in enumerate(rows)])
