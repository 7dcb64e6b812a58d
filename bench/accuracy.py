"""Error of value and gradient against mpmath, in float32 and bfloat16, for every loss and each library that has it.

The exact numbers come from the formulas of tests/references.py, at 300 digits: book, tests and pages share one truth.

``CASES`` is the table: a loss, its exact form, and one call per library. In a call, z are logits or errors and y
is the target. To measure another loss, add a case; to measure another library, add a call.
"""

from dataclasses import dataclass, field
from functools import cache, partial

import references
import torch
from libraries import function
from mpmath import mpf

# Promised by lossbook: within `relative` of the exact number, or within ABSOLUTE of it, whichever is larger.
PROMISE = {torch.float32: 1e-5, torch.bfloat16: 2**-7}
ABSOLUTE = 1e-7
# A gradient is dead when it is exactly 0 although the exact one is at least this large.
ALIVE = 1e-3
SMALLEST = 2**-126  # the smallest normal float32


@dataclass(frozen=True)
class Case:
    """One loss with its options: the exact form, what kind of input it takes, and a call per library."""

    name: str
    kind: str
    exact: object
    calls: dict[str, str] = field(hash=False)


TEXTBOOK_BCE = "-y * torch.log(torch.sigmoid(z)) - (1 - y) * torch.log(1 - torch.sigmoid(z))"
TEXTBOOK_CE = "-torch.log(z.exp() / z.exp().sum(1, keepdim=True)).gather(1, y[:, None])[:, 0]"
ONE_HOT = "F.one_hot(y, 3)"
COUNTS = (500, 50, 5)


def balanced(z, y):
    return sum(references.distribution_balanced(z, y, counts=COUNTS, total=1000))


def focal_calls(gamma):
    return {
        "lossbook": f"lossbook.focal_loss(z, y, gamma={gamma}, alpha=0.25, reduction='none')",
        "torchvision": f"tv.sigmoid_focal_loss(z, y, alpha=0.25, gamma={gamma})",
        "kornia": f"kornia.binary_focal_loss_with_logits(z[:, None], y[:, None], alpha=0.25, gamma={gamma})",
        "MONAI": f"monai.FocalLoss(gamma={gamma}, alpha=0.25, reduction='none')(z[:, None], y[:, None])",
        "SMP": f"smp.FocalLoss('binary', alpha=0.25, gamma={gamma}, reduction='none')(z, y)",
        "mmpretrain": f"mm_focal.sigmoid_focal_loss(z, y, gamma={gamma}, alpha=0.25, reduction='none')",
        "keras": "keras.binary_focal_crossentropy(y[:, None], z[:, None], apply_class_balancing=True, alpha=0.25, "
                 f"gamma={gamma}, from_logits=True)",
        "optax": f"optax.sigmoid_focal_loss(z, y, alpha=0.25, gamma={gamma})",
    }


def softmax_focal_calls(gamma):
    return {
        "lossbook": f"lossbook.softmax_focal_loss(z, y, gamma={gamma}, reduction='none')",
        "kornia": f"kornia.focal_loss(z, y, alpha=None, gamma={gamma})",
        "MONAI": f"monai.FocalLoss(gamma={gamma}, use_softmax=True, reduction='none')(z, {ONE_HOT})",
        "SMP": f"smpf.softmax_focal_loss_with_logits(z, y, gamma={gamma}, reduction='none')",
        "keras": f"keras.categorical_focal_crossentropy({ONE_HOT}, z, alpha=1.0, gamma={gamma}, from_logits=True)",
    }


