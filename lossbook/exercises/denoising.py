"""Judges for the exercises on denoising."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbook.exercises._judge import judge
from lossbook.generative import denoising_loss


def min_snr(answer: Callable[..., Tensor]) -> str:
    """Judge a loss of predicted noise with the effect of min(SNR, 5) on the clean example.

    Args:
        answer: maps predicted noise, clean examples and noise, all of shape (N, d), and alpha_bar, of shape (N,), to
            one number.

    Returns:
        A sentence.

    Example:
        >>> min_snr(lambda pred, clean, noise, alpha_bar: ((pred - noise) ** 2).mean())[:41]
        'wrong value: got [1.268], wanted [0.9044]'
    """

    def reference(pred: Tensor, clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
        weight = (5 * (1 - alpha_bar) / alpha_bar).clamp(max=1)
        return denoising_loss(pred, clean, noise, alpha_bar, weight=weight)

    pred = torch.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 0.4]])
    given = {"pred": pred, "clean": _CLEAN, "noise": _NOISE}
    ordinary = {**given, "alpha_bar": torch.tensor([0.3, 0.9, 0.95])}
    ends = {**given, "alpha_bar": torch.tensor([0.0, 1.0, 0.5])}
    return judge(answer, reference, [ordinary], [ends], slopes=["pred"])


def denoising_step(answer: Callable[..., Tensor]) -> str:
    """Say what is right or wrong in one step from a share of the clean example to the next.

    Args:
        answer: maps noisy examples and predicted noise, both of shape (N, d), and the present and the next alpha_bar,
            of shape (N,), to examples at the next one.

    Returns:
        A sentence.

    Example:
        >>> denoising_step(lambda noisy, noise, alpha_bar, next_alpha_bar: noisy)[:11]
        'wrong value'
    """
    noisy = torch.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 0.4]])
    now, later = torch.tensor([0.1, 0.5, 0.7]), torch.tensor([0.3, 0.8, 0.71])
    given = {"noisy": noisy, "noise": _NOISE, "alpha_bar": now, "next_alpha_bar": later}
    last = {**given, "next_alpha_bar": torch.ones(3)}
    return judge(answer, _step, [given], [last], slopes=["noisy", "noise"])


_CLEAN = torch.tensor([[0.2, 1.0], [-1.0, 0.0], [2.0, 0.3]])
_NOISE = torch.tensor([[0.0, 0.4], [1.0, 0.0], [0.2, -0.2]])


def _step(noisy: Tensor, noise: Tensor, alpha_bar: Tensor, next_alpha_bar: Tensor) -> Tensor:
    now, later = alpha_bar[:, None], next_alpha_bar[:, None]
    clean = (noisy - (1 - now).sqrt() * noise) / now.sqrt()
    return later.sqrt() * clean + (1 - later).sqrt() * noise
