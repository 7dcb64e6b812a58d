"""What every loss asks of its arguments, and how it reduces.

Each check either returns its argument ready to compute with (half precision raised to float32) or raises
TypeError or ValueError with the argument's name, what came, and what was wanted. Shapes and types are always
checked. Values are checked too, wherever there are values to look at.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch._C import _functorch as functorch
from torch._subclasses.fake_tensor import FakeTensor

from lossbook._stable import above_half


def floats(name: str, value: Tensor) -> Tensor:
    """Return ``value`` as float32 or float64; raise unless it is a tensor of floating type."""
    tensor(name, value)
    if not value.is_floating_point():
        raise TypeError(f"{name} must have a floating dtype, got {value.dtype}")
    return above_half(value)


def values_are_visible(value: Tensor) -> bool:
    """Return whether the numbers of a tensor can be looked at: all checks of values ask this first.

    They cannot while torch compiles or exports a function, inside ``vmap``, and where a tensor has a shape but no
    numbers (the meta device, ``FakeTensorMode``).
    """
    if torch.compiler.is_compiling():
        return False
    while functorch.is_functorch_wrapped_tensor(value):
        if functorch.is_batchedtensor(value):
            return False
        value = functorch.get_unwrapped(value)
    return not (value.is_meta or isinstance(value, FakeTensor))


def within(
    value: Tensor, low: float, high: float, message: str, *, low_in: bool = True, high_in: bool = True
) -> None:
    """Raise with ``message`` and the first offender unless every entry lies between ``low`` and ``high``.

    The ends are included unless they are infinite or ``low_in`` or ``high_in`` says otherwise. NaN lies nowhere.
    """
    if value.numel() == 0 or value.dtype == torch.bool or not values_are_visible(value):
        return
    low_in, high_in = low_in and math.isfinite(low), high_in and math.isfinite(high)

    def lies_within(x: Any) -> Any:  # a number or a tensor
        return (low < x) & (x < high) | low_in & (x == low) | high_in & (x == high)

    least, most = torch.aminmax(value.detach())  # one pass over memory; where there is a NaN, both are NaN
    if not (lies_within(float(least)) and lies_within(float(most))):
        raise ValueError(f"{message}, got {value[~lies_within(value)][0]}")


def zero_or_one(value: Tensor, message: str) -> None:
    """Raise with ``message`` and the first offender unless every entry is 0 or 1."""
    if value.numel() == 0 or value.dtype == torch.bool or not values_are_visible(value):
        return
    off = torch.addcmul(value, value, value, value=-1)  # v - v²
    if any(end != 0 for end in torch.aminmax(off)):  # one pass; NaN wins
        raise ValueError(f"{message}, got {value[(value != 0) & (value != 1)][0]}")


def number(name: str, value: float, interval: str = "(-inf, inf)") -> float:
    """Return ``value`` as a Python number if it is in ``interval``, written as "[0, 1)": a bracket takes its end in."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    low, high = map(float, interval[1:-1].split(","))
    closed = {low} if interval[0] == "[" else set()
    closed |= {high} if interval[-1] == "]" else set()
    if not (low < value < high or value in closed):
        raise ValueError(f"{name} must be in {interval}, got {value}")
    return int(value) if isinstance(value, Integral) else float(value)


def integer(name: str, value: int, interval: str = "(-inf, inf)") -> int:
    """Return ``value`` as a Python integer if it is one, NumPy's included, and in ``interval``."""
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    return int(number(name, value, interval))


def same_shape(name: str, value: Tensor, wanted_name: str, wanted: Tensor) -> None:
    """Raise unless ``value`` has the shape of ``wanted``: nothing is broadcast."""
    if value.shape != wanted.shape:
        shapes = f"{wanted_name} {tuple(wanted.shape)}, got {tuple(value.shape)}"
        raise ValueError(f"{name} must have the shape of {shapes}")


def tensor(name: str, value: Tensor) -> None:
    """Raise unless ``value`` is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")


def array(name: str, value: ArrayLike | Tensor, kinds: str = "iuf") -> NDArray[Any]:
    """Return a tensor, on whatever device and with whatever gradient, or anything like an array as a NumPy array.

    Raise unless its dtype is of one of the ``kinds``: integers, integers without sign, floating-point numbers, and
    "b" for truth values.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (above_half(value) if value.is_floating_point() else value).numpy()
    found = np.asarray(value)
    if found.dtype.kind not in kinds:
        raise TypeError(f"{name} must hold real numbers, got dtype {found.dtype}")
    return found


