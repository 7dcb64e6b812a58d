"""The elementwise losses once more in float64, and the table of what is compared with them.

A form takes float32 numbers as float64 and returns (value, slope). It adds terms of one sign and subtracts nothing that
has been rounded, by other algebra than ``lossbook._fast``; ``exact.reference_error`` compares it with mpmath. Its own
error is far below the spacing of float32 numbers, so what is measured is the error of the library.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import accuracy
import references
import torch
from mpmath import log, mpf
from torch import Tensor

Pair = tuple[Tensor, Tensor]


def logistic(r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return -log p_t, 1 - p_t and p_t for the log-odds r against the truth."""
    n = r.abs().neg_().exp_().log1p_().add_(r.clamp(min=0))
    return n, r.sigmoid(), r.neg().sigmoid_()


def focal(r: Tensor, gamma: float = 0.0) -> Pair:
    """Return q^γ n and its slope, q^γ (q + γ p n); at γ 0 this is binary cross-entropy."""
    n, q, p = logistic(r)
    if gamma == 0:
        return n, q
    power = q.pow(gamma)
    return n * power, p.mul_(n).mul_(gamma).add_(q).mul_(power)


def positives(z: Tensor, gamma: float = 0.0) -> Pair:
    """Return the loss of target 1, which is that of target 0 in the mirror."""
    value, slope = focal(-z, gamma)
    return value, slope.neg_()


def negatives(z: Tensor, gamma: float, m: float) -> Pair:
    """Return p_m^γ n_m and p q p_m^(γ-1) (p_m / (1 - p_m) + γ n_m), with p_m = max(p - m, 0) and n_m = -log(1 - p_m).

    For σ(z₀) = m, p - m is p (1 - m) (1 - exp(z₀ - z)): a product, where the difference would lose its digits. z₀ is
    taken in two parts, so that z₀ - z loses none either.
    """
    _, p, q = logistic(z)
    z0 = log(mpf(m) / (1 - mpf(m)))
    below = (float(z0) - z).add_(float(z0 - float(z0))).clamp_(max=0)
    p_m = below.expm1_().mul_(p).mul_(m - 1)
    n = p_m.neg().log1p_().neg_()
    power = p_m.pow(gamma - 1)
    return power * p_m * n, (p_m / (1 - p_m)).add_(n, alpha=gamma).mul_(power).mul_(p).mul_(q)


def of_classes(z: Tensor, y: Tensor, gamma: float) -> Pair:
    """Return softmax focal loss and its gradient, by the log-odds r of the other classes; at γ 0 cross-entropy."""
    others = z.scatter(1, y[:, None], -math.inf)
    top = others.amax(1, keepdim=True)
    e = (others - top).exp_()
    rest = e.sum(1, keepdim=True)
    value, slope = focal((top - z.gather(1, y[:, None])).add_(rest.log()), gamma)
    return value[:, 0], (e / rest).mul_(slope).scatter_(1, y[:, None], -slope)


def log_cosh(e: Tensor) -> Pair:
    """Return log(1 + sinh² e) / 2, or for |e| above 1 |e| + log(1 + exp(-2|e|)) - log 2; and tanh e."""
    x = e.abs()
    u = torch.exp(-2 * x)
    near = x.clamp(max=1).sinh_().square_().log1p_().div_(2)
    value = torch.where(x > 1, u.log1p().add_(x).sub_(0.6931471805599453), near)
    return value, torch.expm1(-2 * x).neg_().div_(u.add_(1)).copysign_(e)


def huber(e: Tensor, delta: float, scale: float = 1.0) -> Pair:
    """Return c (|e| - c/2) with c = min(|e|, δ), and c with the sign of e, both divided by ``scale``."""
    x = e.abs()
    c = x.clamp(max=delta)
    return x.sub_(c / 2).mul_(c).div_(scale), c.div_(scale).copysign_(e)


def squared(e: Tensor) -> Pair:
    return e.square(), 2 * e


def absolute(e: Tensor) -> Pair:
    return e.abs(), e.sign()


def quantile(e: Tensor, tau: float) -> Pair:
    slope = (e > 0).double().sub_(tau).masked_fill_(e == 0, 0.5 - tau)
    return torch.where(e == 0, 0.0, slope * e), slope


def hinge(f: Tensor) -> Pair:
    lack = (1 + f).clamp_(min=0)
    return lack, lack.sign()


def squared_hinge(f: Tensor) -> Pair:
    lack = (1 + f).clamp_(min=0)
    return lack.square(), 2 * lack


def of_probability(p: Tensor, target: int) -> Pair:
    return (-p.log(), -1 / p) if target else (-torch.log1p(-p), 1 / (1 - p))


@dataclass(frozen=True)
class Function:
    """A loss of one number, its exact form for ``target``, and a call per library.

    ``mirror`` is a target for which the loss of -z is that of z: one exact number then serves two calls. ``halves``
    are the halves of the line that are walked, with the direction in which the loss goes there as |z| grows.
    """

    name: str
    form: Callable[[Tensor], Pair]
    truth: Callable[..., mpf]  # of references.py
    calls: dict[str, str] = field(hash=False)
    target: int = 0
    mirror: int | None = None
    halves: tuple[tuple[int, int], ...] = ((1, 1), (-1, -1))
    convex: bool = True
    classes: bool = False  # the loss takes the logits (0, z), and z is the lead
    top: float = math.inf
    corners: tuple[float, ...] = ()  # where a form or a loss turns, other than at a power of two
    goal: float = 4.0


