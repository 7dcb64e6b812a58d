"""One row of the table over which the tests of transforms run: compile, vmap, jvp, fake tensors, autocast.

Each family of losses has a list ``ROWS``: the losses of Parts I to IV in ``test_transforms.py`` itself, every later
family in ``rows_NAME.py`` beside it. A new loss adds a row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """A loss, its options, and a small ordinary batch, different in every entry."""

    name: str
    loss: Callable[..., torch.Tensor]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]  # the tensors of n examples: float64, and int64 for classes
    options: dict[str, Any] = field(default_factory=dict)
    differentiable: tuple[int, ...] = (0,)  # which inputs take a gradient
    twice: bool = True  # whether a second derivative makes sense
    examples: bool = True  # whether every input has the examples on axis 0, and "none" gives one value for each
    without: dict[str, str] = field(default_factory=dict)  # a transform that the loss refuses, and the reason

    def __call__(self, *inputs, **more):
        return self.loss(*inputs, **self.options, **more)
