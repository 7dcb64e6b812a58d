"""Judges for the exercises on generation."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook.exercises._judge import judge


def free_bits(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in a KL term that charges each latent variable at least 0.1 nats.

    Args:
        answer: maps mu and logvar, both of shape (N, d), to one number.

    Returns:
        A sentence.

    Example:
        >>> from lossbook import gaussian_kl_loss
        >>> free_bits(lambda mu, logvar: gaussian_kl_loss(mu, logvar))[:42]
        'wrong value: got [0.5867], wanted [0.6717]'
    """

    def reference(mu: Tensor, logvar: Tensor) -> Tensor:
        each = (mu**2 + torch.expm1(logvar) - logvar) / 2
        return each.mean(0).clamp(min=0.1).sum()

    mu = torch.tensor([[1.0, 0.1, 0.0], [-0.5, -0.2, 0.9]])
    logvar = torch.tensor([[-0.5, 0.1, 0.0], [0.3, -0.1, -0.4]])
    small = {"mu": torch.full((2, 1), 2.0), "logvar": torch.tensor([[-300.0], [-500.0]])}
    return judge(answer, reference, [{"mu": mu, "logvar": logvar}], [small], slopes=["mu", "logvar"])


def relativistic(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in a generator's loss that compares a drawn with a real example.

    Args:
        answer: maps the logits of real and of fake examples, both of shape (N,), to one number.

    Returns:
        A sentence.

    Example:
        >>> relativistic(lambda real, fake: -logsigmoid(fake).mean())[:41]
        'wrong value: got [0.8596], wanted [1.589]'
    """

    def reference(real: Tensor, fake: Tensor) -> Tensor:
        return -logsigmoid(fake - real).mean()

    ordinary = {"real": torch.tensor([1.0, -0.5, 2.0]), "fake": torch.tensor([0.5, 0.7, -1.5])}
    far = {"real": torch.tensor([200.0, -200.0]), "fake": torch.tensor([-200.0, 200.0])}
    return judge(answer, reference, [ordinary], [far], slopes=["real", "fake"])
