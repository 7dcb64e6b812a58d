"""A linear model learns 40 labels: what does the lead of the asymmetric loss depend on?

Everything beside the loss is varied too: where the biases start, whether the mean image is taken off every image,
whether the weights pay a penalty, how many steps there are, and whether half of the labels are missing. Every
repetition draws patterns of its own. Each method has six settings: rates of Adam on all images at once, and with
them strengths of the penalty and of the loss. For each number of steps the setting that is best on the validation part
is kept, whose labels are as incomplete as those of the training part; the test part has the true ones.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from lossbook import asymmetric_loss, focal_loss
from lossbook.data import long_tail
from lossbook.training import train

SEEDS = range(10)
LABELS, PIXELS, PRIOR = 40, 64, 2 / 40  # two labels in an image
BUDGETS, EVERY = (50, 200), 50
WORLDS = [*product(("from 0", "from the prior"), ("raw",), ("free", "penalty"), ("all told",)),
          *product(("from 0", "from the prior"), ("centred",), ("free",), ("all told",)),
          *product(("from the prior",), ("raw", "centred"), ("free",), ("half missing",))]
SLICE = ("cross-entropy, from the prior, raw, free, all told", 0)
LOOSE = {"mAP after 50": 0.03, "mAP after 200": 0.03}

TWO = 2.0, 4.0  # strengths of the asymmetric loss
GRIDS = {
    ("cross-entropy", "free"): [{"lr": lr} for lr in (0.001, 0.004, 0.01, 0.03, 0.1, 0.3)],
    ("asymmetric", "free"): [{"lr": lr, "gamma": gamma} for lr in (0.002, 0.015, 0.1) for gamma in TWO],
    ("cross-entropy", "penalty"): [{"lr": lr, "l2": l2} for lr in (0.02, 0.1) for l2 in (0.003, 0.01, 0.03)],
    ("asymmetric", "penalty"): [{"lr": 0.05, "l2": l2, "gamma": gamma} for l2 in (0.003, 0.01, 0.03) for gamma in TWO],
}
METHODS = {", ".join((loss, *world)): GRIDS[loss, world[2]]
           for world in WORLDS for loss in ("cross-entropy", "asymmetric")}


@cache
def images(seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return 600 images to train on, 600 to validate on and 1,000 to test on: pixels, half of the labels, all labels.

    An image is the sum of the patterns of its labels, plus noise; the commonest label is 50 times as frequent as the
    rarest.
    """
    rng, parts = np.random.default_rng(seed), []
    share = np.array(long_tail(10**6, LABELS, ratio=50.0), dtype=float)
    share, patterns = share / share.sum(), rng.standard_normal((LABELS, PIXELS))
    for n in (600, 600, 1000):
        truth = rng.random((n, LABELS)) < PRIOR * LABELS * share
        truth[np.arange(n), rng.choice(LABELS, n, p=share)] |= ~truth.any(1)
        told = truth & (rng.random(truth.shape) >= 0.5)
        pixels = truth @ patterns + rng.standard_normal((n, PIXELS))
        parts.append(tuple(torch.tensor(part, dtype=torch.float32) for part in (pixels, told, truth)))
    return parts


@torch.no_grad()
def mean_ap(x: Tensor, y: Tensor, model: nn.Module) -> float:
    """Return the mean average precision over the labels that come at all."""
    hit = y.gather(0, model(x).argsort(dim=0, descending=True))
    precision = hit.cumsum(0) / torch.arange(1, len(y) + 1)[:, None]
    return float(((precision * hit).sum(0) / hit.sum(0)).nanmean())


def adam(l2: float) -> Callable:
    """Return Adam with a penalty on the weights, and none on the biases."""
    return lambda both, lr: torch.optim.Adam([{"params": [p], "weight_decay": l2 * (p.ndim > 1)} for p in both], lr=lr)


def course(loss: str, start: str, parts: list, *, lr: float, l2: float = 0.0, gamma: float = 0.0) -> dict[str, list]:
    """Train one model, and return how well it ranks the validation and the test part every 50 steps."""
    model, of_label = nn.Linear(PIXELS, LABELS), partial(focal_loss, gamma=0.0)
    nn.init.zeros_(model.weight)
    nn.init.constant_(model.bias, math.log(PRIOR / (1 - PRIOR)) if start == "from the prior" else 0.0)
    if loss == "asymmetric":
        of_label = partial(asymmetric_loss, gamma_neg=gamma)

    def of_image(z: Tensor, y: Tensor) -> Tensor:
        return of_label(z, y, reduction="sum") / len(y)

    watch = {name: partial(mean_ap, *part) for name, part in zip(("validation", "test"), parts[1:], strict=True)}
    return train(model, of_image, *parts[0], steps=max(BUDGETS), lr=lr, optimizer=adam(l2), watch=watch, every=EVERY)


def repeat(method: str, settings: list[dict], seed: int) -> dict:
    """Train once for each setting; for each number of steps, test the one that is best on the validation part then."""
    loss, start, inputs, _, world = method.split(", ")
    mean = images(seed)[0][0].mean(0) if inputs == "centred" else 0.0
    parts = [(x - mean, some if world == "half missing" else all_of_them) for x, some, all_of_them in images(seed)]
    parts[2] = parts[2][0], images(seed)[2][2]
    courses = [course(loss, start, parts, **setting) for setting in settings]
    found = {}
    for steps in BUDGETS:
        seen = [one["validation"][steps // EVERY] for one in courses]
        chosen = max(range(len(seen)), key=seen.__getitem__)
        found |= {f"mAP after {steps}": courses[chosen]["test"][steps // EVERY]}
    return {"chosen": chosen, "validation": seen, **found}
