"""A training loop short enough to read, a seed that stays local, and a module over any loss.

``train`` is ordinary mini-batch training: draw a batch, compute the loss, step. What a chapter wants to watch
it passes in as functions of the model. ``train_many`` does the same for several models at once, one per seed for
instance, and ``predict_many`` asks them all.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

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


def train_many(
    models: Sequence[nn.Module], loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, *,
    steps: int,
    lr: float = 0.1,
    batch_size: int | None = None,
    sample_weight: Tensor | None = None,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    watch: Mapping[str, Callable[[Sequence[nn.Module]], Sequence[float] | Tensor]] | None = None,
    every: int = 1,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Train several models of one shape in place, side by side, each on examples of its own.

    Each comes out as ``train`` would have made it alone, model i with seed ``seed + i``; but a step moves all of
    them, which is quicker where the models are small. The first axis of the data says which model they are for.

    Args:
        models: M models that differ in their parameters only, without batch normalisation.
        loss: maps (predictions, targets) to one loss per example, ``partial(cross_entropy, reduction="none")`` for
            instance. Each model is trained by the mean over its examples.
        x: inputs, shape (M, N, …); ``x.expand(M, *x.shape)`` gives all models the same.
        y: targets, shape (M, N, …).
        steps: number of batches, at least 1.
        lr: the optimiser's learning rate.
        batch_size: examples per batch and model, as in ``train``.
        sample_weight: as in ``train``, shape (M, N).
        optimizer: called as ``optimizer(parameters, lr=lr)``; one that looks at each parameter by itself.
        watch: functions of the list of models that give one number for each; without gradient, in eval mode.
        every: watch at steps 0, ``every``, 2 ``every``, …, as in ``train``.
        seed: of the batches of the first model, and of dropout and the like.

    Returns:
        A dict of tensors with one row per model: "loss", shape (M, ``steps``), and one per function of ``watch``,
        shape (M, times); "step", shape (times,), says when these ran.

    Raises:
        ValueError: if ``x``, ``y`` and ``sample_weight`` do not fit the models or each other, ``loss`` does not give
            one loss per example, a model has buffers, or ``steps``, ``every`` or ``batch_size`` is outside its range.

    Example:
        >>> x = torch.linspace(-1, 1, 50).expand(2, 50).unsqueeze(2)
        >>> with seeded(0):
        ...     lines = [nn.Linear(1, 1) for _ in range(2)]
        >>> squared = partial(nn.functional.mse_loss, reduction="none")
        >>> history = train_many(lines, squared, x, torch.stack([x[0], 3 * x[1]]), steps=200, lr=0.5)
        >>> [round(line.weight.item(), 3) for line in lines], history["loss"].shape
        ([1.0, 3.0], torch.Size([2, 200]))
    """
    _check_many(models, x, y, sample_weight)
    for a, b, weight in zip(x, y, [None] * len(x) if sample_weight is None else sample_weight, strict=True):
        _check(a, b, weight, steps, every, len(a) if batch_size is None else batch_size)
    watch, losses = watch or {}, []
    seen: dict[str, list[Tensor]] = {"step": [], **{name: [] for name in watch}}
    with seeded(seed):
        together, parameters = _stacked(models)
        for model in models:
            model.train()
        update = optimizer(parameters, lr=lr)
        for step, batch in zip(range(steps), _batches_of_all(x, batch_size, sample_weight, seed), strict=False):
            if step % every == 0:
                _look_at_all(models, watch, seen, step)
            each = _mean_for_each(loss, together(x[batch]), y[batch])
            update.zero_grad()
            each.sum().backward()  # type: ignore[no-untyped-call]
            update.step()
            losses.append(each.detach())
        if steps % every == 0:
            _look_at_all(models, watch, seen, steps)
    rows = {name: torch.stack(values, dim=-1) for name, values in seen.items()}
    return {"loss": torch.stack(losses, dim=-1), **rows}