CASES = [
    Case("binary cross-entropy from logits", "binary", references.bce, {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(z, y, reduction='none')",
        "formula as written": TEXTBOOK_BCE,
        "torch": "F.binary_cross_entropy_with_logits(z, y, reduction='none')",
        "SMP": "smp.SoftBCEWithLogitsLoss(reduction='none')(z, y)",
        "keras": "keras.binary_crossentropy(y[:, None], z[:, None], from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(z, y)",
    }),
    Case("binary cross-entropy from probabilities", "binary", references.bce, {
        "lossbook": "lossbook.binary_cross_entropy(torch.sigmoid(z), y, reduction='none')",
        "torch": "F.binary_cross_entropy(torch.sigmoid(z), y, reduction='none')",
        "keras": "keras.binary_crossentropy(y[:, None], torch.sigmoid(z)[:, None])",
    }),
    Case("cross-entropy", "classes", references.cross_entropy, {
        "lossbook": "lossbook.cross_entropy(z, y, reduction='none')",
        "formula as written": TEXTBOOK_CE,
        "torch": "F.cross_entropy(z, y, reduction='none')",
        "SMP": "smp.SoftCrossEntropyLoss(reduction=None, smooth_factor=0.0)(z, y)",
        "keras": "keras.sparse_categorical_crossentropy(y, z, from_logits=True)",
        "optax": "optax.softmax_cross_entropy_with_integer_labels(z, y)",
    }),
    Case("focal, gamma 2", "binary", partial(references.focal, gamma=2, alpha=0.25), focal_calls(2.0)),
    Case("focal, gamma 0.5", "binary", partial(references.focal, gamma=0.5, alpha=0.25), focal_calls(0.5)),
    Case("softmax focal, gamma 2", "classes", partial(references.softmax_focal, gamma=2), softmax_focal_calls(2.0)),
    Case("softmax focal, gamma 0.5", "classes", partial(references.softmax_focal, gamma=0.5), softmax_focal_calls(0.5)),
    Case("asymmetric", "binary", partial(references.asymmetric, gamma_pos=1), {
        "lossbook": "lossbook.asymmetric_loss(z, y, gamma_pos=1.0, gamma_neg=4.0, margin=0.05, reduction='none')",
        "timm": "timm.AsymmetricLossMultiLabel(gamma_pos=1, gamma_neg=4, clip=0.05, reduction='none')(z, y)",
        "mmpretrain": "mm_asl.asymmetric_loss(z, y, gamma_pos=1.0, gamma_neg=4.0, clip=0.05, reduction='none')",
    }),
    Case("mean squared error", "error", references.mse, {
        "lossbook": "lossbook.mse_loss(z, y, reduction='none')",
        "torch": "F.mse_loss(z, y, reduction='none')",
        "keras": "keras.mean_squared_error(y[:, None], z[:, None])",
        "optax": "optax_losses.squared_error(z, y)",
        "torchmetrics": "torchmetrics.mean_squared_error(z[None], y[None], num_outputs=len(z))",
    }),
    Case("mean absolute error", "error", references.mae, {
        "lossbook": "lossbook.mae_loss(z, y, reduction='none')",
        "torch": "F.l1_loss(z, y, reduction='none')",
        "keras": "keras.mean_absolute_error(y[:, None], z[:, None])",
    }),
    Case("Huber, delta 2", "error", partial(references.huber, delta=2), {
        "lossbook": "lossbook.huber_loss(z, y, delta=2.0, reduction='none')",
        "torch": "F.huber_loss(z, y, delta=2.0, reduction='none')",
        "keras": "keras.huber(y[:, None], z[:, None], delta=2.0)",
        "optax": "optax.huber_loss(z, y, delta=2.0)",
    }),
    Case("smooth L1, beta 2", "error", partial(references.smooth_l1, beta=2), {
        "lossbook": "lossbook.smooth_l1_loss(z, y, beta=2.0, reduction='none')",
        "torch": "F.smooth_l1_loss(z, y, beta=2.0, reduction='none')",
    }),
    Case("log-cosh", "error", references.log_cosh, {
        "lossbook": "lossbook.log_cosh_loss(z, y, reduction='none')",
        "formula as written": "torch.log(torch.cosh(z - y))",
        "keras": "keras.log_cosh(y[:, None], z[:, None])",
        "optax": "optax.log_cosh(z, y)",
        "torchmetrics": "torchmetrics.log_cosh_error(z[None], y[None])",
    }),
    Case("quantile, 0.9", "error", partial(references.quantile_loss, quantile=0.9), {
        "lossbook": "lossbook.quantile_loss(z, y, quantile=0.9, reduction='none')",
    }),
    Case("root mean squared error of one number", "error", references.mae, {
        "lossbook": "torch.stack([lossbook.rmse_loss(a, b) for a, b in zip(z[:, None], y[:, None], strict=True)])",
        "torch": "torch.stack([F.mse_loss(a, b).sqrt() for a, b in zip(z[:, None], y[:, None], strict=True)])",
    }),
    Case("hinge", "margin", references.hinge, {
        "lossbook": "lossbook.hinge_loss(z, y, reduction='none')",
        "keras": "keras.hinge(y[:, None], z[:, None])",
        "optax": "optax.hinge_loss(z, 2 * y - 1)",
    }),
    Case("squared hinge", "margin", references.squared_hinge, {
        "lossbook": "lossbook.squared_hinge_loss(z, y, reduction='none')",
        "keras": "keras.squared_hinge(y[:, None], z[:, None])",
    }),
    Case("cross-entropy, label smoothing 0.1", "classes", partial(references.cross_entropy, label_smoothing=0.1), {
        "lossbook": "lossbook.cross_entropy(z, y, label_smoothing=0.1, reduction='none')",
        "torch": "F.cross_entropy(z, y, label_smoothing=0.1, reduction='none')",
        "keras": f"keras.categorical_crossentropy({ONE_HOT}, z, from_logits=True, label_smoothing=0.1)",
    }),
    Case("asymmetric, one label per image", "classes", partial(references.softmax_asymmetric, gamma_pos=1), {
        "lossbook": "lossbook.softmax_asymmetric_loss(z, y, gamma_pos=1.0, gamma_neg=4.0, reduction='none')",
        "timm": "timm.AsymmetricLossSingleLabel(gamma_pos=1, gamma_neg=4, reduction='none')(z, y)",
    }),
    Case("logit adjustment, counts 500, 50, 5", "classes", partial(references.logit_adjusted, counts=COUNTS), {
        "lossbook": f"lossbook.logit_adjusted_loss(z, y, counts={COUNTS}, reduction='none')",
        "formula as written": f"F.cross_entropy(z + torch.tensor({COUNTS}).log().to(z.dtype), y, reduction='none')",
    }),
    Case("LDAM, counts 500, 50, 5", "classes", partial(references.ldam, counts=COUNTS), {
        "lossbook": f"lossbook.ldam_loss(z, y, counts={COUNTS}, reduction='none')",
    }),
    Case("distribution-balanced, counts 500, 50, 5 of 1000", "labels", balanced, {
        "lossbook": f"lossbook.distribution_balanced_loss(z, y, counts={COUNTS}, total=1000, reduction='none')",
    }),
    Case("hard-example mining that keeps all", "binary", references.bce, {
        "lossbook": "lossbook.ohem_loss(z, y, keep=2000, reduction='none')",
    }),
]


