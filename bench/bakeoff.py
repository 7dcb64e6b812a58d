"""Every remedy for rare classes on a hundred real tables: `make bakeoff` writes results/bakeoff.json.

On each set, and with each of two models, a method trains once for each of twelve settings. All methods get the same
draws of the learning rate and of the L2 penalty; a method's own options are drawn beside them, so that nobody has more
settings than another. Training is looked at four times. Every question, such as "which balanced accuracy?", then takes
the setting and the moment that answer it best on the validation part, and asks them alone on the test part.
"""

import itertools
import math

import numpy as np
import sets
import torch
from remedies import LABEL_METHODS, METHODS, Method, counts, settings
from sklearn.metrics import f1_score, precision_recall_curve
from torch import Tensor, nn

from lossbook.data import Split
from lossbook.metrics import expected_calibration_error
from lossbook.training import seeded

LOOKS = (12, 25, 50, 100)  # after so many steps of Adam, each on all rows
MODELS = {"linear": 0, "network": 16}  # units of the hidden layer
QUESTIONS = ("balanced accuracy", "accuracy", "log loss", "average precision")
LABEL_QUESTIONS = ("mAP", "log loss")
TAUS = (0.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)  # of a threshold that is moved after training
AT_ONCE = 24_000  # networks times rows that train side by side: as much as fits into a processor's cache


class Networks:
    """One network a row: linear, or with a hidden layer; in the cosine form the last layer has lengths of 1."""

    def __init__(self, columns: int, hidden: int, classes: int, *, scale: Tensor | None = None) -> None:
        self.hidden, self.scale = hidden, scale
        widths = (columns, hidden, classes) if hidden else (columns, classes)
        self.shapes = [shape for i, o in itertools.pairwise(widths) for shape in ((o, i), (o, 1))]
        self.sizes = [o * i for o, i in self.shapes]

    def start(self, seeds: tuple[int, ...], bias: Tensor | None) -> Tensor:
        """As torch starts its layers; the last biases may be given."""
        rows = []
        for number, seed in enumerate(seeds):
            with seeded(seed):
                layers = [nn.Linear(i, o) for o, i in self.shapes[::2]]
            parts = [part.detach().flatten() for layer in layers for part in layer.parameters()]
            rows.append(torch.cat(parts if bias is None else [*parts[:-1], bias[number].flatten()]))
        return torch.stack(rows)

    def penalised(self) -> Tensor:
        """1 for a weight, 0 for a bias."""
        return torch.cat([torch.full((size,), float(n % 2 == 0)) for n, size in enumerate(self.sizes)])

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        parts = theta.split(self.sizes, 1)
        *first, weight, bias = (part.view(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))
        h = torch.baddbmm(first[1], first[0], x).relu() if self.hidden else x
        if self.scale is None:
            return torch.baddbmm(bias, weight, h)
        return self.scale * unit(weight, 2) @ unit(h, 1)


def unit(x: Tensor, dim: int) -> Tensor:
    return x * (x**2).sum(dim, keepdim=True).clamp(min=1e-12).rsqrt()


def adam(theta: Tensor, gradient: Tensor, memory: list[Tensor], step: int, lr: Tensor) -> Tensor:
    """One step for all networks, each at its own learning rate."""
    memory[0] = 0.9 * memory[0] + 0.1 * gradient
    memory[1] = 0.999 * memory[1] + 0.001 * gradient**2
    return theta - lr * (memory[0] / (1 - 0.9**step)) / ((memory[1] / (1 - 0.999**step)).sqrt() + 1e-8)


def drawn(method: Method, y: Tensor, generators: list[torch.Generator]) -> Tensor:
    """How often each row counts: once, or as often as it is drawn with a weight of one over the size of its class."""
    if method.rows == "over":
        chances = zip((y / counts(y)).sum(1), generators, strict=True)
        rows = [torch.multinomial(chance, y.shape[2], True, generator=generator) for chance, generator in chances]
        return torch.stack([row.bincount(minlength=y.shape[2]) for row in rows]).float()
    if method.rows == "under":  # of every class as many as of the rarest; the rows of a class lie in random order
        return ((y.cumsum(2) <= counts(y).amin(1, keepdim=True)) * y).sum(1)
    return torch.ones(len(y), y.shape[2])


