"""What each library answers to one small question: a formula, a convention, a gradient, a bad input.

``BEHAVIOURS`` is the table. A call is a string (see libraries.py) that gives a number, or a few; the answer is kept
as text. Where there is one right answer, ``exact`` says it, as an expression in plain Python or mpmath; an
answer agrees when it lies within 0.1 %. A convention has no right answer: ``exact`` is then None.
What a departure means stands in ``harm``; of a gradient, ``severity`` reads it from the answer.
"""

import math
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import references
import torch
from libraries import NAMES, Lazy, load
from mpmath import mp, mpf

OLDER = Path(sys.prefix) / "older"  # an earlier kornia, which `make bench` installs
ERROR = "error"
REFUSALS = (ValueError, TypeError, IndexError, RuntimeError, AssertionError)  # how a library refuses an input

# What a departure means, from the worst to the mildest.
WRONG, OTHER, GRADIENT, OVERFLOW = "wrong formula", "other formula", "gradient", "overflow"
SIDE, DEFAULTS, SILENT, CLIPPED, ROUNDING = "side effect", "raises", "silent", "clipped", "rounding"


@dataclass(frozen=True)
class Behaviour:
    """One row: a question, the right answer if there is one, a call per library, threads that discuss it."""

    family: str
    question: str
    exact: object
    calls: dict[str, str]
    issues: Sequence[str] = field(default=())
    note: str = ""
    harm: str = ROUNDING


def t(*numbers):
    return torch.tensor(numbers, dtype=torch.float32)


def slope(loss, *numbers):
    """Return the gradient of the sum of ``loss`` at these numbers; a nested list gives a matrix."""
    z = torch.tensor(numbers[0] if isinstance(numbers[0], list) else numbers, dtype=torch.float32, requires_grad=True)
    return torch.autograd.grad(loss(z).sum(), z)[0]


def jax_slope(loss, *numbers):
    import jax
    import jax.numpy as jnp

    return jax.grad(lambda z: loss(z).sum())(jnp.asarray(numbers[0] if isinstance(numbers[0], list) else numbers))


def older_kornia(call):
    """Return what ``call`` gives with the earlier kornia, in a process of its own."""
    code = f"import torch, kornia.losses as kornia\nfrom torch import tensor\nprint(float({call}))"
    path = f"{OLDER}:" + ":".join(sys.path)
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env={"PYTHONPATH": path}, text=True,
                         capture_output=True, check=True)
    return float(run.stdout)


def gradients_on(call):
    """Return 1 if gradients are switched on again after ``call`` inside torch.no_grad, else 0."""
    with torch.no_grad():
        call()
        return float(torch.is_grad_enabled())


HELPERS = {"t": t, "tensor": torch.tensor, "slope": slope, "jax_slope": jax_slope, "older_kornia": older_kornia,
           "gradients_on": gradients_on, "math": math}


def softplus(z):
    return mp.log1p(mp.exp(mpf(z)))


def exact_slope(loss, *z, target, **options):
    return references.gradient(lambda at: loss(at, target, **options), [mpf(v) for v in z])[0]


def p_of(z):
    return 1 / (1 + mp.exp(-mpf(z)))


CE_ROWS = "tensor([[2.3, 2.1, 4.5], [4.2, 3.2, 5.1]])"
UNIFORM = "torch.zeros(4, 3), tensor([0, 1, 2, 0])"
LINE = "tensor([1., 2., 3.]), tensor([[1.], [2.], [3.]])"
MASK = "[[[[9., -9.], [-9., -9.]]]]"  # logits that predict one pixel of four
PT = "https://github.com/pytorch/pytorch/issues/"
KORNIA = "https://github.com/kornia/kornia/"
SMP = "https://github.com/qubvel-org/segmentation_models.pytorch/issues/"
MONAI = "https://github.com/Project-MONAI/MONAI/issues/"

BCE = "Binary cross-entropy"
CE = "Cross-entropy over classes"
FOCAL = "Focal loss"
SOFTMAX_FOCAL = "Focal loss over classes"
ASL = "Asymmetric loss"
REGRESSION = "Regression"
DIVERGENCE = "Divergences and hinge"

