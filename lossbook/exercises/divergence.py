"""Judges for the chapter on cross-entropy and KL divergence."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge

_P = torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.3, 0.4]]).log()
_Q = torch.tensor([[0.2, 0.2, 0.6], [0.2, 0.7, 0.1]]).log()


def kl_of_logs(answer: Callable[..., Tensor]) -> str:
    """Judge ``answer(log_p, log_q)``: the KL divergence in nats, from the logarithms of two distributions.

    Args:
        answer: maps log-probabilities, both of shape (..., K), to divergences of shape (...).

    Returns:
        A sentence.

    Example:
        >>> kl_of_logs(lambda log_p, log_q: (log_q.exp() * (log_q - log_p)).sum(-1))[:40]
        'wrong value: got [0.9364], wanted [0.860'
    """

    def reference(log_p: Tensor, log_q: Tensor) -> Tensor:
        p = log_p.exp()
        return (p * torch.where(p > 0, log_p - log_q, 0)).sum(-1)

    zero, half = torch.tensor([0.5, 0.5, 0.0]).log(), torch.tensor([0.5, 0.5]).log()
    ordinary = [{"log_p": _P[0], "log_q": _Q[0]}, {"log_p": _P, "log_q": _Q},
                {"log_p": _P[None].double(), "log_q": _Q[None].double()}]
    extreme = [{"log_p": zero, "log_q": _Q[0]},  # what p excludes adds nothing
               {"log_p": half, "log_q": torch.tensor([-1000.0, 0.0])},  # the probability is 0 in float32, not its log
               {"log_p": _P[0], "log_q": zero}]  # what q excludes and p does not costs infinity
    return judge(answer, reference, ordinary, extreme, slopes=["log_q"])
