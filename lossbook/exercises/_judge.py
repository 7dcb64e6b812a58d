"""What the judges share: a function is compared with the loss that it should be, property by property."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Inputs = Mapping[str, Any]


def judge(
    answer: Callable[..., Any],
    reference: Callable[..., Tensor],
    ordinary: Sequence[Inputs],
    extreme: Sequence[Inputs] = (),
    *,
    slopes: Sequence[str] = (),
) -> str:
    """Compare ``answer`` with ``reference`` on inputs by name, and say in one sentence what comes out.

    The properties, in this order: it runs; type; shape; dtype; value; gradient with respect to the inputs named in
    ``slopes``; and the same value and gradient on the ``extreme`` inputs, called the tail. ``answer`` gets the inputs
    by position, in their order.
    """
    for inputs, tail in [*((one, False) for one in ordinary), *((one, True) for one in extreme)]:
        wanted, wanted_slopes = _ask(reference, inputs, slopes, keyword=True)
        try:
            got, got_slopes = _ask(answer, inputs, slopes)
        except Exception as problem:  # whatever a reader's function does wrong is an answer to the reader
            return f"wrong, it does not run: {type(problem).__name__}: {problem}; for {_shown(inputs)}"
        failed = _value(got, wanted) or _gradient(got_slopes, wanted_slopes)
        if failed:
            return f"wrong {'tail, ' if tail else ''}{failed}; for {_shown(inputs)}"
    parts = ["shape", "dtype", "value", *(["gradient"] if slopes else []), *(["tail"] if extreme else [])]
    return f"right: {', '.join(parts[:-1])} and {parts[-1]}"


def _ask(
    function: Callable[..., Any], inputs: Inputs, slopes: Sequence[str], *, keyword: bool = False
) -> tuple[Any, dict[str, Tensor | None]]:
    given = {name: value.clone() if isinstance(value, Tensor) else value for name, value in inputs.items()}
    for name in slopes:
        given[name].requires_grad_()
    found = function(**given) if keyword else function(*given.values())
    if not slopes or not isinstance(found, Tensor):
        return found, {}
    if not found.requires_grad:
        return found, dict.fromkeys(slopes)
    grads = torch.autograd.grad(found.sum(), [given[name] for name in slopes], allow_unused=True)
    return found.detach(), dict(zip(slopes, grads, strict=True))


def _value(got: Any, wanted: Tensor) -> str:
    if not isinstance(got, Tensor):
        return f"type: got {type(got).__name__}, wanted a tensor"
    if got.shape != wanted.shape:
        return f"shape: got {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    if got.dtype != wanted.dtype:
        return f"dtype: got {got.dtype}, wanted {wanted.dtype}"
    return "" if _near(got, wanted) else f"value: got {_short(got)}, wanted {_short(wanted)}"


def _gradient(got: dict[str, Tensor | None], wanted: dict[str, Tensor | None]) -> str:
    for name, slope in wanted.items():
        if (found := got.get(name)) is None:
            return f"gradient: none reaches {name}"
        if slope is not None and not _near(found, slope):
            return f"gradient with respect to {name}: got {_short(found)}, wanted {_short(slope)}"
    return ""


def _near(got: Tensor, wanted: Tensor) -> bool:
    return torch.allclose(got.double(), wanted.detach().double(), rtol=1e-4, atol=1e-6, equal_nan=True)


def _short(value: Any) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    listed = [f"{entry:.4g}" for entry in value.detach().flatten().tolist()]
    return "[" + ", ".join(listed[:6]) + (", …]" if len(listed) > 6 else "]")


def _shown(inputs: Inputs) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in inputs.items())
