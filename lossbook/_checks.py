"""What every loss asks of its arguments, and how it reduces.

Each check either returns its argument ready to compute with (half precision raised to float32) or raises
TypeError or ValueError with the argument's name, what came, and what was wanted. Shapes and types are always
checked. Values are checked too, except under ``torch.compile``, where looking at one would break the graph.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lossbook._stable import above_half


def floats(name: str, value: Tensor) -> Tensor:
    """Return ``value`` as float32 or float64; raise unless it is a tensor of floating type."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{name} must have a floating dtype, got {value.dtype}")
    return above_half(value)


def values(ok: Tensor, message: str, got: Tensor) -> None:
    """Raise with ``message`` and the first offending value of ``got`` unless all of ``ok`` is true."""
    if not torch.compiler.is_compiling() and not bool(ok.all()):
        raise ValueError(f"{message}, got {got[~ok][0].item()}")


def number(name: str, value: float, interval: str) -> float:
    """Return ``value`` if it is a number in ``interval``, written as "[0, 1)": a bracket takes its end in."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    low, high = map(float, interval[1:-1].split(","))
    closed = {low} if interval[0] == "[" else set()
    closed |= {high} if interval[-1] == "]" else set()
    if not (low < value < high or value in closed):
        raise ValueError(f"{name} must be in {interval}, got {value}")
    return value


def same_shape(name: str, value: Tensor, wanted_name: str, wanted: Tensor) -> None:
    """Raise unless ``value`` has the shape of ``wanted``: nothing is broadcast."""
    if value.shape != wanted.shape:
        shapes = f"{wanted_name} {tuple(wanted.shape)}, got {tuple(value.shape)}"
        raise ValueError(f"{name} must have the shape of {shapes}")


def binary_target(target: Tensor, logits: Tensor, *, soft: bool = False) -> Tensor:
    """Return ``target`` in the dtype of ``logits``: each 0 or 1, or between them if ``soft``."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be a torch.Tensor, got {type(target).__name__}")
    same_shape("target", target, "logits", logits)
    if soft:
        values((target >= 0) & (target <= 1), "every target must be in [0, 1]", target)
    else:
        values((target == 0) | (target == 1), "every target must be 0 or 1", target)
    return target.to(logits.dtype)


def class_logits(logits: Tensor) -> Tensor:
    """Return ``logits`` if they are (N, K) or (N, K, d1, …) with at least two classes."""
    logits = floats("logits", logits)
    if logits.ndim < 2 or logits.shape[1] < 2:
        wanted = "(N, K) or (N, K, d1, ...) with K of at least 2"
        raise ValueError(f"logits must have shape {wanted}, got {tuple(logits.shape)}")
    return logits


def class_target(target: Tensor, logits: Tensor, ignore_index: int = -100) -> tuple[Tensor, Tensor]:
    """Return (target with ignored entries set to 0, mask of those kept) for integer class targets."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be a torch.Tensor, got {type(target).__name__}")
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    wanted = (logits.shape[0], *logits.shape[2:])
    if target.shape != wanted:
        raise ValueError(f"target must have shape {tuple(wanted)}, that of logits {tuple(logits.shape)} "
                         f"without its classes, got {tuple(target.shape)}")
    keep = target != ignore_index
    top = logits.shape[1] - 1
    ok = ((target >= 0) & (target <= top)) | ~keep
    values(ok, f"every target must be a class from 0 to {top} or ignore_index {ignore_index}", target)
    return torch.where(keep, target, 0).long(), keep


def class_weight(weight: Tensor | None, logits: Tensor) -> Tensor:
    """Return the (K,) weights in the dtype of ``logits``, ones if ``weight`` is None."""
    classes = logits.shape[1]
    if weight is None:
        return logits.new_ones(classes)
    weight = floats("weight", weight)
    if weight.shape != (classes,):
        raise ValueError(f"weight must have shape ({classes},), one per class, got {tuple(weight.shape)}")
    values((weight >= 0) & weight.isfinite(), "every weight must be finite and at least 0", weight)
    return weight.to(logits.dtype)


def counts(value: Sequence[float] | Tensor) -> Tensor:
    """Return the (K,) class counts in float64; raise unless each is finite and above 0."""
    value = torch.as_tensor(value).to(torch.float64)
    if value.ndim != 1 or value.numel() == 0:
        raise ValueError(f"counts must have shape (K,), one per class, got {tuple(value.shape)}")
    values((value > 0) & value.isfinite(), "every count must be finite and above 0", value)
    return value


def reduce(loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """Reduce a ``loss`` that already carries its ``weight``; "mean" divides by the sum of the weights.

    With nothing to average (no element, or weights that sum to 0) the mean is 0, and so is its gradient.
    """
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if reduction != "mean":
        raise ValueError(f'reduction must be "none", "mean" or "sum", got {reduction!r}')
    if weight is None:
        return loss.sum() / max(loss.numel(), 1)
    total = weight.sum()
    return loss.sum() / torch.where(total > 0, total, 1)