BEHAVIOURS = [
    Behaviour(BCE, "Value at logit 20, target 1", softplus(-20), {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(t(20), t(1))",
        "torch": "F.binary_cross_entropy_with_logits(t(20), t(1))",
        "SMP": "smp.SoftBCEWithLogitsLoss()(t(20), t(1))",
        "keras": "keras.binary_crossentropy(t(1), t(20), from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(jnp.float32(20), 1)",
    }),
    Behaviour(BCE, "Its mirror image: value at logit -20, target 0", softplus(-20), {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(t(-20), t(0))",
        "torch": "F.binary_cross_entropy_with_logits(t(-20), t(0))",
        "SMP": "smp.SoftBCEWithLogitsLoss()(t(-20), t(0))",
        "keras": "keras.binary_crossentropy(t(0), t(-20), from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(jnp.float32(-20), 0)",
    }, [PT + "195529", PT + "195677"]),
    Behaviour(BCE, "The same logit in bfloat16, -8 with target 0", softplus(-8), {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(t(-8).bfloat16(), t(0))",
        "torch": "F.binary_cross_entropy_with_logits(t(-8).bfloat16(), t(0).bfloat16())",
        "SMP": "smp.SoftBCEWithLogitsLoss()(t(-8).bfloat16(), t(0).bfloat16())",
        "keras": "keras.binary_crossentropy(t(0).bfloat16(), t(-8).bfloat16(), from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(jnp.bfloat16(-8), 0)",
    }, note="bfloat16 holds about three digits; the right answer in it is 0.0003357."),
    Behaviour(BCE, "From probabilities: value at sigmoid(-200), target 1", None, {
        "lossbook": "lossbook.binary_cross_entropy(t(-200).sigmoid(), t(1))",
        "torch": "F.binary_cross_entropy(t(-200).sigmoid(), t(1))",
        "keras": "keras.binary_crossentropy(t(1), t(-200).sigmoid())",
    }, [PT + "103316"], "The probability is 0 in float32, so the loss of it is infinite; from the logit it is 200."),
    Behaviour(BCE, "From probabilities: slope in the logit at 20, target 0", p_of(20), {
        "lossbook": "slope(lambda z: lossbook.binary_cross_entropy(z.sigmoid(), t(0)), 20)",
        "torch": "slope(lambda z: F.binary_cross_entropy(z.sigmoid(), t(0)), 20)",
        "keras": "slope(lambda z: keras.binary_crossentropy(t(0), z.sigmoid()), 20)",
    }, [PT + "103316", "https://github.com/keras-team/keras/issues/9664"],
        "A slope of 0 means: this wrong answer is never corrected. From logits it is 1 in every library.",
        harm=GRADIENT),
    Behaviour(BCE, "Target 2, logit 0.5", ERROR, {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(t(0.5), t(2))",
        "torch": "F.binary_cross_entropy_with_logits(t(0.5), t(2))",
        "SMP": "smp.SoftBCEWithLogitsLoss()(t(0.5), t(2))",
        "keras": "keras.binary_crossentropy(t(2), t(0.5), from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(jnp.float32(0.5), 2)",
    }, [PT + "110865"]),
    Behaviour(BCE, "Logits of shape (3,), targets of shape (3, 1)", ERROR, {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(torch.zeros(3), torch.zeros(3, 1))",
        "torch": "F.binary_cross_entropy_with_logits(torch.zeros(3), torch.zeros(3, 1))",
        "SMP": "smp.SoftBCEWithLogitsLoss()(torch.zeros(3), torch.zeros(3, 1))",
        "keras": "keras.binary_crossentropy(torch.zeros(3, 1), torch.zeros(3), from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(jnp.zeros(3), jnp.zeros((3, 1))).shape",
    }),
    Behaviour(CE, "Value at logits (20, 0, 0), target 0", mp.log1p(2 * mp.exp(-20)), {
        "lossbook": "lossbook.cross_entropy(tensor([[20., 0, 0]]), tensor([0]))",
        "torch": "F.cross_entropy(tensor([[20., 0, 0]]), tensor([0]))",
        "SMP": "smp.SoftCrossEntropyLoss(smooth_factor=0.)(tensor([[20., 0, 0]]), tensor([0]))",
        "keras": "keras.sparse_categorical_crossentropy(tensor([0]), tensor([[20., 0, 0]]), from_logits=True)",
        "optax": "optax.softmax_cross_entropy_with_integer_labels(jnp.array([20., 0, 0]), 0)",
    }, [PT + "113708"]),
    Behaviour(CE, "The same from the fused linear layer: weights the identity, input (20, 0, 0)",
              mp.log1p(2 * mp.exp(-20)), {
        "torch": "F.linear_cross_entropy(tensor([[20., 0, 0]]), torch.eye(3), tensor([0]))",
    }, note="New in torch 2.13; it computes the logits in pieces, and the loss as torch's cross_entropy does."),
    Behaviour(CE, "Mean with class weights (25, 25, 100): integer targets, then the same as probabilities", None, {
        "lossbook": f"[lossbook.cross_entropy({CE_ROWS}, tensor([1, 2]), weight=t(25, 25, 100)), "
                    f"lossbook.cross_entropy({CE_ROWS}, tensor([[0., 1, 0], [0, 0, 1]]), weight=t(25, 25, 100))]",
        "torch": f"[F.cross_entropy({CE_ROWS}, tensor([1, 2]), weight=t(25, 25, 100)), F.cross_entropy("
                 f"{CE_ROWS}, tensor([[0., 1, 0], [0, 0, 1]]), weight=t(25, 25, 100))]",
    }, [PT + "107680"], "torch divides by the sum of the weights, or by N when the targets are probabilities."),
    Behaviour(CE, "Mean over two uniform rows of three classes, one of them ignored", None, {
        "lossbook": "lossbook.cross_entropy(torch.zeros(2, 3), tensor([0, -100]))",
        "torch": "F.cross_entropy(torch.zeros(2, 3), tensor([0, -100]))",
        "SMP": "smp.SoftCrossEntropyLoss(smooth_factor=0.)(torch.zeros(2, 3), tensor([0, -100]))",
        "kornia": "kornia.focal_loss(torch.zeros(2, 3), tensor([0, -100]), alpha=None, gamma=0., reduction='mean')",
    }, [SMP + "852"], "ln 3 = 1.099 over what is kept, half of it over both rows. kornia has no "
        "cross-entropy; this is its focal loss at gamma 0, a mean over 2 x 3 numbers."),
    Behaviour(CE, "Mean when every row is ignored", None, {
        "lossbook": "lossbook.cross_entropy(torch.zeros(2, 3), tensor([-100, -100]))",
        "torch": "F.cross_entropy(torch.zeros(2, 3), tensor([-100, -100]))",
        "SMP": "smp.SoftCrossEntropyLoss(smooth_factor=0.)(torch.zeros(2, 3), tensor([-100, -100]))",
        "kornia": "kornia.focal_loss(torch.zeros(2, 3), tensor([-100, -100]), alpha=None, gamma=0., reduction='mean')",
    }, [PT + "70348"]),
    Behaviour(CE, "A class that does not exist: target 3 of classes 0 to 2", ERROR, {
        "lossbook": "lossbook.cross_entropy(torch.zeros(1, 3), tensor([3]))",
        "torch": "F.cross_entropy(torch.zeros(1, 3), tensor([3]))",
        "SMP": "smp.SoftCrossEntropyLoss(smooth_factor=0.)(torch.zeros(1, 3), tensor([3]))",
        "keras": "keras.sparse_categorical_crossentropy(tensor([3]), torch.zeros(1, 3), from_logits=True)",
        "optax": "optax.softmax_cross_entropy_with_integer_labels(jnp.zeros(3), 3)",
    }, ["https://github.com/google-deepmind/optax/issues/1185"]),
    Behaviour(CE, "Called with its own defaults, two uniform rows of three classes", mp.log(3), {
        "lossbook": "lossbook.cross_entropy(torch.zeros(2, 3), tensor([0, 1]))",
        "torch": "F.cross_entropy(torch.zeros(2, 3), tensor([0, 1]))",
        "SMP": "smp.SoftCrossEntropyLoss()(torch.zeros(2, 3), tensor([0, 1]))",
    }, [SMP + "372"], harm=DEFAULTS),
    Behaviour(FOCAL, "Slope at gamma 0.5, logit 20, target 1", exact_slope(references.focal, 20, target=1, gamma=0.5), {
        "lossbook": "slope(lambda z: lossbook.focal_loss(z, t(1), gamma=0.5), 20)",
        "torchvision": "slope(lambda z: tv.sigmoid_focal_loss(z, t(1), gamma=0.5, alpha=-1), 20)",
        "kornia": "slope(lambda z: kornia.binary_focal_loss_with_logits(z, t(1)[None], gamma=0.5, alpha=None), "
                  "[[20.]])",
        "MONAI": "slope(lambda z: monai.FocalLoss(gamma=0.5)(z, t(1)[None]), [[20.]])",
        "SMP": "slope(lambda z: smp.FocalLoss('binary', gamma=0.5)(z, t(1)), 20)",
        "mmpretrain": "slope(lambda z: mm_focal.sigmoid_focal_loss(z, t(1), gamma=0.5, alpha=1), 20)",
        "keras": "slope(lambda z: keras.binary_focal_crossentropy(t(1), z, gamma=0.5, from_logits=True), 20)",
        "optax": "jax_slope(lambda z: optax.sigmoid_focal_loss(z, 1, gamma=0.5), 20.)",
        "imbalanced-losses": "slope(lambda z: imbalanced.SigmoidFocalLoss(alpha=-1, gamma=0.5)(z, t(1)), 20)",
    }, [KORNIA + "issues/918", "https://github.com/google-deepmind/optax/issues/1267",
        "https://github.com/tensorflow/tensorflow/issues/70326"],
        "Closed in kornia and optax: both were repaired, and now answer exactly.", harm=GRADIENT),
    Behaviour(FOCAL, "Slope at gamma 2, logit -20, target 1: a hard positive",
              exact_slope(references.focal, -20, target=1), {
        "lossbook": "slope(lambda z: lossbook.focal_loss(z, t(1), gamma=2), -20)",
        "torchvision": "slope(lambda z: tv.sigmoid_focal_loss(z, t(1), gamma=2, alpha=-1), -20)",
        "kornia": "slope(lambda z: kornia.binary_focal_loss_with_logits(z, t(1)[None], gamma=2, alpha=None), [[-20.]])",
        "MONAI": "slope(lambda z: monai.FocalLoss(gamma=2)(z, t(1)[None]), [[-20.]])",
        "SMP": "slope(lambda z: smp.FocalLoss('binary', gamma=2)(z, t(1)), -20)",
        "mmpretrain": "slope(lambda z: mm_focal.sigmoid_focal_loss(z, t(1), gamma=2, alpha=1), -20)",
        "keras": "slope(lambda z: keras.binary_focal_crossentropy(t(1), z, gamma=2, from_logits=True), -20)",
        "optax": "jax_slope(lambda z: optax.sigmoid_focal_loss(z, 1, gamma=2), -20.)",
        "imbalanced-losses": "slope(lambda z: imbalanced.SigmoidFocalLoss(alpha=-1)(z, t(1)), -20)",
    }, harm=GRADIENT),
    Behaviour(FOCAL, "gamma = -1, logit 0.5", ERROR, {
        "lossbook": "lossbook.focal_loss(t(0.5), t(1), gamma=-1.)",
        "torchvision": "tv.sigmoid_focal_loss(t(0.5), t(1), gamma=-1, alpha=-1)",
        "kornia": "kornia.binary_focal_loss_with_logits(t(0.5)[None], t(1)[None], gamma=-1, alpha=None)",
        "MONAI": "monai.FocalLoss(gamma=-1)(t(0.5)[None], t(1)[None])",
        "SMP": "smp.FocalLoss('binary', gamma=-1)(t(0.5), t(1))",
        "mmpretrain": "mm_focal.sigmoid_focal_loss(t(0.5), t(1), gamma=-1, alpha=1)",
        "keras": "keras.binary_focal_crossentropy(t(1), t(0.5), gamma=-1, from_logits=True)",
        "optax": "optax.sigmoid_focal_loss(jnp.float32(0.5), 1, gamma=-1)",
        "imbalanced-losses": "imbalanced.SigmoidFocalLoss(alpha=-1, gamma=-1)(t(0.5), t(1))",
    }),
    Behaviour(FOCAL, "alpha = 1.5, logit 0.5, target 0", ERROR, {
        "lossbook": "lossbook.focal_loss(t(0.5), t(0), alpha=1.5)",
        "torchvision": "tv.sigmoid_focal_loss(t(0.5), t(0), alpha=1.5)",
        "kornia": "kornia.binary_focal_loss_with_logits(t(0.5)[None], t(0)[None], alpha=1.5)",
        "MONAI": "monai.FocalLoss(alpha=1.5)(t(0.5)[None], t(0)[None])",
        "SMP": "smp.FocalLoss('binary', alpha=1.5)(t(0.5), t(0))",
        "mmpretrain": "mm_focal.sigmoid_focal_loss(t(0.5), t(0), alpha=1.5)",
        "keras": "keras.binary_focal_crossentropy(t(0), t(0.5), alpha=1.5, apply_class_balancing=True, "
                 "from_logits=True)",
        "optax": "optax.sigmoid_focal_loss(jnp.float32(0.5), 0, alpha=1.5)",
        "imbalanced-losses": "imbalanced.SigmoidFocalLoss(alpha=1.5)(t(0.5), t(0))",
    }),
    Behaviour(FOCAL, "Sum over one image of 2 x 2 pixels, gamma 0, logits 0", None, {
        "lossbook": "lossbook.focal_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=0, reduction='sum')",
        "torchvision": "tv.sigmoid_focal_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=0, alpha=-1, "
                       "reduction='sum')",
        "kornia": "kornia.binary_focal_loss_with_logits(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=0, "
                  "alpha=None, reduction='sum')",
        "MONAI": "monai.FocalLoss(gamma=0, reduction='sum')(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))",
        "SMP": "smp.FocalLoss('binary', gamma=0, reduction='sum')(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))",
        "mmpretrain": "mm_focal.sigmoid_focal_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), gamma=0, alpha=1, "
                      "reduction='sum')",
        "imbalanced-losses": "imbalanced.SigmoidFocalLoss(alpha=-1, gamma=0, reduction='sum')"
                             "(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))",
    }, note="4 ln 2 = 2.773. MONAI averages over space before it sums; its source says: to stay compatible."),
    Behaviour(SOFTMAX_FOCAL, "Mean at gamma 0 over uniform rows of three classes", None, {
        "lossbook": f"lossbook.softmax_focal_loss({UNIFORM}, gamma=0)",
        "kornia": f"kornia.focal_loss({UNIFORM}, alpha=None, gamma=0., reduction='mean')",
        "MONAI": "monai.FocalLoss(gamma=0., use_softmax=True)(torch.zeros(4, 3), F.one_hot(tensor([0, 1, 2, 0])))",
        "SMP": f"smpf.softmax_focal_loss_with_logits({UNIFORM}, gamma=0.)",
        "keras": "keras.categorical_focal_crossentropy(F.one_hot(tensor([0, 1, 2, 0])), torch.zeros(4, 3), alpha=1., "
                 "gamma=0., from_logits=True).mean()",
    }, [KORNIA + "pull/2393"], "Cross-entropy gives ln 3 = 1.099. kornia and MONAI take the mean over "
        "all N x K numbers, most of which are 0."),
    Behaviour(SOFTMAX_FOCAL, "Sum at gamma 0 over two uniform rows of three classes", None, {
        "lossbook": "lossbook.softmax_focal_loss(torch.zeros(2, 3), tensor([0, 1]), gamma=0, reduction='sum')",
        "kornia": "kornia.focal_loss(torch.zeros(2, 3), tensor([0, 1]), alpha=None, gamma=0., reduction='sum')",
        "MONAI": "monai.FocalLoss(gamma=0., use_softmax=True, reduction='sum')(torch.zeros(2, 3), "
                 "F.one_hot(tensor([0, 1]), 3))",
        "SMP": "smpf.softmax_focal_loss_with_logits(torch.zeros(2, 3), tensor([0, 1]), gamma=0., reduction='sum')",
    }, note="Cross-entropy gives 2 ln 3 = 2.197. MONAI averages over space first; without spatial axes, over all."),
    Behaviour(SOFTMAX_FOCAL, "Factor that a scalar alpha of 0.25 gives to classes 0, 1 and 2", None, {
        "kornia": "(kornia.focal_loss(torch.zeros(3, 3), torch.arange(3), alpha=0.25) / "
                  "kornia.focal_loss(torch.zeros(3, 3), torch.arange(3), alpha=None)).nan_to_num().sum(1)",
        "MONAI": "(monai.FocalLoss(use_softmax=True, alpha=0.25, reduction='none')(torch.zeros(3, 3), torch.eye(3)) / "
                 "monai.FocalLoss(use_softmax=True, reduction='none')(torch.zeros(3, 3), torch.eye(3)))"
                 ".nan_to_num().sum(1)",
        "keras": "keras.categorical_focal_crossentropy(torch.eye(3), torch.zeros(3, 3), from_logits=True) / "
                 "keras.categorical_focal_crossentropy(torch.eye(3), torch.zeros(3, 3), alpha=1., from_logits=True)",
    }, [KORNIA + "issues/875", MONAI + "8601"], "lossbook takes one weight per class instead."),
    Behaviour(SOFTMAX_FOCAL, "Loss of logits (2, 0, -1), target 0, gamma 2",
              -(1 - mp.exp(2) / (mp.exp(2) + 1 + mp.exp(-1))) ** 2 * mp.log(mp.exp(2) / (mp.exp(2) + 1 + mp.exp(-1))), {
        "lossbook": "lossbook.softmax_focal_loss(tensor([[2., 0, -1]]), tensor([0]), gamma=2)",
        "kornia": "kornia.focal_loss(tensor([[2., 0, -1]]), tensor([0]), alpha=None, gamma=2., reduction='sum')",
        "MONAI": "monai.FocalLoss(use_softmax=True, reduction='none')(tensor([[2., 0, -1]]), "
                 "F.one_hot(tensor([0]), 3)).sum()",
        "SMP": "smp.FocalLoss('multiclass', reduction='sum')(tensor([[2., 0, -1]]), tensor([0]))",
        "keras": "keras.categorical_focal_crossentropy(F.one_hot(tensor([0]), 3), tensor([[2., 0, -1]]), alpha=1., "
                 "from_logits=True)",
        "balanced-loss": "balanced.Loss(loss_type='focal_loss')(tensor([[2., 0, -1]]), tensor([0]))",
        "imbalanced-losses": "imbalanced.SoftmaxFocalLoss()(tensor([[2., 0, -1]]), tensor([0]))",
    }, [SMP + "671"], "SMP's mode 'multiclass' and balanced-loss apply one sigmoid per class, as for several labels.",
        harm=OTHER),
    Behaviour(SOFTMAX_FOCAL, "Slope in the first logit at (20, 0, 0), target 0, gamma 0.5",
              exact_slope(references.softmax_focal, 20, 0, 0, target=0, gamma=0.5), {
        "lossbook": "slope(lambda z: lossbook.softmax_focal_loss(z, tensor([0]), gamma=0.5), [[20., 0, 0]])[:, 0]",
        "kornia": "slope(lambda z: kornia.focal_loss(z, tensor([0]), alpha=None, gamma=0.5), [[20., 0, 0]])[:, 0]",
        "MONAI": "slope(lambda z: monai.FocalLoss(gamma=0.5, use_softmax=True, reduction='sum')(z, "
                 "F.one_hot(tensor([0]), 3)), [[20., 0, 0]])[:, 0]",
        "SMP": "slope(lambda z: smpf.softmax_focal_loss_with_logits(z, tensor([0]), gamma=0.5), [[20., 0, 0]])[:, 0]",
        "keras": "slope(lambda z: keras.categorical_focal_crossentropy(F.one_hot(tensor([0]), 3), z, alpha=1., "
                 "gamma=0.5, from_logits=True), [[20., 0, 0]])[:, 0]",
        "imbalanced-losses": "slope(lambda z: imbalanced.SoftmaxFocalLoss(gamma=0.5)(z, tensor([0])), "
                             "[[20., 0, 0]])[:, 0]",
    }, harm=GRADIENT),
    Behaviour(SOFTMAX_FOCAL, "Logits (-100, 0), target 0: the loss, and its slope in the first logit", None, {
        "lossbook": "[lossbook.softmax_focal_loss(tensor([[-100., 0]]), tensor([0])), slope(lambda z: "
                    "lossbook.softmax_focal_loss(z, tensor([0])), [[-100., 0]])[0, 0]]",
        "balanced-loss": "[balanced.Loss(loss_type='focal_loss')(tensor([[-100., 0]]), tensor([0])), slope(lambda z: "
                         "balanced.Loss(loss_type='focal_loss')(z, tensor([0])), [[-100., 0]])[0, 0]]",
    }, note="The exact loss is 100 with a softmax, and 100.2 with one sigmoid per class; the slope is -1 in both."),
    Behaviour(ASL, "Slope at logit -20, target 1: a hard positive (gamma 1 and 4, margin 0.05)",
              exact_slope(references.asymmetric, -20, target=1, gamma_pos=1), {
        "lossbook": "slope(lambda z: lossbook.asymmetric_loss(z, t(1), gamma_pos=1, gamma_neg=4, margin=0.05), -20)",
        "timm": "slope(lambda z: timm.AsymmetricLossMultiLabel(reduction='none')(z, t(1)), -20)",
        "mmpretrain": "slope(lambda z: mm_asl.asymmetric_loss(z, t(1)), -20)",
    }, ["https://github.com/Alibaba-MIIL/ASL/issues/106"], harm=GRADIENT),
    Behaviour(ASL, "Slope at p = 0.9, target 0 (gamma 4, margin 0.05): whole, then with the factor detached", None, {
        "lossbook": "[slope(lambda z: lossbook.asymmetric_loss(z, t(0)), math.log(9))]",
        "timm": "[slope(lambda z: timm.AsymmetricLossMultiLabel(disable_torch_grad_focal_loss=off)(z[None], "
                "t(0)[None]), math.log(9)) for off in (False, True)]",
        "mmpretrain": "[slope(lambda z: mm_asl.asymmetric_loss(z, t(0), reduction='sum'), math.log(9))]",
    }, note="The training script of the authors computes the focusing factor without gradient, which timm offers as an "
            "option: a hard negative then pulls with 0.31 in place of the 0.73 of the formula."),
    Behaviour(ASL, "Loss of a (2, 3) batch of logits 0, targets 1, default reduction", None, {
        "lossbook": "lossbook.asymmetric_loss(torch.zeros(2, 3), torch.ones(2, 3), gamma_pos=1)",
        "timm": "timm.AsymmetricLossMultiLabel()(torch.zeros(2, 3), torch.ones(2, 3))",
        "mmpretrain": "mm_asl.asymmetric_loss(torch.zeros(2, 3), torch.ones(2, 3))",
    }, note="timm sums over the labels and averages over the batch; the paper's code sums over both."),
    Behaviour(ASL, "One label per image: loss at gamma_neg 0 and at 4, without label smoothing", None, {
        "timm": "[timm.AsymmetricLossSingleLabel(gamma_neg=0, eps=0)(tensor([[2., 0, -1]]), tensor([0])), "
                "timm.AsymmetricLossSingleLabel(gamma_neg=4, eps=0)(tensor([[2., 0, -1]]), tensor([0]))]",
    }, ["https://github.com/Alibaba-MIIL/ASL/issues/68"], "Two equal numbers: gamma_neg acts only through smoothing."),
    Behaviour(ASL, "Are gradients on again after a call inside no_grad? (1 yes, 0 no)", mpf(0), {
        "lossbook": "gradients_on(lambda: lossbook.asymmetric_loss(t(1), t(1)))",
        "timm": "gradients_on(lambda: timm.AsymmetricLossMultiLabel(disable_torch_grad_focal_loss=True)"
                "(t(1)[None], t(1)[None]))",
        "mmpretrain": "gradients_on(lambda: mm_asl.asymmetric_loss(t(1), t(1)))",
    }, ["https://github.com/huggingface/pytorch-image-models/pull/2760"],
        "Repaired in timm by the change in the link.", harm=SIDE),
    Behaviour(REGRESSION, "Log-cosh of an error of 0.0001", mp.log(mp.cosh(mpf("1e-4"))), {
        "lossbook": "lossbook.log_cosh_loss(t(1e-4), t(0))",
        "keras": "keras.log_cosh(t(0), t(1e-4))",
        "optax": "optax.log_cosh(jnp.float32(1e-4))",
        "torchmetrics": "torchmetrics.log_cosh_error(t(1e-4), t(0))",
    }),
    Behaviour(REGRESSION, "Log-cosh of an error of 100", mp.log(mp.cosh(100)), {
        "lossbook": "lossbook.log_cosh_loss(t(100), t(0))",
        "keras": "keras.log_cosh(t(0), t(100))",
        "optax": "optax.log_cosh(jnp.float32(100))",
        "torchmetrics": "torchmetrics.log_cosh_error(t(100), t(0))",
    }, ["https://github.com/Lightning-AI/torchmetrics/issues/3488"], "Repaired in torchmetrics after this release.",
        harm=OVERFLOW),
    Behaviour(REGRESSION, "Mean squared error of (1, 2, 3), shape (3,), and the same of shape (3, 1)", (ERROR, 0), {
        "lossbook": f"lossbook.mse_loss({LINE})",
        "torch": f"F.mse_loss({LINE})",
        "keras": f"keras.mean_squared_error({LINE}).mean()",
        "optax": "optax_losses.squared_error(jnp.array([1., 2, 3]), jnp.array([[1.], [2], [3]])).mean()",
        "torchmetrics": f"torchmetrics.mean_squared_error({LINE})",
    }, [PT + "16045"], "keras takes the last axis away; torch compares each with each, and warns."),
    Behaviour(DIVERGENCE, "KL divergence of q = (0.2, 0.2, 0.6) from p = (0.8, 0.1, 0.1), reduction 'mean'", None, {
        "lossbook": "float(lossbook.information.kl_divergence([0.8, 0.1, 0.1], [0.2, 0.2, 0.6]))",
        "torch": "F.kl_div(t(0.2, 0.2, 0.6).log()[None], t(0.8, 0.1, 0.1)[None], reduction='mean')",
        "keras": "keras.kl_divergence(t(0.8, 0.1, 0.1), t(0.2, 0.2, 0.6))",
        "optax": "optax_losses.kl_divergence(jnp.log(jnp.array([0.2, 0.2, 0.6])), jnp.array([0.8, 0.1, 0.1]))",
        "torchmetrics": "torchmetrics.kl_divergence(t(0.8, 0.1, 0.1)[None], t(0.2, 0.2, 0.6)[None])",
        "scipy": "scipy_stats.entropy([0.8, 0.1, 0.1], [0.2, 0.2, 0.6])",
    }, [PT + "2259"], "The divergence is 0.8605. torch divides by the number of classes too, warns, and "
        "recommends 'batchmean'."),
    Behaviour(DIVERGENCE, "KL divergence of q = (1, 0) from p = (0.5, 0.5)", mpf("inf"), {
        "lossbook": "float(lossbook.information.kl_divergence([0.5, 0.5], [1, 0]))",
        "torch": "F.kl_div(t(1, 0).log()[None], t(0.5, 0.5)[None], reduction='batchmean')",
        "keras": "keras.kl_divergence(t(0.5, 0.5), t(1, 0))",
        "optax": "optax_losses.kl_divergence(jnp.log(jnp.array([1., 0])), jnp.array([0.5, 0.5]))",
        "torchmetrics": "torchmetrics.kl_divergence(t(0.5, 0.5)[None], t(1, 0)[None])",
        "scipy": "scipy_stats.entropy([0.5, 0.5], [1, 0])",
    }, harm=CLIPPED),
    Behaviour(DIVERGENCE, "Jensen-Shannon of (1, 0) and (0.5, 0.5)", None, {
        "lossbook": "float(lossbook.information.js_divergence([1, 0], [0.5, 0.5]))",
        "torchmetrics": "tm_regression.jensen_shannon_divergence(t(1, 0)[None], t(0.5, 0.5)[None])",
        "scipy": "scipy_distance.jensenshannon([1, 0], [0.5, 0.5])",
    }, note="The divergence is 0.2158; scipy returns the distance, its square root."),
    Behaviour(DIVERGENCE, "Hinge of scores (1, 2, 1.5) over three classes, target 0", None, {
        "torch": "F.multi_margin_loss(tensor([[1., 2., 1.5]]), tensor([0]))",
        "keras": "keras.categorical_hinge(tensor([[1., 0., 0.]]), tensor([[1., 2., 1.5]]))",
        "optax": "optax_losses.multiclass_hinge_loss(jnp.array([1., 2., 1.5]), 0)",
        "torchmetrics": "torchmetrics.hinge_loss(tensor([[1., 2., 1.5]]), tensor([0]), task='multiclass', "
                        "num_classes=3)",
    }, note="Two definitions: the largest violation, 2, or the sum of all divided by K, 3.5 / 3. torchmetrics first "
            "turns scores outside [0, 1] into probabilities."),
]


