"""Losses of pairs and lists beside losses of single items, on lists of ten digits, with true grades and mistaken ones.

Each seed draws its own split of the images. A list is ten images of one part with noise on the pixels, to be ordered by
their grade, which is half the digit rounded down. In the second half a share of the grades is drawn at random, in
training and in validation alike; the test grades are true.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from lossbook import cross_entropy, list_mle_loss, list_net_loss, margin_ranking_loss, mse_loss, pairwise_logistic_loss
from lossbook.data import digits_split
from lossbook.training import predict_many, seeded, train_many

LENGTH, GRADES, NOISE = 10, 5, 0.3
STEPS, BATCH = 200, 32
SEEDS = range(12)
RATES, DECAYS = (0.001, 0.003, 0.01, 0.03), (0.0, 1.0, 3.0, 10.0)
SETTINGS = [{"lr": lr, "weight_decay": decay} for lr in RATES for decay in DECAYS]


def lists(x: Tensor, labels: Tensor, n: int, mistakes: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw n lists from the images of one part: noisy images, and grades of which a share is mistaken."""
    which = rng.integers(len(x), size=(n, LENGTH))
    noise = torch.from_numpy(rng.standard_normal((n, LENGTH, x.shape[1]))).float()
    mistaken = torch.from_numpy(rng.random((n, LENGTH)) < mistakes)
    drawn = torch.from_numpy(rng.integers(GRADES, size=(n, LENGTH)))
    return x[which] + NOISE * noise, torch.where(mistaken, drawn, labels[which] // 2)


def data(seed: int, mistakes: float) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return lists for training, validation and test; no image is in two of the parts."""
    split, rng = digits_split(seed=seed), np.random.default_rng(seed)
    train_part = lists(split.x_train, split.y_train, 100, mistakes, rng)
    validation = lists(split.x_val, split.y_val, 100, mistakes, rng)
    return train_part, validation, lists(split.x_test, split.y_test, 500, 0.0, rng)


class MeanGrade(nn.Module):
    """Turn one logit for each grade into the mean grade by their softmax."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1) @ torch.arange(GRADES).float()


def scorer(seed: int, name: str) -> nn.Module:
    """Return a network that gives each image of a list its score, or to cross-entropy one logit for each grade."""
    with seeded(seed):
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, GRADES if "class" in name else 1))
    if name == "classes":
        return net
    return nn.Sequential(net, MeanGrade() if "class" in name else nn.Flatten(-2))


def ndcg(scores: Tensor, grades: Tensor) -> Tensor:
    """Return the normalised discounted cumulative gain of each list."""
    discount = 1 / torch.arange(2, scores.shape[1] + 2).double().log2()
    gain = 2.0 ** grades.double() - 1
    found = gain.gather(1, scores.argsort(dim=1, descending=True, stable=True))
    best = (gain.sort(1, descending=True).values * discount).sum(1)
    return (found * discount).sum(1)[best > 0] / best[best > 0]


def judge(scores: Tensor, grades: Tensor) -> dict[str, float]:
    """Return nDCG, the share of pairs in order, and of lists whose first item has the highest grade."""
    before = grades.unsqueeze(2) > grades.unsqueeze(1)
    right = scores.unsqueeze(2) > scores.unsqueeze(1)
    first = grades.gather(1, scores.argmax(1, keepdim=True)).squeeze(1) == grades.amax(1)
    return {"nDCG": float(ndcg(scores, grades).mean()), "pairs in order": float(right[before].double().mean()),
            "right one first": float(first.double().mean())}


def margin(scores: Tensor, grades: Tensor) -> Tensor:
    """Return the margin ranking loss of each list, a mean over its pairs of different grades, at a margin of 1."""
    i, j = torch.triu_indices(LENGTH, LENGTH, 1)
    order = (grades[:, i] - grades[:, j]).sign()
    target = torch.where(order == 0, 1, order)  # a pair of equal grades counts nothing below
    cost = margin_ranking_loss(scores[:, i], scores[:, j], target, margin=1.0, reduction="none")
    return (cost * order.abs()).sum(1) / order.abs().sum(1).clamp(min=1)


