"""Judges for the exercises on rankings and preferences."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook.exercises._judge import judge


def rank_net_with_ties(answer: Callable[..., Any]) -> str:
    """Judge RankNet with the target one half for ties.

    Args:
        answer: called as ``answer(scores, relevance)``, both of shape (N, L); returns one number for each list.

    Returns:
        A sentence: which properties hold, or which one fails first and for which input.

    Example:
        >>> rank_net_with_ties(lambda scores, relevance: scores.mean())[:38]
        'wrong shape: got (), wanted (1,); for '
    """
    two = torch.tensor([[0.5, -1.0, 2.0], [1.0, 1.0, 0.3]])
    ordinary = [
        {"scores": torch.tensor([[0.5, -1.0, 2.0]]), "relevance": torch.tensor([[2, 0, 1]])},
        {"scores": two, "relevance": torch.tensor([[1, 1, 0], [4, 0, 4]])},
        {"scores": torch.tensor([[0.5, 0.1, -0.4]]), "relevance": torch.tensor([[2.5, 0.5, 0.5]])},
    ]
    extreme = [{"scores": torch.tensor([[-200.0, 200.0, 0.0]]), "relevance": torch.tensor([[1, 0, 1]])}]
    return judge(answer, _rank_net_with_ties, ordinary, extreme, slopes=["scores"])


def ipo_loss(answer: Callable[..., Any]) -> str:
    """Judge IPO, a squared error on what the chosen answer has gained on the rejected one.

    Args:
        answer: called as ``answer(chosen, rejected, ref_chosen, ref_rejected, beta)``, four tensors of shape (N,) and a
            number; returns one loss for each pair, without a gradient in the reference.

    Returns:
        A sentence: which properties hold, or which one fails first and for which input.

    Example:
        >>> ipo_loss(lambda chosen, rejected, ref_chosen, ref_rejected, beta: (chosen - rejected) ** 2)[:12]
        'wrong value:'
    """
    names = ("chosen", "rejected", "ref_chosen", "ref_rejected")
    rows = torch.tensor([[-1.0, -2.5, -30.0], [-2.0, -0.5, -31.0], [-1.5, -2.0, -28.0], [-1.7, -1.0, -29.5]])
    ordinary = [dict(zip(names, rows, strict=True)) | {"beta": beta} for beta in (0.1, 0.5, 2.0)]
    extreme = [dict(zip(names, 1_000 * rows, strict=True)) | {"beta": 0.1}]
    said = judge(answer, _ipo_loss, ordinary, extreme, slopes=names[:2])
    leaks = said.startswith("right") and answer(*rows[:2], *rows[2:].clone().requires_grad_(), 0.5).requires_grad
    return "wrong gradient: some reaches the reference, which is to stay as it is" if leaks else said


def _rank_net_with_ties(scores: Tensor, relevance: Tensor) -> Tensor:
    d = scores.unsqueeze(2) - scores.unsqueeze(1)
    target = (1 + (relevance.unsqueeze(2) - relevance.unsqueeze(1)).sign()) / 2
    cost = -target * logsigmoid(d) - (1 - target) * logsigmoid(-d)
    return cost.triu(1).sum((1, 2))


def _ipo_loss(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    h = (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    return (h - 1 / (2 * beta)).square()