def precision(value: ArrayLike | Tensor) -> float:
    """Return the relative rounding error of the dtype of ``value``, 0 if it holds no floating-point numbers."""
    if isinstance(value, Tensor):
        return torch.finfo(value.dtype).eps if value.is_floating_point() else 0.0
    dtype = np.asarray(value).dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


def real(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    """Return integers and truth values in ``dtype``, half precision as float32; raise if ``value`` is complex."""
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    return above_half(value) if value.is_floating_point() else value.to(dtype)


def real_target(target: Tensor, pred: Tensor) -> Tensor:
    """Return ``target`` in the dtype of ``pred``; raise unless it is real and of its shape."""
    tensor("target", target)
    same_shape("target", target, "pred", pred)
    return real("target", target, pred.dtype).to(pred.dtype)


def finite_target(target: Tensor, result: Tensor) -> None:
    """Raise unless ``target`` is finite; where the ``result`` of its computation is, so is the target."""
    if not values_are_visible(result) or not math.isfinite(result.detach().sum()):
        within(target, -math.inf, math.inf, "every target must be finite")


def probabilities(probs: Tensor) -> Tensor:
    """Return ``probs`` as float32 or float64; raise unless each is in [0, 1]."""
    probs = floats("probs", probs)
    within(probs, 0, 1, "every entry of probs must be in [0, 1]")
    return probs


def binary_target(target: Tensor, logits: Tensor, *, name: str = "logits", soft: bool = False) -> Tensor:
    """Return ``target`` in the dtype of ``logits``: each 0 or 1, or between them if ``soft``."""
    tensor("target", target)
    same_shape("target", target, name, logits)
    value = real("target", target, logits.dtype)
    if soft:
        within(value, 0, 1, "every target must be in [0, 1]")
    elif target.dtype != torch.bool:
        zero_or_one(value, "every target must be 0 or 1")
    return value.to(logits.dtype)


def class_logits(logits: Tensor) -> Tensor:
    """Return ``logits`` if they are (N, K) or (N, K, d1, …) with at least two classes."""
    logits = floats("logits", logits)
    if logits.ndim < 2 or logits.shape[1] < 2:
        wanted = "(N, K) or (N, K, d1, ...) with K of at least 2"
        raise ValueError(f"logits must have shape {wanted}, got {tuple(logits.shape)}")
    return logits


def label_logits(logits: Tensor) -> Tensor:
    """Return ``logits`` if they are (N, K), one logit per label."""
    logits = floats("logits", logits)
    if logits.ndim != 2:
        raise ValueError(f"logits must have shape (N, K), got {tuple(logits.shape)}")
    return logits


def class_target(
    target: Tensor, logits: Tensor, ignore_index: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return (target with ignored entries set to 0, mask of those kept) for integer class targets."""
    tensor("target", target)
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    wanted = (logits.shape[0], *logits.shape[2:])
    if target.shape != wanted:
        raise ValueError(f"target must have shape {tuple(wanted)}, that of logits {tuple(logits.shape)} "
                         f"without its classes, got {tuple(target.shape)}")
    y = target.long()  # before anything is compared: in uint8, 156 equals -100
    if target.dtype == torch.uint64:
        within(y, 0, math.inf, "every target must be below 2**63, so that none is negative in int64")
    keep = torch.ones_like(y, dtype=torch.bool) if ignore_index is None else y != ignore_index
    top = logits.shape[1] - 1
    ignored = "" if ignore_index is None else f" or ignore_index {ignore_index}"
    y = torch.where(keep, y, 0)
    within(y, 0, top, f"every target must be a class from 0 to {top}{ignored}")
    return y, keep


def only_kept(logits: Tensor, keep: Tensor) -> Tensor:
    """Return ``logits`` with 0 in every example that is left out, so that nothing which stood there is computed with.

    A factor of 0 would not do: 0 times infinity is NaN, in the value as in the gradient. Where all are kept, and in
    compiled code, the logits come back as they are: there the derivatives by hand leave out what has no gradient.
    """
    if torch.compiler.is_compiling() or (values_are_visible(keep) and bool(keep.all())):
        return logits
    return torch.where(keep.unsqueeze(1), logits, 0)


def class_weight(weight: Tensor | None, logits: Tensor) -> Tensor:
    """Return the (K,) weights in the dtype of ``logits``, ones if ``weight`` is None."""
    classes = logits.shape[1]
    if weight is None:
        return logits.new_ones(classes)
    weight = floats("weight", weight)
    if weight.shape != (classes,):
        raise ValueError(f"weight must have shape ({classes},), one per class, got {tuple(weight.shape)}")
    within(weight, 0, math.inf, "every weight must be finite and at least 0")
    return weight.to(logits.dtype)


def distribution_target(target: Tensor, logits: Tensor) -> Tensor:
    """Return ``target`` in the dtype of ``logits``; raise unless it is distributions over dimension 1."""
    if target.shape != logits.shape:
        wanted = f"must hold integer classes, or probabilities in the shape of logits {tuple(logits.shape)}"
        raise ValueError(f"target {wanted}, got {target.dtype} of shape {tuple(target.shape)}")
    value = above_half(target)
    within(value, 0, 1, "every probability in target must be in [0, 1]")
    slack = max(1e-5, 8 * precision(target))
    within(value.sum(1), 1 - slack, 1 + slack, "the probabilities in target must sum to 1 over the classes")
    return value.to(logits.dtype)


def element_weight(name: str, weight: Tensor | None, logits: Tensor) -> Tensor | None:
    """Return ``weight``, None or in the shape of ``logits``, finite and at least 0, in the dtype of ``logits``."""
    if weight is None:
        return None
    weight = floats(name, weight)
    same_shape(name, weight, "logits", logits)
    within(weight, 0, math.inf, f"every {name} must be finite and at least 0")
    return weight.to(logits.dtype)


def positive_weight(weight: Tensor | None, logits: Tensor) -> Tensor | float:
    """Return the factor of the positives, a scalar tensor or one per label of the last axis, 1.0 if None."""
    if weight is None:
        return 1.0
    weight = floats("pos_weight", weight)
    if weight.ndim > 0 and weight.shape != logits.shape[-1:]:
        wanted = f"() or {tuple(logits.shape[-1:])}, the last axis of logits"
        raise ValueError(f"pos_weight must have shape {wanted}, got {tuple(weight.shape)}")
    within(weight, 0, math.inf, "every pos_weight must be finite and at least 0")
    return weight.to(logits.dtype)


def counts(value: Sequence[float] | Tensor, logits: Tensor | None = None) -> Tensor:
    """Return the (K,) class counts, where the logits are if there are any; raise unless each is finite and above 0.

    They are in float64, or in float32 on the one device that has nothing longer, MPS.
    """
    numbers = value if isinstance(value, Tensor) else _numbers(value)
    if numbers.is_complex() or numbers.dtype == torch.bool:
        raise TypeError(f"counts must hold one number per class, got {numbers.dtype}")
    classes = None if logits is None else logits.shape[1]
    if numbers.ndim != 1 or len(numbers) != (classes or max(len(numbers), 1)):
        wanted = f"({classes or 'K'},)"
        raise ValueError(f"counts must have shape {wanted}, one per class, got {tuple(numbers.shape)}")
    if logits is not None:
        device = logits.device
    else:
        device = value.device if isinstance(value, Tensor) else torch.get_default_device()
    numbers = numbers.to(device, torch.float32 if device.type == "mps" else torch.float64)
    within(numbers, 0, math.inf, "every count must be finite and above 0", low_in=False)
    return numbers


def _numbers(value: Sequence[float]) -> Tensor:
    try:
        if isinstance(value, (Mapping, str)) or any(isinstance(count, bool) for count in value):
            raise TypeError
        return torch.tensor(value, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError, RuntimeError):
        got = type(value).__name__
        raise TypeError(f"counts must be one number per class, in the order of the classes, got {got}") from None


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
        return loss.sum() / max(loss.numel(), 1)  # mean() would write a gradient of full size
    total = weight.sum()
    return loss.sum() / torch.where(total > 0, total, 1)


def flag(name: str, value: bool) -> bool:
    """Return ``value`` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}")
    return value


def labels(name: str, value: Tensor, n: int) -> Tensor:
    """Return ``value`` in int64; raise unless it holds ``n`` integers."""
    tensor(name, value)
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got {value.dtype}")
    if value.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one for each example, got {tuple(value.shape)}")
    return value.long()


def every(good: Tensor, message: str, value: Tensor) -> None:
    """Raise with ``message``, the first entry of ``value`` that is not ``good``, and its row."""
    if not values_are_visible(good) or bool(good.all()):
        return
    place = tuple((~good).nonzero()[0].tolist())
    raise ValueError(f"{message}, got {value[place]}" + (f" in row {place[0]}" if place else ""))


def sign_target(target: Tensor, like: Tensor, name: str) -> Tensor:
    """Return ``target`` in the dtype of ``like``, the argument ``name``; raise unless each is 1 or -1."""
    tensor("target", target)
    same_shape("target", target, name, like)
    signs = real("target", target, like.dtype).to(like.dtype)
    every(signs.abs() == 1, "every target must be 1 or -1", target)
    return signs
