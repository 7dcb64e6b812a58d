"""The losses of reinforcement learning, for the table of transforms."""

import torch
from rows import Row

import lossbook


def steps(n):
    """Return logits, actions, three lists of numbers in (0, 1), and values of the next state."""
    rng = torch.Generator().manual_seed(0)
    logits, ahead = torch.randn(2, n, 3, generator=rng, dtype=torch.float64)
    return logits, torch.arange(n) % 3, *torch.rand(3, n, generator=rng, dtype=torch.float64), ahead


def squared_td_error(value, reward, discount, next_value, *, reduction="mean"):
    square = lossbook.td_error(value, reward, discount, next_value) ** 2
    return square if reduction == "none" else getattr(square, reduction)()


ROWS = [
    Row("policy gradient", lossbook.policy_gradient_loss, lambda n: steps(n)[:3]),
    Row("entropy", lossbook.entropy_bonus, lambda n: steps(n)[:1]),
    Row("td", squared_td_error, lambda n: (*steps(n)[2:5], steps(n)[2] + 1)),
    Row("q", lossbook.q_learning_error, lambda n: (*steps(n)[:2], *steps(n)[3:])),
    Row("q huber", lossbook.q_learning_error, lambda n: (*steps(n)[:2], *steps(n)[3:]), {"delta": 0.5}),
    Row("ppo", lossbook.ppo_loss, lambda n: (steps(n)[2], steps(n)[3], steps(n)[4] - 0.5), {"clip": 0.3}),
]
