"""A training loop short enough to read, a seed that stays local, and a module over any loss.

``train`` is ordinary mini-batch training: draw a batch, compute the loss, step. What a chapter wants to watch
it passes in as functions of the model.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from lossbook import _checks


class Loss(nn.Module):
    """A loss with its options fixed, as a module, for code that wants one.

    Tensors among the options move with the module, and stay out of its state: a checkpoint holds what was learned, and
    options were not. An ``nn.Parameter`` is learned, and is in it.

    Args:
        function: a loss of this package, or any other function.
        options: its keyword arguments.

    Raises:
        TypeError: if the function has no such option.

    Example:
        >>> loss = Loss(nn.functional.huber_loss, delta=2.0)
        >>> loss
        Loss(huber_loss, delta=2.0)
        >>> loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(2.2500)
    """

    def __init__(self, function: Callable[..., Tensor], **options: object) -> None:
        """Fix the options."""
        super().__init__()
        inspect.signature(function).bind_partial(**options)
        self.function, self.names = function, tuple(options)
        for name, value in options.items():
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                self.register_buffer(name, value, persistent=False)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the loss of predictions and targets."""
        return self.function(*inputs, **{name: getattr(self, name) for name in self.names})

    def extra_repr(self) -> str:
        """Return the name of the function, and its options."""
        name = getattr(self.function, "__name__", repr(self.function))
        return ", ".join([name, *(f"{option}={getattr(self, option)!r}" for option in self.names)])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers inside a ``with`` block from a seed, and leave those outside untouched.

    Args:
        seed: any integer.

    Yields:
        Nothing: inside the block torch draws from ``seed``.

    Raises:
        TypeError: if ``seed`` is no integer.

    Example:
        >>> with seeded(0):
        ...     model = nn.Linear(2, 1)
        >>> with seeded(0):
        ...     same = nn.Linear(2, 1)
        >>> bool((model.weight == same.weight).all())
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_checks.integer("seed", seed))
        yield


def train(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, *,
    steps: int,
    lr: float = 0.1,
    batch_size: int | None = None,
    sample_weight: Tensor | None = None,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    watch: Mapping[str, Callable[[nn.Module], float]] | None = None,
    every: int = 1,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Train a model in place by mini-batch gradient descent, and return what happened.

    Args:
        model: maps a batch of ``x`` to predictions.
        loss: maps (predictions, batch of ``y``) to a scalar; ``functools.partial`` fixes its options.
        x: inputs, shape (N, …).
        y: targets, shape (N, …).
        steps: number of batches, at least 1.
        lr: the optimiser's learning rate.
        batch_size: examples per batch, drawn in shuffled epochs without the rest that fills no batch; None takes
            all of them, in their order, at every step.
        sample_weight: draws examples with replacement instead, in proportion to these weights, shape (N,).
        optimizer: called as ``optimizer(parameters, lr=lr)``.
        watch: functions of the model, each by a name of its own; they run without gradient, in eval mode.
        every: watch at steps 0, ``every``, 2 ``every``, …: step 0 is the model before its first update.
        seed: of the order of the examples, and of dropout and the like.

    Returns:
        A dict of lists: "loss", the loss of each batch before its update (length ``steps``), "step", when the
        ``watch`` functions ran, and one list per function.

    Raises:
        TypeError: if ``steps``, ``every``, ``batch_size`` or ``seed`` is no integer.
        ValueError: if ``x``, ``y`` and ``sample_weight`` differ in length, or ``steps``, ``every`` or ``batch_size``
            is outside its range.

    Example:
        >>> x = torch.linspace(-1, 1, 50).unsqueeze(1)
        >>> with seeded(0):
        ...     line = nn.Linear(1, 1)
        >>> history = train(line, nn.functional.mse_loss, x, 3 * x, steps=200, lr=0.5)
        >>> history["loss"][0] > 1 > 1e-6 > history["loss"][-1]
        True
    """
    _check(x, y, sample_weight, steps, every, len(x) if batch_size is None else batch_size)
    watch = watch or {}
    history: dict[str, list[float]] = {"loss": [], "step": [], **{name: [] for name in watch}}
    update = optimizer(model.parameters(), lr=lr)
    with seeded(seed):
        batches = _batches(len(x), batch_size, sample_weight)
        model.train()
        for step, batch in zip(range(steps), batches, strict=False):
            if step % every == 0:
                _look(model, watch, history, step)
            value = loss(model(x[batch]), y[batch])
            update.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            update.step()
            history["loss"].append(value.item())
        if steps % every == 0:
            _look(model, watch, history, steps)
    return history


def _check(x: Tensor, y: Tensor, sample_weight: Tensor | None, steps: int, every: int, size: int) -> None:
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None and len(value) != len(x):
            raise ValueError(f"{name} must have one entry per example of x, {len(x)}, got {len(value)}")
    for name, count in (("steps", steps), ("every", every), ("batch_size", size)):
        _checks.integer(name, count, "[1, inf)")
    if sample_weight is None and size > len(x):
        raise ValueError(f"batch_size must be at most {len(x)}, the number of examples, got {size}")


def _batches(n: int, size: int | None, weight: Tensor | None) -> Iterator[Tensor | slice]:
    while True:
        if weight is not None:
            yield torch.multinomial(weight, size or n, replacement=True)
        elif size is None:
            yield slice(None)
        else:
            yield from torch.randperm(n)[: n - n % size].view(-1, size)


def _look(
    model: nn.Module,
    watch: Mapping[str, Callable[[nn.Module], float]],
    history: dict[str, list[float]],
    step: int,
) -> None:
    history["step"].append(step)
    model.eval()
    with torch.no_grad():
        for name, measure in watch.items():
            history[name].append(float(measure(model)))
    model.train()
