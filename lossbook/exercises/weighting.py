"""The judge for the chapter on class weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import lossbook
from lossbook.exercises._judge import judge

_COUNTS = torch.tensor([500.0, 50.0, 5.0, 45.0])


def class_weights(answer: Callable[..., Any]) -> str:
    """Judge ``answer(n, method, beta=0.999)``: one weight for each class, by one of four formulas.

    Args:
        answer: maps counts (K,), the name of a formula and a beta, which only "effective" reads, to weights (K,), and a
            name that it does not know to None.

    Returns:
        A sentence: what is right, or what fails first and for which input.

    Example:
        >>> class_weights(lambda n, method, beta=0.999: n.sum() / n)[:47]
        'wrong value: got [1.2, 12, 120, 13.33], wanted '
    """

    def reference(n: Tensor, method: str, beta: float | None = None) -> Tensor:
        return lossbook.class_weights(n, method=method, beta=beta if method == "effective" else None)

    methods = ("balanced", "inverse", "log", "effective")
    ordinary: list[dict[str, Any]] = [{"n": _COUNTS, "method": method, "beta": 0.9} for method in methods]
    ordinary += [{"n": _COUNTS, "method": "effective", "beta": 0.0}, {"n": _COUNTS, "method": "effective"}]
    extreme = [{"n": torch.tensor([1e6, 1.0]), "method": method} for method in methods]
    said = judge(answer, reference, ordinary, extreme)
    if said.startswith("wrong"):
        return said
    try:
        unknown = answer(_COUNTS, "sqrt")
    except Exception as problem:  # it is an answer to the reader, as in the judge
        return f"wrong name: got {type(problem).__name__}, wanted None; for method 'sqrt'"
    return said if unknown is None else f"wrong name: got {type(unknown).__name__}, wanted None; for method 'sqrt'"
