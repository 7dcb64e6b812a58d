"""Error of value and gradient against mpmath for the losses beyond classification, in float32.

``CASES`` goes on with the table of accuracy.py, for the losses that another library has too. In a call, z is what the
gradient is taken in, one row for each example, and y is the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import exact_families as exact
import references
import torch
from accuracy import ABSOLUTE, ALIVE, PROMISE, SMALLEST, run
from mpmath import mpf


@dataclass(frozen=True)
class Case:
    """One loss with its options: its inputs, its exact form of one example, and a call per library."""

    name: str
    inputs: Callable[[], tuple[torch.Tensor, torch.Tensor]]
    exact: Callable
    calls: dict[str, str] = field(hash=False)
    held: Callable | None = None  # a factor that the gradient takes for a constant


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def powers(first, last, count):
    return torch.logspace(first, last, count)


@cache
def masks():
    """Logits of six pixels, from 0.001 to 30 in size: all right, one wrong, three wrong."""
    y = torch.tensor([1, 1, 0, 0, 1, 0])
    right = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, -1, 1, 1], [-1, 1, -1, 1, 1, -1]])
    pixels = right * (2 * y - 1) * torch.linspace(1, 1.5, 6)
    return (powers(-3, 1.3, 16)[:, None, None] * pixels).flatten(0, 1), y.expand(48, 6)


@cache
def maps():
    """Logits of three classes in four pixels, from 0.001 to 30 in size."""
    y = torch.tensor([0, 2, 2, 1])
    right = torch.eye(3)[y].T + 0.1 * random(20, 3, 4)
    return powers(-3, 1.3, 20)[:, None, None] * right, y.expand(20, 4)


@cache
def boxes():
    """Boxes of side 0.001 to 1,000, each beside one that is moved and stretched by 0.0001 to 3 of its side."""
    side = powers(-3, 3, 60)[torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    first = side[:, None] * torch.tensor([-0.5, -0.3, 0.5, 0.3])
    moved = first + side[:, None] * powers(-4, 0.5, 60)[:, None] * torch.tensor([0.7, -0.4, 0.9, 0.2])
    return moved, first


@cache
def clouds():
    """Three points and three, 0 to 100 from the origin, 0.001 to 1 apart."""
    start = torch.tensor([0.0, 1, 10, 100]).repeat_interleave(4)[:, None, None]
    y = start + random(16, 3, 2)
    return y + powers(-3, 0, 4).repeat(4)[:, None, None] * random(16, 3, 2, seed=1), y


@cache
def few_clouds():
    """Two points and three in a square of side 1, 0 or 10 from the origin, and 1 or 0.1 apart."""
    start = torch.tensor([0.0, 10, 0, 10])[:, None, None]
    y = start + torch.tensor([[0.1, 0.9], [0.6, 0.3], [0.8, 0.7]])
    moved = torch.tensor([1.0, 1, 0.1, 0.1])[:, None, None] * torch.tensor([[0.4, -0.5], [0.2, 0.4]])
    return y[:, :2] + moved, y


@cache
def triplets():
    """Anchors, and positives and negatives at distances from 0.001 to 3 from them."""
    z = random(40, 4)
    far = torch.stack([powers(-3, 0.5, 40), powers(-3, 0.5, 40).flip(0)], 1)
    return z, z[:, None] + far[:, :, None] * random(40, 2, 4, seed=1)


@cache
def batches():
    """Six embeddings in three pairs, the two of a pair 0.001 to 10 apart."""
    x, other = random(6, 3, 4), random(6, 3, 4, seed=1)
    pairs = torch.stack([x, x + powers(-3, 1, 6)[:, None, None] * other], 2)
    return pairs.flatten(1, 2), torch.arange(6).expand(6, 6) // 2


@cache
def cosines():
    """Cosines to three classes, that to the first from -0.85 to 0.999999."""
    first = torch.cat([1 - powers(-6, -0.1, 15), -powers(-2, -0.07, 15)])
    return torch.stack([first, 0.3 * first, -0.5 * first], 1), torch.zeros(30, dtype=torch.int64)


@cache
def lists():
    """Scores of four items, from 0.001 to 100 in size, and grades."""
    return powers(-3, 2, 30)[:, None] * random(30, 4), torch.tensor([3.0, 0, 1, 2]).expand(30, 4)


@cache
def line():
    """Numbers from -100 to 100, and as many zeros."""
    z = torch.cat([-powers(-3, 2, 30), powers(-3, 2, 30)])
    return z[:, None], torch.zeros(60)


@cache
def frames():
    """Logits of four frames and three classes, from 0.01 to 30 in size, and two labels, at times equal."""
    right = torch.eye(3)[[0, 1, 0, 2]] + 0.3 * random(12, 4, 3)
    return powers(-2, 1.3, 12)[:, None, None] * right, torch.tensor([[1, 2], [1, 1]]).repeat(6, 1)


@cache
def normals():
    """Means and log-variances, from 0.0001 to 100 in size."""
    sizes = powers(-4, 2, 30)
    return torch.cat([torch.stack([sizes, sign * sizes.flip(0).clamp(max=80)], 1) for sign in (-1, 1)]), torch.zeros(60)


@cache
def ratios():
    """Log-ratios of an action's probability, from -80 to 80, and advantages of both signs."""
    z = 0.8 * line()[0].repeat(2, 1)
    return z, torch.tensor([2.0, -1.5]).repeat_interleave(60)


