"""What the judges share: a function is compared with the loss that it should be, property by property."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Inputs = Mapping[str, Any]
_NUMBERS = int | float | np.number | np.ndarray


def judge(
    answer: Callable[..., Any],
    reference: Callable[..., Any],
    ordinary: Sequence[Inputs],
    extreme: Sequence[Inputs] = (),
    *,
    slopes: Sequence[str] = (),
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> str:
    """Compare ``answer`` with ``reference`` on inputs by name, and say in one sentence what comes out.

    The properties, in this order: it runs; type; shape; dtype; value; gradient with respect to the inputs named in
    ``slopes``; and the same value and gradient on the ``extreme`` inputs, called the tail. ``answer`` gets the inputs
    by position, in their order. What ``reference`` returns is what ``answer`` must return: a tensor, a number or array
    of NumPy, or a tuple of them. A value may be off by ``rtol`` times what is wanted plus ``atol``, which is 0 where a
    small value must keep its digits.
    """
    for inputs, tail in [*((one, False) for one in ordinary), *((one, True) for one in extreme)]:
        wanted, wanted_slopes = _ask(reference, inputs, slopes, keyword=True)
        try:
            got, got_slopes = _ask(answer, inputs, slopes)
            failed = _result(got, wanted, rtol, atol) or _gradient(got_slopes, wanted_slopes)
        except Exception as problem:  # whatever a reader's function does wrong is an answer to the reader
            return f"wrong, it does not run: {type(problem).__name__}: {problem}; for {_shown(inputs)}"
        if failed:
            return f"wrong {'tail, ' if tail else ''}{failed}{_hint(got, wanted, inputs)}; for {_shown(inputs)}"
    parts = ["shape", "dtype", "value", *(["gradient"] if slopes else []), *(["tail"] if extreme else [])]
    return f"right: {', '.join(parts[:-1])} and {parts[-1]}"


def _ask(
    function: Callable[..., Any], inputs: Inputs, slopes: Sequence[str], *, keyword: bool = False
) -> tuple[Any, dict[str, Tensor | None]]:
    given = copy.deepcopy(dict(inputs))
    for name in slopes:
        given[name].requires_grad_()
    with np.errstate(all="ignore"):  # what a warning would say the judge says, and for which input
        found = function(**given) if keyword else function(*given.values())
    if not slopes or not isinstance(found, Tensor):
        return found, {}
    if not found.requires_grad:
        return found, dict.fromkeys(slopes)
    grads = torch.autograd.grad(found.sum(), [given[name] for name in slopes], allow_unused=True)
    return found.detach(), dict(zip(slopes, grads, strict=True))


def _result(got: Any, wanted: Any, rtol: float, atol: float) -> str:
    if not isinstance(wanted, tuple):
        return _value(got, wanted, rtol, atol)
    if not isinstance(got, tuple | list) or len(got) != len(wanted):
        count = f" of {len(got)}" if isinstance(got, tuple | list) else ""
        return f"type: got {type(got).__name__}{count}, wanted {len(wanted)} results"
    for place, pair in enumerate(zip(got, wanted, strict=True), 1):
        if failed := _value(*pair, rtol, atol):
            return f"{failed}, in result {place} of {len(wanted)}"
    return ""


def _value(got: Any, wanted: Any, rtol: float, atol: float) -> str:
    kind, name = (Tensor, "a tensor") if isinstance(wanted, Tensor) else (_NUMBERS, "a number or an array")
    if not isinstance(got, kind):
        return f"type: got {type(got).__name__}, wanted {name}"
    if kind is not Tensor:
        got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        return f"shape: got {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    if got.dtype != wanted.dtype:
        return f"dtype: got {got.dtype}, wanted {wanted.dtype}"
    return "" if _near(got, wanted, rtol, atol) else f"value: got {_short(got)}, wanted {_short(wanted)}"


def _gradient(got: dict[str, Tensor | None], wanted: dict[str, Tensor | None]) -> str:
    for name, slope in wanted.items():
        if (found := got.get(name)) is None:
            return f"gradient: none reaches {name}"
        if slope is not None and not _near(found, slope):
            return f"gradient with respect to {name}: got {_short(found)}, wanted {_short(slope)}"
    return ""


def _near(got: Any, wanted: Any, rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    got, wanted = (torch.as_tensor(value).detach().double() for value in (got, wanted))
    return torch.allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)


def _hint(got: Any, wanted: Any, inputs: Inputs) -> str:
    """Recognise a sum in place of a mean: it is as many times too large as there are entries or rows."""
    if not all(isinstance(value, Tensor) and value.ndim == 0 for value in (got, wanted)):
        return ""
    tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
    sizes = {size for value in tensors for size in (value.numel(), *value.shape[:1]) if size > 1}
    times = next((size for size in sorted(sizes) if wanted and _near(got, size * wanted, atol=0)), None)
    return f", {times} times as much, as a sum in place of a mean would be" if times else ""


def _short(value: Any) -> str:
    if not isinstance(value, Tensor | np.ndarray):
        return repr(value)
    entries = torch.as_tensor(value).detach().flatten().tolist()
    listed = [f"{entry:.{7 if 1e3 <= abs(entry) < 1e7 else 4}g}" for entry in entries]  # 10001, not 1e+04
    return "[" + ", ".join(listed[:6]) + (", …]" if len(listed) > 6 else "]")


def _shown(inputs: Inputs) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in inputs.items())