def fit(method: Method, hidden: int, data: Split, seeds: tuple[int, ...], options: dict[str, Tensor]) -> list[Tensor]:
    """Train one network for each setting and repetition; the logits of validation and test part at every look."""
    width, found = max(1, AT_ONCE // (len(seeds) * data.x_train.shape[2])), []
    for first in range(0, len(options["lr"]), width):
        some = {name: values[first : first + width] for name, values in options.items()}
        found.append(fit_some(method, hidden, data, seeds, some))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]  # (settings, repetitions, looks, classes, rows)


def fit_some(method: Method, hidden: int, data: Split, seeds: tuple[int, ...], options: dict) -> list[Tensor]:
    copies, y = len(options["lr"]), data.y_train
    options = {name: values.repeat_interleave(len(seeds))[:, None] for name, values in options.items()}
    own = {name: options[name][:, :, None] for name in method.own if name != "moved"}
    x, targets, x_val, x_test = (
        part.repeat(copies, 1, 1) for part in (data.x_train, y, data.x_val, data.x_test))
    bias = method.prior(counts(y) / y.shape[2]) if method.prior else None
    networks = Networks(x.shape[1], hidden, y.shape[1], scale=own["scale"] if method.cosine else None)
    theta, penalised = networks.start(seeds, bias).repeat(copies, 1), networks.penalised()
    memory, looks = [torch.zeros_like(theta), torch.zeros_like(theta)], ([], [])
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    draws = drawn(method, y, generators)
    for step in range(1, LOOKS[-1] + 1):
        if method.rows == "over":
            draws = drawn(method, y, generators)
        loss = method.last if method.last and step > 0.8 * LOOKS[-1] else method.loss
        theta.requires_grad_()
        value = loss(networks(theta, x), targets, draws.repeat(copies, 1), **own).sum()
        gradient = torch.autograd.grad(value, theta)[0]
        with torch.no_grad():
            theta = adam(theta.detach(), gradient + options["l2"] * penalised * theta, memory, step, options["lr"])
            if step in LOOKS:
                for kept, part in zip(looks, (x_val, x_test), strict=True):
                    kept.append(networks(theta, part))
    return [torch.stack(kept, 1).view(copies, len(seeds), len(LOOKS), *kept[0].shape[1:]) for kept in looks]


# Judging. Scores are for candidates, (settings, repetitions, looks, classes, rows), against y, (repetitions, 1, …).


def average_precisions(z: Tensor, y: Tensor) -> Tensor:
    """Along the last axis, with equal scores as one threshold; NaN where nothing is positive."""
    z = z.contiguous()
    every, positive = z.sort(-1)[0], torch.where(y > 0, z, -math.inf).sort(-1)[0]
    above = [z.shape[-1] - torch.searchsorted(among.contiguous(), z) for among in (every, positive)]
    return (y * above[1] / above[0]).sum(-1) / y.sum(-1)


def answers(z: Tensor) -> Tensor:
    """1 for the class with the largest logit, else 0."""
    return (z == z.amax(-2, keepdim=True)).float()


def recalls(z: Tensor, y: Tensor) -> Tensor:
    return (answers(z) * y).sum(-1) / y.sum(-1)


def score(question: str, z: Tensor, y: Tensor) -> Tensor:
    """What a question makes of a candidate; between equals the smoother log loss decides."""
    gain, n = z.log_softmax(-2) * y, y.shape[-1]
    if question == "balanced accuracy":
        return recalls(z, y).mean(-1) + 1e-6 * (gain.sum(-1) / y.sum(-1)).mean(-1)
    gain = gain.sum((-1, -2)) / n
    if question == "log loss":
        return gain
    if question == "accuracy":
        return (answers(z) * y).sum((-1, -2)) / n + 1e-6 * gain
    return average_precisions(z.log_softmax(-2), y)[..., 1:].mean(-1) + 1e-6 * gain


def label_score(question: str, z: Tensor, y: Tensor) -> Tensor:
    if question == "log loss":
        return (z * y - nn.functional.softplus(z)).mean((-1, -2))
    return average_precisions(z, y).nanmean(-1)