@cache
def policies():
    """Logits of three actions, from 0.001 to 100 in size, and an advantage of either sign."""
    return powers(-3, 2, 30)[:, None] * random(30, 3), 2 * random(30)


UNIFORM = "torch.ones(2) / 2, torch.ones(3) / 3"

CASES = [
    Case("Dice", masks, exact.tversky, {
        "lossbook": "lossbook.dice_loss(z, y, reduction='none')",
        "MONAI": "monai.DiceLoss(sigmoid=True, smooth_nr=0, smooth_dr=0, reduction='none')(z[:, None], y[:, None])",
        "SMP": "torch.stack([smp.DiceLoss('binary')(a[None, None], b[None, None]) for a, b in zip(z, y)])",
        "keras": "keras.dice(y, z.sigmoid(), axis=1)",
    }),
    Case("Jaccard", masks, partial(exact.tversky, alpha=1, beta=1), {
        "lossbook": "lossbook.jaccard_loss(z, y, reduction='none')",
        "MONAI": "monai.DiceLoss(sigmoid=True, jaccard=True, smooth_nr=0, smooth_dr=0, reduction='none')(z[:, None], "
                 "y[:, None])",
        "SMP": "torch.stack([smp.JaccardLoss('binary')(a[None, None], b[None, None]) for a, b in zip(z, y)])",
    }),
    Case("Tversky, 0.3 and 0.7", masks, partial(exact.tversky, alpha=0.3, beta=0.7), {
        "lossbook": "lossbook.tversky_loss(z, y, alpha=0.3, beta=0.7, reduction='none')",
        "MONAI": "monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, smooth_nr=0, smooth_dr=0, reduction='none')"
                 "(z[:, None], y[:, None])",
        "SMP": "torch.stack([smp.TverskyLoss('binary', alpha=0.3, beta=0.7)(a[None, None], b[None, None]) "
               "for a, b in zip(z, y)])",
    }),
    Case("focal Tversky, gamma 0.75", masks, partial(exact.tversky, alpha=0.3, beta=0.7, gamma=0.75), {
        "lossbook": "lossbook.focal_tversky_loss(z, y, alpha=0.3, beta=0.7, gamma=0.75, reduction='none')",
        "SMP": "torch.stack([smp.TverskyLoss('binary', alpha=0.3, beta=0.7, gamma=0.75)(a[None, None], b[None, None]) "
               "for a, b in zip(z, y)])",
    }),
    Case("Lovász hinge", masks, exact.lovasz_hinge, {
        "lossbook": "lossbook.lovasz_hinge_loss(z, y, reduction='none')",
        "SMP": "torch.stack([smp.LovaszLoss('binary')(a[None, None], b[None, None]) for a, b in zip(z, y)])",
        "kornia": "torch.stack([kornia.lovasz_hinge_loss(a[None, None, None], b[None, None]) for a, b in zip(z, y)])",
    }),
    Case("Lovász-softmax", maps, exact.lovasz_softmax, {
        "lossbook": "lossbook.lovasz_softmax_loss(z, y, reduction='none')",
        "SMP": "torch.stack([smp.LovaszLoss('multiclass')(a[None, :, None], b[None, None]) for a, b in zip(z, y)])",
        "kornia": "torch.stack([kornia.lovasz_softmax_loss(a[None, :, None], b[None, None]) for a, b in zip(z, y)])",
    }),
    Case("GIoU", boxes, exact.giou, {
        "lossbook": "lossbook.giou_loss(z, y, reduction='none')",
        "torchvision": "tv.generalized_box_iou_loss(z, y)",
    }),
    Case("DIoU", boxes, exact.diou, {
        "lossbook": "lossbook.diou_loss(z, y, reduction='none')",
        "torchvision": "tv.distance_box_iou_loss(z, y)",
    }),
    Case("CIoU", boxes, exact.ciou, {
        "lossbook": "lossbook.ciou_loss(z, y, reduction='none')",
        "torchvision": "tv.complete_box_iou_loss(z, y)",
    }, held=exact.weight_of_shape),
    Case("Chamfer", clouds, exact.chamfer, {
        "lossbook": "lossbook.chamfer_loss(z, y, reduction='none')",
        "torch": "(lambda d: (d.amin(1) ** 2).mean(1) + (d.amin(2) ** 2).mean(1))(torch.cdist(z, y, "
                 "compute_mode='use_mm_for_euclid_dist'))",
    }),
    Case("EMD", clouds, exact.emd, {
        "lossbook": "torch.stack([lossbook.emd_loss(a, b) for a, b in zip(z, y)])",
        "POT": "torch.stack([ot.emd2(torch.ones(3) / 3, torch.ones(3) / 3, ot.dist(a, b, metric='euclidean')) "
               "for a, b in zip(z, y)])",
    }),
    Case("Sinkhorn loss, regularisation 0.3", few_clouds, partial(exact.sinkhorn, reg=0.3, rounds=40), {
        "lossbook": "torch.stack([lossbook.sinkhorn_loss(a, b, reg=0.3) for a, b in zip(z, y)])",
        "POT": f"torch.stack([ot.sinkhorn2({UNIFORM}, ot.dist(a, b), 0.3) for a, b in zip(z, y)])",
        "POT, log": f"torch.stack([ot.sinkhorn2({UNIFORM}, ot.dist(a, b), 0.3, method='sinkhorn_log') "
                    "for a, b in zip(z, y)])",
    }),
    Case("Sinkhorn divergence, blur 0.5", few_clouds, partial(exact.divergence, blur=0.5, rounds=40), {
        "lossbook": "torch.stack([lossbook.sinkhorn_divergence(a, b, blur=0.5) for a, b in zip(z, y)])",
        "geomloss": "torch.stack([geomloss.SamplesLoss('sinkhorn', blur=0.5)(a, b) for a, b in zip(z, y)])",
    }),
    Case("triplet", triplets, exact.triplet, {
        "lossbook": "lossbook.triplet_loss(z, y[:, 0], y[:, 1], reduction='none')",
        "torch": "F.triplet_margin_loss(z, y[:, 0], y[:, 1], reduction='none')",
        "optax": "optax_losses.triplet_margin_loss(z, y[:, 0], y[:, 1])",
    }),
    Case("NT-Xent, temperature 0.05", batches, partial(exact.sup_con, temperature=0.05), {
        "lossbook": "torch.stack([lossbook.nt_xent_loss(a[::2], a[1::2], temperature=0.05) for a in z])",
        "PML": "torch.stack([pml.NTXentLoss(temperature=0.05)(a, b) for a, b in zip(z, y)])",
        "MONAI": "torch.stack([monai.ContrastiveLoss(temperature=0.05)(a[::2], a[1::2]) for a in z])",
        "optax": "jnp.stack([optax.ntxent(a, b, temperature=0.05) for a, b in zip(z, y)])",
    }),
    Case("SupCon, temperature 0.05", batches, partial(exact.sup_con, temperature=0.05), {
        "lossbook": "torch.stack([lossbook.sup_con_loss(a, b, temperature=0.05) for a, b in zip(z, y)])",
        "PML": "torch.stack([pml.SupConLoss(temperature=0.05, reducer=pml_reducers.MeanReducer())(a, b) "
               "for a, b in zip(z, y)])",
    }),
    Case("angular, 40 degrees", batches, exact.angular, {
        "lossbook": "torch.stack([lossbook.angular_loss(a, b) for a, b in zip(z, y)])",
        "PML": "torch.stack([pml.AngularLoss(alpha=40)(a, b) for a, b in zip(z, y)])",
    }),
    Case("ArcFace", cosines, exact.arcface, {
        "lossbook": "lossbook.arcface_loss(z, y, reduction='none')",
        "formula as written": "F.cross_entropy(64 * torch.cat([(z[:, :1].acos() + 0.5).cos(), z[:, 1:]], 1), y, "
                              "reduction='none')",
    }),
    Case("ListNet", lists, exact.list_net, {
        "lossbook": "lossbook.list_net_loss(z, y, reduction='none')",
        "optax": "optax_losses.ranking_softmax_loss(z, jax.nn.softmax(y), reduce_fn=None)",
    }),
    Case("Bradley-Terry", line, exact.preference, {
        "lossbook": "lossbook.preference_loss(z[:, 0], y, reduction='none')",
        "formula as written": "-torch.log(torch.sigmoid(z[:, 0] - y))",
    }),
    Case("CTC", frames, exact.ctc, {
        "lossbook": "lossbook.ctc_loss(z.log_softmax(2).movedim(1, 0), y, torch.full_like(y[:, 0], 4), "
                    "torch.full_like(y[:, 0], 2), reduction='none')",
        "torch": "F.ctc_loss(z.log_softmax(2).movedim(1, 0), y, (4,) * len(y), (2,) * len(y), reduction='none')",
        "keras": "keras.ctc(y, z)",
        "optax": "optax.ctc_loss(z, jnp.zeros(z.shape[:2]), y, jnp.zeros(y.shape))",
    }),
    Case("Gaussian KL divergence", normals, exact.gaussian_kl, {
        "lossbook": "lossbook.gaussian_kl_loss(z[:, :1], z[:, 1:], reduction='none')",
        "formula as written": "(z[:, 0] ** 2 + z[:, 1].exp() - 1 - z[:, 1]) / 2",
        "torch": "distributions.kl_divergence(distributions.Normal(z[:, 0], (z[:, 1] / 2).exp()), "
                 "distributions.Normal(0., 1.))",
    }),
    Case("non-saturating generator", line, exact.preference, {
        "lossbook": "lossbook.non_saturating_generator_loss(z[:, 0], reduction='none')",
        "formula as written": "-torch.log(torch.sigmoid(z[:, 0]))",
        "MONAI": "monai.PatchAdversarialLoss(reduction='none', criterion='bce')(z, True, False)[0]",
    }),
    Case("PPO, clip 0.2", ratios, exact.ppo, {
        "lossbook": "lossbook.ppo_loss(z[:, 0], torch.zeros_like(y), y, reduction='none')",
        "formula as written": "-torch.minimum(y * z[:, 0].exp(), y * z[:, 0].exp().clamp(0.8, 1.2))",
        "rlax": "jax.vmap(lambda a, b: rlax.clipped_surrogate_pg_loss(jnp.exp(a), b[None], 0.2))(z, y)",
    }),
    Case("policy gradient", policies, exact.policy_gradient, {
        "lossbook": "lossbook.policy_gradient_loss(z, torch.zeros_like(y).long(), y, reduction='none')",
        "torch": "-y * distributions.Categorical(logits=z).log_prob(torch.zeros_like(y))",
        "rlax": "jax.vmap(lambda a, b: rlax.policy_gradient_loss(a[None], jnp.array([0]), b[None], jnp.ones(1)))(z, y)",
    }),
    Case("entropy", policies, exact.entropy, {
        "lossbook": "lossbook.entropy_bonus(z, reduction='none')",
        "torch": "distributions.Categorical(logits=z).entropy()",
        "rlax": "jax.vmap(lambda a: -rlax.entropy_loss(a[None], jnp.ones(1)))(z)",
    }),
]


