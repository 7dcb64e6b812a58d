"""The methods of the bake-off: their losses, and the ranges from which their options are drawn.

The networks of all settings and repetitions train side by side, so that each loss is one formula for B networks at
once: the logits z and the targets y, which are 0 or 1, have the shape (B, classes, N), an option (B, 1, 1), and what
comes out (B,). ``_draws``, (B, N), says how often each row was drawn. A test holds every loss to the package's.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

SETTINGS = 12

# The losses: one number for each of the B networks.


def mean(loss: Tensor, weight: Tensor) -> Tensor:
    return (loss * weight).sum(1) / weight.sum(1)


def cross_entropies(z: Tensor, y: Tensor) -> Tensor:
    return -(z.log_softmax(1) * y).sum(1)


def counts(y: Tensor) -> Tensor:
    return y.sum(-1, keepdim=True).clamp(min=1)


def effective(n: Tensor, beta: Tensor) -> Tensor:
    return (1 - beta) / (1 - beta**n)


def cross_entropy(z, y, draws):
    return mean(cross_entropies(z, y), draws)


def weights_balanced(z, y, _draws):
    return mean(cross_entropies(z, y), (y / counts(y)).sum(1))


def weights_log(z, y, _draws):
    return mean(cross_entropies(z, y), (y * (y.shape[2] / counts(y)).log()).sum(1))


def weights_power(z, y, _draws, *, power):
    return mean(cross_entropies(z, y), (y * counts(y) ** -power).sum(1))


def weights_effective(z, y, _draws, *, beta):
    return mean(cross_entropies(z, y), (y * effective(counts(y), beta)).sum(1))


def focal(z, y, draws, *, gamma):
    loss = cross_entropies(z, y)
    return mean((-torch.expm1(-loss)).clamp(min=1e-7) ** gamma[:, 0] * loss, draws)


def class_balanced_focal(z, y, _draws, *, gamma, beta):
    return focal(z, y, (y * effective(counts(y), beta)).sum(1), gamma=gamma)


def logit_adjusted(z, y, draws, *, tau):
    return mean(cross_entropies(z + tau * (counts(y) / y.shape[2]).log(), y), draws)


def cross_entropy_of_cosines(z, y, draws, **_own):
    return cross_entropy(z, y, draws)  # z are cosines times the scale


def ldam(z, y, draws, *, scale, margin, **_later):
    delta = margin * (counts(y).amin(1, keepdim=True) / counts(y)) ** 0.25
    return mean(cross_entropies(z - scale * delta * y, y), draws)


def ldam_weighted(z, y, _draws, *, scale, margin, beta):
    return ldam(z, y, (y * effective(counts(y), beta)).sum(1), scale=scale, margin=margin)


def hard_examples(z, y, _draws, *, share):
    return hardest(cross_entropies(z, y), share)


def hardest(loss: Tensor, share: Tensor) -> Tensor:
    kept = [max(1, int(part * loss.shape[1])) for part in share.flatten()]
    ends = [row.kthvalue(len(row) - k + 1).values for row, k in zip(loss.detach(), kept, strict=True)]
    return mean(loss, (loss >= torch.stack(ends)[:, None]).float())


def asymmetric(z, y, draws, *, gamma_neg, smoothing):
    """The form for one label of several: without ``smoothing`` it is cross-entropy."""
    log_p, p_k = z.log_softmax(1), smoothing / z.shape[1]
    others = (p_k * (1 - y) * (gamma_neg * log_p).exp() * log_p).sum(1)
    return mean((1 - smoothing + p_k)[:, 0] * cross_entropies(z, y) - others, draws)


# With many labels: summed over the labels, so that the penalty weighs as much as beside one label.


def over_labels(loss: Tensor) -> Tensor:
    return loss.sum(1).mean(1)


def binary(z: Tensor, y: Tensor) -> Tensor:
    return softplus(z) - z * y


def binary_cross_entropy(z, y, draws):
    return over_labels(binary(z, y) * draws[:, None])


def weights_for_positives(z, y, _draws, *, power):
    weight = ((y.shape[2] - counts(y)) / counts(y)) ** power
    return over_labels(y * weight * softplus(-z) + (1 - y) * softplus(z))


def binary_focal(z, y, _draws, *, gamma):
    loss = binary(z, y)
    return over_labels((-torch.expm1(-loss)).clamp(min=1e-7) ** gamma * loss)


def binary_asymmetric(z, y, _draws, *, gamma_neg, margin):
    p = (z.sigmoid() - margin).clamp(min=1e-7, max=1 - 1e-6)
    return over_labels(y * softplus(-z) - (1 - y) * p**gamma_neg * torch.log1p(-p))


def distribution_balanced(z, y, _draws, *, scale, mu):
    r = (1 / counts(y)) / (y / counts(y)).sum(1, keepdim=True)
    z = z - 0.05 * (y.shape[2] / counts(y) - 1).log()
    loss = y * softplus(-z) + (1 - y) * softplus(scale * z) / scale
    return over_labels((0.1 + (10 * (r - mu)).sigmoid()) * loss)


def hard_labels(z, y, _draws, *, share):
    return hardest(binary(z, y).flatten(1), share) * y.shape[1]


# The methods.


class Method(NamedTuple):
    """A loss, the ranges of its own options, and what it changes besides."""

    loss: Callable[..., Tensor]
    own: Mapping[str, tuple[float, float, str]] = MappingProxyType({})
    prior: Callable[[Tensor], Tensor] | None = None  # of the frequencies: where the last biases start; else at random
    rows: str = ""  # "over": draws rows anew in every step, rare ones more often; "under": drops frequent rows
    moved: float | None = None  # the τ of a threshold that is moved after training, where it is no option "moved"
    last: Callable[..., Tensor] | None = None  # another loss for the last fifth of the steps
    cosine: bool = False  # the last layer gives scaled cosines


GAMMA, BETA, POWER, TAU = (0.0, 5.0, ""), (1e-4, 0.1, "1-log"), (0.0, 1.5, ""), (0.0, 2.0, "")
SCALE, MARGIN, SHARE, GAMMA_NEG = (1.0, 60.0, "log"), (0.0, 1.0, ""), (0.01, 1.0, "log"), (0.0, 6.0, "")
SHARED = {"lr": (0.002, 1.0, "log"), "l2": (1e-5, 0.3, "log")}
METHODS = {
    "cross-entropy": Method(cross_entropy),
    "cross-entropy, prior start": Method(cross_entropy, prior=torch.log),
    "threshold moving": Method(cross_entropy, {"moved": TAU}),
    "threshold moving, τ = 1": Method(cross_entropy, moved=1.0),
    "oversampling": Method(cross_entropy, rows="over"),
    "undersampling": Method(cross_entropy, rows="under"),
    "weights: balanced": Method(weights_balanced),
    "weights: logarithm": Method(weights_log),
    "weights: power": Method(weights_power, {"power": POWER}),
    "weights: effective number": Method(weights_effective, {"beta": BETA}),
    "focal": Method(focal, {"gamma": GAMMA}),
    "class-balanced focal": Method(class_balanced_focal, {"gamma": GAMMA, "beta": BETA}),
    "hard examples only": Method(hard_examples, {"share": SHARE}),
    "asymmetric": Method(asymmetric, {"gamma_neg": GAMMA_NEG, "smoothing": (0.0, 0.3, "")}),
    "logit-adjusted": Method(logit_adjusted, {"tau": TAU}),
    "cosine: cross-entropy": Method(cross_entropy_of_cosines, {"scale": SCALE}, cosine=True),
    "cosine: LDAM": Method(ldam, {"scale": SCALE, "margin": MARGIN}, cosine=True),
    "cosine: LDAM, deferred weights": Method(
        ldam, {"scale": SCALE, "margin": MARGIN, "beta": BETA}, last=ldam_weighted, cosine=True),
}
LABEL_METHODS = {
    "binary cross-entropy": Method(binary_cross_entropy, prior=torch.logit),
    "binary cross-entropy, start at 1/2": Method(binary_cross_entropy),
    "weights for positives": Method(weights_for_positives, {"power": POWER}, prior=torch.logit),
    "resampling": Method(binary_cross_entropy, prior=torch.logit, rows="over"),
    "focal": Method(binary_focal, {"gamma": GAMMA}, prior=torch.logit),
    "asymmetric": Method(binary_asymmetric, {"gamma_neg": GAMMA_NEG, "margin": (0.0, 0.2, "")}, prior=torch.logit),
    "distribution-balanced": Method(
        distribution_balanced, {"scale": (1.0, 10.0, "log"), "mu": (0.0, 0.5, "")}, prior=torch.logit),
    "hard examples only": Method(hard_labels, {"share": SHARE}, prior=torch.logit),
}


def settings(name: str, method: Method) -> dict[str, Tensor]:
    """Twelve draws of every option, spread over its range; those that methods share are the same for all of a set."""
    rng = np.random.default_rng(crc32(name.encode()))
    drawn = (rng.permuted(np.tile(np.arange(SETTINGS), (5, 1)), axis=1) + rng.random((5, SETTINGS))) / SETTINGS
    return {
        option: torch.tensor(within(u, *ends), dtype=torch.float32)
        for u, (option, ends) in zip(drawn, {**SHARED, **method.own}.items(), strict=False)
    }


def within(u: np.ndarray, low: float, high: float, kind: str) -> np.ndarray:
    if not kind:
        return low + u * (high - low)
    value = low ** (1 - u) * high**u
    return 1 - value if kind == "1-log" else value