def judge(question: str, z: Tensor, y: Tensor, *_) -> dict[str, float]:
    """What is reported, on the test part of one repetition, of the candidate that a question chose."""
    if question == "balanced accuracy":
        recall = recalls(z, y)
        return {question: recall.mean(), "minority recall": recall[-max(1, len(recall) // 3) :].mean()}
    if question == "log loss":
        loss = nn.functional.cross_entropy(z.T, y.argmax(0))
        return {question: loss, "calibration error": expected_calibration_error(z.softmax(0).T, y.argmax(0))}
    return {question: score(question, z, y)}


def judge_labels(question: str, z: Tensor, y: Tensor, z_val: Tensor, y_val: Tensor) -> dict[str, float]:
    if question == "log loss":
        return {question: nn.functional.binary_cross_entropy_with_logits(z, y)}
    precision, moved = average_precisions(z, y), thresholds(z_val, y_val)
    return {question: precision.nanmean(), "rare mAP": precision[-len(precision) // 4 :].nanmean(),
            "macro F1 at 1/2": f1_score(y.T, z.T > 0, average="macro", zero_division=0),
            "macro F1, thresholds moved": f1_score(y.T, (z >= moved).T, average="macro", zero_division=0)}


def thresholds(z: Tensor, y: Tensor) -> Tensor:
    """For each label the logit from which on "yes" has the largest F1; 0 for a label that does not occur."""
    found = torch.zeros(len(z), 1)
    for k in y.any(1).nonzero()[:, 0]:
        precision, recall, cut = precision_recall_curve(y[k], z[k])
        found[k] = float(cut[(2 * precision * recall / np.maximum(precision + recall, 1e-9))[:-1].argmax()])
    return found


def asked(questions, by, judge, logits: list[Tensor], data: Split, shifts: list[Tensor]) -> dict[str, list[float]]:
    """Choose by each question on the validation part, and test: for each metric a number for each repetition."""
    (val, test), found = logits, {}
    for number, question in enumerate(questions):
        every = torch.stack([by(question, val - shift, data.y_val[:, None]) for shift in shifts], 3).transpose(0, 1)
        for r, place in enumerate(every.flatten(1).argmax(1).tolist()):
            s, look, t = map(int, np.unravel_index(place, every.shape[1:]))
            z, z_val = test[s, r, look] - shifts[t], val[s, r, look] - shifts[t]
            for metric, value in judge(question, z, data.y_test[r], z_val, data.y_val[r]).items():
                found.setdefault(metric, []).append(round(float(value), 3))
            for choice, value in {"setting": s, "look": look, "shift": t}.items() if number == 0 else ():
                found.setdefault(choice, []).append(value)
    return found


def compare(name: str, seeds: tuple[int, ...]) -> list[dict]:
    """One set: a row for each model, with what each method came to."""
    data = sets.beside([sets.repetition(sets.load(name), r) for r in seeds])
    data = Split(*(nn.functional.one_hot(part).mT.float() if n % 2 else part for n, part in enumerate(data)))
    log_prior, rows = (counts(data.y_train[0]) / data.y_train.shape[2]).log(), []
    for model, hidden in MODELS.items():
        fits: dict = {}
        found: dict = {}
        for method, one in METHODS.items():
            options, key = settings(name, one), (one.loss, one.prior, one.rows, one.last)
            if key not in fits:
                fits[key] = fit(one, hidden, data, seeds, options)
            tau = options.get("moved", torch.tensor([one.moved or 0.0]))
            logits = [z - tau[:, None, None, None, None] * log_prior for z in fits[key]]
            found[method] = asked(QUESTIONS, score, judge, logits, data, [torch.zeros(1, 1)])
            if not (one.moved or "moved" in one.own):
                moved = asked(QUESTIONS[:3], score, judge, logits, data, [tau * log_prior for tau in TAUS])
                found[method] |= {f"moved {metric}": values for metric, values in moved.items()}
        rows.append({"set": name, "model": model, "found": found})
    return rows


def compare_labels(name: str, seeds: tuple[int, ...]) -> list[dict]:
    data, found = Split(*(part.float() for part in sets.beside([sets.labelled(name, r) for r in seeds]))), {}
    for method, one in LABEL_METHODS.items():
        logits = fit(one, 0, data, seeds, settings(name, one))
        found[method] = asked(LABEL_QUESTIONS, label_score, judge_labels, logits, data, [torch.zeros(1, 1)])
    return [{"set": name, "model": "linear", "found": found}]