def example(numbers, columns):
    """Return the mpmath numbers of one example: a list, or a list of rows if it has columns."""
    return exact.rows(numbers, *columns) if columns else numbers


@cache
def truth(name):
    """Return (values, gradients) of a case, in float64."""
    case = next(case for case in CASES if case.name == name)
    z, y = case.inputs()
    values, slopes = [], []
    for row, target in zip(z.flatten(1).tolist(), y.tolist(), strict=True):
        at = [mpf(v) for v in row]
        held = {"held": case.held(example(at, z.shape[2:]), target)} if case.held else {}
        loss = partial(loss_of, case, z.shape[2:], target, **held)
        values.append(float(loss(at)))
        slopes.append([float(slope) for slope in references.gradient(loss, at)])
    return torch.tensor(values, dtype=torch.float64), torch.tensor(slopes, dtype=torch.float64).view(z.shape)


def loss_of(case, columns, target, at, **held):
    return case.exact(example(at, columns), target, **held)


def judge(found, wanted):
    """Return the largest error, and how many numbers are not finite, or outside the promise.

    An error counts in proportion to the largest entry of an example: of a sum of several terms, which most entries of
    these gradients are, no float32 is exact to the last digit once the terms cancel.
    """
    off, size = (part.abs().reshape(len(wanted), -1) for part in (found - wanted, wanted))
    scale = size.amax(1, keepdim=True).expand(off.shape)
    outside = ~(off <= torch.clamp(PROMISE[torch.float32] * scale, min=ABSOLUTE))
    visible = off.isfinite() & (scale >= SMALLEST)
    worst = (off / scale)[visible].max().item() if visible.any() else float("nan")
    return {"worst": float(f"{worst:.2g}"), "outside": int(outside.sum()), "not_finite": int((~found.isfinite()).sum())}


def measure(case, library):
    """Return one row of the table."""
    z, y = case.inputs()
    value, slope = run(case.calls[library], library, z, y)
    values, slopes = truth(case.name)
    dead = int(((slope == 0) & (slopes.abs() >= ALIVE)).sum())
    return {
        "loss": case.name, "library": library, "dtype": "float32", "call": case.calls[library], "points": len(z),
        "value": judge(value, values),
        "gradient": judge(slope, slopes) | {"numbers": slope.numel(), "dead": dead},
    }