def text(answer):
    """Return an answer as text: numbers with four digits, several in brackets."""
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().double().tolist()
    elif hasattr(answer, "tolist"):
        answer = answer.tolist()
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, tuple):
        return f"a result of shape {answer}"
    if isinstance(answer, list):
        return "(" + ", ".join(text(part) for part in answer) + ")"
    return "NaN" if math.isnan(answer) else f"{float(answer):.4g}".replace("inf", "∞")


def ask(behaviour, library):
    """Return (answer, agrees): agrees is None where there is no single right answer.

    A library that cannot be imported, or a name that it does not have, is no answer but a failure of ours: it raises.
    """
    call = behaviour.calls[library]
    for name in re.findall(r"\b(\w+)\.", call):
        if isinstance(NAMES.get(name), Lazy):
            load(NAMES[name].name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = text(eval(call, NAMES | HELPERS))
    except REFUSALS as problem:
        answer = type(problem).__name__
    if behaviour.exact is None:
        return answer, None
    if isinstance(behaviour.exact, str | tuple) and answer.endswith("Error"):
        return answer, True
    wanted = behaviour.exact[1] if isinstance(behaviour.exact, tuple) else behaviour.exact
    try:
        return answer, math.isclose(float(answer.replace("∞", "inf")), float(wanted), rel_tol=1e-3)
    except ValueError:
        return answer, False


def severity(behaviour, answer, agrees):
    """Return what it means that an answer departs from the right one, or None if it does not."""
    if agrees is not False:
        return None
    if behaviour.exact == ERROR or isinstance(behaviour.exact, tuple):
        return SILENT
    if behaviour.harm != GRADIENT:
        return behaviour.harm
    if answer in {"NaN", "∞", "-∞"}:
        return "NaN gradient"
    return "dead gradient" if abs(behaviour.exact) >= 1e-3 else ROUNDING


def measure(behaviour, libraries=None):
    """Return one row of the table."""
    cells = {}
    for library in behaviour.calls:
        if libraries is None or library in libraries:
            answer, agrees = ask(behaviour, library)
            cells[library] = {"answer": answer, "agrees": agrees, "severity": severity(behaviour, answer, agrees),
                              "call": behaviour.calls[library]}
    right = behaviour.exact
    if isinstance(right, tuple):
        right = f"{right[0]}, or {right[1]}"
    elif right is not None and right != ERROR:
        right = text(float(right))
    return {"family": behaviour.family, "question": behaviour.question, "exact": right, "cells": cells,
            "issues": list(behaviour.issues), "note": behaviour.note}
