"""The exercises on consequences."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.reinforcement import td_error

_LONG = torch.Generator().manual_seed(0)
_WALK = {"values": torch.tensor([0.5, -1.0, 2.0, 3.0]), "reward": torch.tensor([1.0, -2.0, 0.5]),
         "discount": torch.tensor([0.9, 0.5, 0.8])}  # fmt: skip
_ENDS = {**_WALK, "discount": torch.tensor([0.9, 0.0, 0.8])}  # the second step ends the first walk
_FAR = {"values": 100 * torch.randn(51, generator=_LONG), "reward": torch.randn(50, generator=_LONG),
        "discount": torch.full((50,), 0.99)}  # fmt: skip


def _td_loss(values: Tensor, reward: Tensor, discount: Tensor) -> Tensor:
    return td_error(values[:-1], reward, discount, values[1:]).square() / 2


def td_loss(answer: Callable[..., Any]) -> str:
    """Judge ``answer(values, reward, discount)``: half the squared TD error of each step of a walk.

    ``values`` has one entry more than ``reward``, that of the state in which the last step ends. The next value is a
    constant. The discount is 0 where a walk has ended.

    Args:
        answer: takes ``values`` (T + 1,), ``reward`` (T,) and ``discount`` (T,); returns (T,).

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> td_loss(lambda values, reward, discount: (reward + discount * values[1:] - values[:-1]) ** 2 / 2)[:39]
        'wrong gradient with respect to values: '
    """
    return judge(answer, _td_loss, [_WALK, _ENDS], [_FAR], slopes=["values"])


def _gae(values: Tensor, reward: Tensor, discount: Tensor, decay: float) -> Tensor:
    values = values.detach()
    error, found = reward + discount * values[1:] - values[:-1], []
    later = torch.zeros_like(error[0])
    for t in reversed(range(len(error))):
        later = error[t] + decay * discount[t] * later
        found.append(later)
    return torch.stack(found[::-1])


def gae(answer: Callable[..., Any]) -> str:
    """Judge ``answer(values, reward, discount, decay)``: the generalised advantage of each step of a walk.

    The arguments are those of ``td_loss``; ``decay`` in [0, 1] is what the error of the next step counts for, times the
    discount.

    Args:
        answer: takes ``values`` (T + 1,), ``reward`` (T,), ``discount`` (T,) and ``decay``; returns (T,).

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> gae(lambda values, reward, discount, decay: reward + discount * values[1:] - values[:-1])[:12]
        'wrong value:'
    """
    ordinary = [{**walk, "decay": decay} for decay in (0.0, 1.0, 0.7) for walk in (_WALK, _ENDS)]
    return judge(answer, _gae, ordinary, [{**_FAR, "decay": 0.95}])