EVEN = {"mirror": 0, "halves": ((1, 1),)}
FALLS = {"target": 1, "halves": ((1, -1), (-1, 1))}
CALLS = {case.name: case.calls for case in accuracy.CASES}
SLOW = ("torchmetrics", "timm", "mmpretrain")


def calls(name: str, **changed: str) -> dict[str, str]:
    """Return the calls of a case of accuracy.py."""
    return {library: call for library, call in CALLS[name].items() if library not in SLOW} | changed


def focal_calls(gamma: float) -> dict[str, str]:
    return {
        "lossbook": f"lossbook.focal_loss(z, y, gamma={gamma}, reduction='none')",
        "torchvision": f"tv.sigmoid_focal_loss(z, y, alpha=-1, gamma={gamma})",
        "kornia": f"kornia.binary_focal_loss_with_logits(z[:, None], y[:, None], alpha=None, gamma={gamma})",
        "MONAI": f"monai.FocalLoss(gamma={gamma}, reduction='none')(z[:, None], y[:, None])",
        "SMP": f"smp.FocalLoss('binary', gamma={gamma}, reduction='none')(z, y)",
        "imbalanced-losses": f"imbalanced.SigmoidFocalLoss(alpha=-1, gamma={gamma}, reduction='none')(z, y)",
        "keras": f"keras.binary_focal_crossentropy(y[:, None], z[:, None], gamma={gamma}, from_logits=True)",
        "optax": f"optax.sigmoid_focal_loss(z, y, gamma={gamma})",
    }


def asymmetric_call(**options: float) -> dict[str, str]:
    given = "".join(f"{name}={value}, " for name, value in options.items())
    return {"lossbook": f"lossbook.asymmetric_loss(z, y, {given}reduction='none')"}


def of_leads(loss: Callable[..., mpf], **options: float) -> Callable[..., mpf]:
    """Return a loss of two classes as one of the lead z, for the logits (0, z)."""
    return lambda z, y: loss([mpf(0), z[0]], y, **options)


def _focal(gamma: float, **more: object) -> Function:
    return Function(f"focal, gamma {gamma:g}", partial(focal, gamma=gamma), partial(references.focal, gamma=gamma),
                    focal_calls(gamma), mirror=1, convex=gamma == 0, **more)  # fmt: skip


FUNCTIONS = [
    Function("binary cross-entropy", focal, references.bce, calls("binary cross-entropy from logits"), mirror=1),
    _focal(2.0),
    _focal(0.5),
    _focal(1.0),
    _focal(5.0, goal=8.0),
    Function("cross-entropy of two classes", focal, of_leads(references.cross_entropy), calls("cross-entropy") | {
             "torch, linear": "F.linear_cross_entropy(z, torch.eye(2), y, reduction='none')"}, mirror=1, classes=True),
    Function("log-cosh", log_cosh, references.log_cosh, calls("log-cosh"), **EVEN),
    Function("Huber, delta 2", partial(huber, delta=2), partial(references.huber, delta=2), calls("Huber, delta 2"),
             **EVEN),
    Function("asymmetric, target 0", partial(negatives, gamma=4, m=0.05), references.asymmetric, asymmetric_call(),
             convex=False, corners=(-2.9444389791664403,)),
    Function("asymmetric, target 1", positives, references.asymmetric, asymmetric_call(), **FALLS),
    Function("asymmetric, margin 0, target 0", partial(focal, gamma=4),
             partial(references.asymmetric, margin=0), asymmetric_call(gamma_pos=1.0, margin=0.0), convex=False),
    Function("asymmetric, gamma_pos 1, target 1", partial(positives, gamma=1),
             partial(references.asymmetric, gamma_pos=1), asymmetric_call(gamma_pos=1.0, margin=0.0), **FALLS,
             convex=False),
    Function("focal, gamma 0", focal, references.bce, focal_calls(0.0), mirror=1),
    Function("mean squared error", squared, references.mse, calls("mean squared error"), **EVEN),
    Function("mean absolute error", absolute, references.mae, calls("mean absolute error"), **EVEN),
    Function("smooth L1, beta 2", partial(huber, delta=2, scale=2), partial(references.smooth_l1, beta=2),
             calls("smooth L1, beta 2"), **EVEN),
    Function("quantile, 0.9", partial(quantile, tau=0.9), partial(references.quantile_loss, quantile=0.9),
             calls("quantile, 0.9"), halves=((1, 1), (-1, 1))),
    Function("hinge", hinge, references.hinge, calls("hinge"), mirror=1),
    Function("squared hinge", squared_hinge, references.squared_hinge, calls("squared hinge"), mirror=1),
    Function("binary cross-entropy of probabilities, target 0", partial(of_probability, target=0),
             references.bce_of_probs,
             {"lossbook": "lossbook.binary_cross_entropy(z, y, reduction='none')",
              "torch": "F.binary_cross_entropy(z, y, reduction='none')",
              "keras": "keras.binary_crossentropy(y[:, None], z[:, None])"}, halves=((1, 1),), top=1.0),
    Function("softmax focal of two classes, gamma 2", partial(focal, gamma=2.0),
             of_leads(references.softmax_focal, gamma=2), {"lossbook": CALLS["softmax focal, gamma 2"]["lossbook"],
             "kornia": CALLS["softmax focal, gamma 2"]["kornia"], "SMP": CALLS["softmax focal, gamma 2"]["SMP"],
             "imbalanced-losses": "imbalanced.SoftmaxFocalLoss(gamma=2.0, reduction='none')(z, y)"},
             mirror=1, classes=True, convex=False),
]

CLASSES = {"cross-entropy": ("cross-entropy", 0.0), "softmax focal, gamma 2": ("softmax focal, gamma 2", 2.0)}