def squared_error(scores: Tensor, grades: Tensor) -> Tensor:
    """Return the mean squared error of each list."""
    return mse_loss(scores, grades.float(), reduction="none").mean(1)


def of_gains(scores: Tensor, grades: Tensor) -> Tensor:
    """Return the squared error of the gains, in units of the largest one."""
    return squared_error(scores, (2.0**grades - 1) / (2.0 ** (GRADES - 1) - 1))


def of_classes(logits: Tensor, grades: Tensor) -> Tensor:
    """Return the cross-entropy of the grades as classes, a mean over each list."""
    return cross_entropy(logits.flatten(0, 1), grades.flatten(), reduction="none").view(grades.shape).mean(1)


LOSSES = {
    "squared error": squared_error,
    "squared error of gains": of_gains,
    "classes": of_classes,
    "margin": margin,
    "RankNet": partial(pairwise_logistic_loss, reduction="none"),
    "LambdaRank": partial(pairwise_logistic_loss, weight="ndcg", reduction="none"),
    "ListNet": partial(list_net_loss, reduction="none"),
    "ListMLE": partial(list_mle_loss, reduction="none"),
    # with the network of the classes, to see what their five outputs are worth
    "ListNet on classes": partial(list_net_loss, reduction="none"),
}
MISTAKES = {"true grades": 0.0, "mistaken grades": 0.3}
METHODS = {f"{name}, {which}": SETTINGS for which in MISTAKES for name in LOSSES}
SLICE = ("ListNet, mistaken grades", 0)
LOOSE = {"nDCG": 0.02, "pairs in order": 0.02, "right one first": 0.03}


class Adam(torch.optim.AdamW):
    """Adam with decoupled weight decay, with a rate and a decay for each of the models that train together."""

    def __init__(self, parameters: list[Tensor], settings: list[dict], lr: float) -> None:
        super().__init__(parameters, lr=lr, weight_decay=0.0)
        self.rate, self.decay = (torch.tensor([one[key] for one in settings]) for key in ("lr", "weight_decay"))

    @torch.no_grad()
    def step(self) -> None:
        parameters = self.param_groups[0]["params"]
        before = [parameter.clone() for parameter in parameters]
        super().step()  # at a rate of 1: what Adam would add
        for parameter, old in zip(parameters, before, strict=True):
            rate, decay = (value.view(-1, *[1] * (old.ndim - 1)) for value in (self.rate, self.decay))
            parameter.copy_(old * (1 - rate * decay) + rate * (parameter - old))


def fit(name: str, part: tuple[Tensor, Tensor], settings: list[dict], seed: int) -> list[nn.Module]:
    """Train a scorer for each setting, all from one start."""
    models = [scorer(seed, name) for _ in settings]
    x, grades = (values.expand(len(models), *values.shape) for values in part)
    adam = partial(Adam, settings=settings)
    train_many(models, LOSSES[name], x, grades, steps=STEPS, lr=1.0, batch_size=BATCH, optimizer=adam, seed=seed)
    return models


def scores_of(models: list[nn.Module], x: Tensor) -> Tensor:
    """Return what each network says of each item, or the mean gain by its classes."""
    out = predict_many(models, x.expand(len(models), *x.shape))
    return out if out.ndim == 3 else out.softmax(-1) @ (2.0 ** torch.arange(GRADES) - 1)


def repeat(method: str, settings: list[dict], seed: int) -> dict:
    """Train once for each setting, choose on the validation lists, judge on the test lists."""
    name, which = method.split(", ")
    part, (x_val, grades_val), (x_test, grades_test) = data(seed, MISTAKES[which])
    models = fit(name, part, settings, seed)
    validation = [float(ndcg(scores, grades_val).mean()) for scores in scores_of(models, x_val)]
    chosen = int(np.argmax(validation))
    return {"chosen": chosen, "validation": validation, **judge(scores_of(models[chosen:][:1], x_test)[0], grades_test)}