@cache
def grid(kind, dtype):
    """Return logits or errors and targets: sizes from 1e-6 to 1e4, both signs, every target."""
    sizes = torch.logspace(-6, 4, 101 if kind in {"classes", "labels"} else 401, dtype=torch.float64)
    line = torch.cat([-sizes.flip(0), sizes]).to(dtype)
    if kind == "error":
        return line, torch.zeros_like(line)
    if kind == "margin":
        line = line[line.abs() != 1]  # at a margin of exactly 1 the hinge has a corner, and no one slope is right
    if kind in {"binary", "margin"}:
        return line.repeat(2), torch.arange(2).repeat_interleave(len(line)).to(dtype)
    rows = torch.stack([line, torch.zeros_like(line), -line / 2], 1)
    targets = torch.arange(3) if kind == "classes" else torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]], dtype=dtype)
    return rows.repeat(3, 1), targets.repeat_interleave(len(rows), 0)


@cache
def truth(name, dtype):
    """Return (values, gradients) of a case over its grid, in float64."""
    case = next(case for case in CASES if case.name == name)
    z, y = grid(case.kind, dtype)
    values, slopes = [], []
    for row, target in zip(z.tolist(), y.tolist(), strict=True):
        at = [mpf(v) for v in (row if isinstance(row, list) else [row])]
        loss = partial(lambda there, case, target: case.exact(there, target), case=case, target=target)
        values.append(float(loss(at)))
        slopes.append([float(slope) for slope in references.gradient(loss, at)])
    return torch.tensor(values, dtype=torch.float64), torch.tensor(slopes, dtype=torch.float64).view(z.shape)


def run(call, library, z, y):
    """Return (values, gradients) that a library computes, in float64."""
    loss = function(call)
    if library in {"optax", "rlax"}:
        import jax
        import jax.numpy as jnp

        kind = jnp.bfloat16 if z.dtype == torch.bfloat16 else jnp.float32
        y = jnp.asarray(y.float().numpy()).astype(jnp.int32 if not y.is_floating_point() else kind)
        value, back = jax.vjp(lambda at: loss(at, y), jnp.asarray(z.float().numpy()).astype(kind))
        slope = back(jnp.ones_like(value))[0]
        value, slope = (torch.tensor(found.astype(jnp.float32).tolist()) for found in (value, slope))
    else:
        z = z.clone().requires_grad_()
        value = loss(z, y)
        slope = torch.autograd.grad(value.sum(), z)[0]
    return value.detach().double().reshape(len(z), -1).sum(1), slope.double()


def judge(found, wanted, dtype):
    """Return the largest relative error, and how many numbers are not finite, or outside the promise."""
    off = (found - wanted).abs()
    outside = ~(off <= torch.clamp(PROMISE[dtype] * wanted.abs(), min=ABSOLUTE))
    visible = found.isfinite() & (wanted.abs() >= SMALLEST)
    worst = (off / wanted.abs())[visible].max().item() if visible.any() else float("nan")
    return {"worst": float(f"{worst:.2g}"), "outside": int(outside.sum()), "not_finite": int((~found.isfinite()).sum())}


def measure(case, library, dtype):
    """Return one row of the table."""
    z, y = grid(case.kind, dtype)
    value, slope = run(case.calls[library], library, z, y)
    values, slopes = truth(case.name, dtype)
    dead = int(((slope == 0) & (slopes.abs() >= ALIVE)).sum())
    return {
        "loss": case.name, "library": library, "dtype": str(dtype).removeprefix("torch."), "call": case.calls[library],
        "points": len(z), "value": judge(value, values, dtype),
        "gradient": judge(slope, slopes, dtype) | {"numbers": slope.numel(), "dead": dead},
    }


def curves():
    """Return the relative error of three forms of binary cross-entropy over the logits, for the figure."""
    case = CASES[0]
    z = torch.linspace(-30, 30, 241)
    found = {"z": z.tolist()}
    for target in (0, 1):
        y = torch.full_like(z, target)
        wanted = torch.tensor([float(case.exact([mpf(at)], target)) for at in z.tolist()], dtype=torch.float64)
        for library in ("formula as written", "torch", "lossbook"):
            value, _ = run(case.calls[library], library, z, y)
            error = ((value - wanted).abs() / wanted).tolist()
            found[f"{library}, target {target}"] = [float(f"{e:.2g}") if e < 1e300 else None for e in error]
    return found
