"""Judges for the exercises on sequences."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.sequence import ctc_loss


def ctc(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in a CTC loss of one sequence.

    Args:
        answer: maps log-probabilities of shape (T, C), blank 0, and a list of labels to one number.

    Returns:
        A sentence.

    Example:
        >>> ctc(lambda log_probs, labels: -log_probs[:, labels].sum())[:11]
        'wrong value'
    """

    def reference(log_probs: Tensor, labels: list[int]) -> Tensor:
        lengths = torch.tensor([len(log_probs)]), torch.tensor([len(labels)])
        return ctc_loss(log_probs.unsqueeze(1), torch.tensor([labels]), *lengths)

    return judge(answer, reference, _ORDINARY, [_LONG], slopes=["log_probs"])


def best_alignment(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in minus the log-probability of the best alignment of one sequence.

    Args:
        answer: maps log-probabilities of shape (T, C), blank 0, and a list of labels to one number.

    Returns:
        A sentence.

    Example:
        >>> best_alignment(lambda log_probs, labels: -log_probs.amax(1).sum())[:11]
        'wrong value'
    """
    return judge(answer, _best, _ORDINARY, [_LONG], slopes=["log_probs"])


_RNG = torch.Generator().manual_seed(0)
_SIX = torch.randn(6, 3, generator=_RNG).log_softmax(1)
_ORDINARY = [
    {"log_probs": _SIX, "labels": [1, 2]},
    {"log_probs": torch.tensor([[0.1, 0.8, 0.1]] * 4).log(), "labels": [1, 1]},
    {"log_probs": _SIX[:3], "labels": [2, 2]},
    {"log_probs": _SIX, "labels": [2]},
]
_LONG = {"log_probs": torch.randn(120, 3, generator=_RNG).log_softmax(1), "labels": [1, 2, 2]}


def _best(log_probs: Tensor, labels: list[int]) -> Tensor:
    places = [0] + [k for label in labels for k in (label, 0)]
    nothing = log_probs.new_tensor(-torch.inf)
    best = [*log_probs[0, places[:2]]] + [nothing] * (len(places) - 2)
    for now in log_probs[1:]:
        jumps = [s > 1 and k not in (0, places[s - 2]) for s, k in enumerate(places)]
        came = [torch.stack(best[max(0, s - 1 - jump) : s + 1]).amax() for s, jump in enumerate(jumps)]
        best = [now[k] + before for k, before in zip(places, came, strict=True)]
    return -torch.stack(best[-2:]).amax()