@torch.no_grad()
def predict_many(models: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Ask each model about inputs of its own, without gradient and in eval mode.

    Args:
        models: M models.
        x: inputs, shape (M, N, …).

    Returns:
        What the models say, shape (M, N, …).

    Raises:
        ValueError: if the first axis of ``x`` is not one entry per model.

    Example:
        >>> predict_many([nn.Identity(), nn.ReLU()], torch.tensor([[-1.0], [-1.0]]))
        tensor([[-1.],
                [ 0.]])
    """
    if len(x) != len(models):
        raise ValueError(f"x must have one entry per model, {len(models)}, got shape {tuple(x.shape)}")
    with _eval_mode(models):
        return torch.stack([model(part) for model, part in zip(models, x, strict=True)])


def _check(x: Tensor, y: Tensor, sample_weight: Tensor | None, steps: int, every: int, size: int) -> None:
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None and len(value) != len(x):
            raise ValueError(f"{name} must have one entry per example of x, {len(x)}, got {len(value)}")
    for name, count in (("steps", steps), ("every", every), ("batch_size", size)):
        _checks.integer(name, count, "[1, inf)")
    if sample_weight is None and size > len(x):
        raise ValueError(f"batch_size must be at most {len(x)}, the number of examples, got {size}")


def _batches(
    n: int, size: int | None, weight: Tensor | None, rng: torch.Generator | None = None
) -> Iterator[Tensor | slice]:
    while True:
        if weight is not None:
            yield torch.multinomial(weight, size or n, replacement=True, generator=rng)
        elif size is None:
            yield slice(None)
        else:
            yield from torch.randperm(n, generator=rng)[: n - n % size].view(-1, size)


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


def _check_many(models: Sequence[nn.Module], x: Tensor, y: Tensor, sample_weight: Tensor | None) -> None:
    if len(models) < 1:
        raise ValueError("models must hold at least one model, got none")
    for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        wanted = (len(models), x.shape[1] if x.ndim > 1 else 0)
        if value is not None and tuple(value.shape[:2]) != wanted:
            wanted_as = f"({len(models)}, N, …), one entry per model, and N as in x"
            raise ValueError(f"{name} must have shape {wanted_as}, got {tuple(value.shape)}")
    for model in models:
        if next(model.buffers(), None) is not None:
            raise ValueError("models must have no buffers, as batch normalisation has; train them one by one")


def _stacked(models: Sequence[nn.Module]) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    # All models as one function, and its parameters; those of the models become views of them.
    parameters, _ = stack_module_state(list(models))
    for name, whole in parameters.items():
        for model, part in zip(models, whole.detach(), strict=True):
            model.get_parameter(name).data = part
    of_all = vmap(partial(functional_call, models[0]), randomness="different")
    return partial(of_all, parameters), list(parameters.values())


def _batches_of_all(
    x: Tensor, size: int | None, weight: Tensor | None, seed: int
) -> Iterator[slice | tuple[Tensor, Tensor]]:
    models, n = torch.arange(len(x))[:, None], x.shape[1]
    weights = [None] * len(x) if weight is None else weight
    draws = [_batches(n, size, w, torch.Generator().manual_seed(seed + i)) for i, w in enumerate(weights)]
    for batch in zip(*draws, strict=True):
        yield slice(None) if isinstance(batch[0], slice) else (models, torch.stack(batch))


def _mean_for_each(loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, y: Tensor) -> Tensor:
    each = loss(z.flatten(0, 1), y.flatten(0, 1))
    if each.shape[:1] != (z.shape[0] * z.shape[1],):
        raise ValueError(f"loss must give one loss per example (reduction=\"none\"), got shape {tuple(each.shape)}")
    return each.view(len(z), -1).mean(dim=1)


def _look_at_all(
    models: Sequence[nn.Module],
    watch: Mapping[str, Callable[[Sequence[nn.Module]], Sequence[float] | Tensor]],
    seen: dict[str, list[Tensor]],
    step: int,
) -> None:
    seen["step"].append(torch.tensor(step))
    with torch.no_grad(), _eval_mode(models):
        for name, measure in watch.items():
            seen[name].append(torch.as_tensor(measure(models)))


@contextmanager
def _eval_mode(models: Sequence[nn.Module]) -> Iterator[None]:
    modes = [model.training for model in models]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for model, mode in zip(models, modes, strict=True):
            model.train(mode)
