"""Every remedy for imbalance under one protocol: `make bakeoff` writes results/bakeoff.json, which the chapter reads.

A repetition is one seed: it draws the split, the start of the network and every random step. Within a repetition a
method trains once for each of its six settings, always from the same start and for the same number of steps; the
setting with the best validation score is kept, and only its network is judged on the test part. The settings were laid
out on seeds from 100 on, which are in no result.
"""

import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial

import numpy as np
import sklearn
import torch
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve
from stamp import RESULTS, code, read, write
from torch import Tensor, nn

import lossbook
from lossbook import (
    asymmetric_loss,
    binary_cross_entropy_with_logits,
    class_weights,
    cross_entropy,
    distribution_balanced_loss,
    focal_loss,
    ldam_loss,
    logit_adjusted_loss,
    ohem_loss,
    softmax_asymmetric_loss,
    softmax_focal_loss,
)
from lossbook.data import Split, digits_split, multi_label_images
from lossbook.metrics import expected_calibration_error
from lossbook.training import seeded, train

SEEDS = tuple(range(20))

BUDGET = {"steps": 200, "optimizer": torch.optim.Adam}  # on the full batch
LABEL_BUDGET = {"steps": 100, "optimizer": torch.optim.Adam}

Predict = Callable[[Tensor], Tensor]
rates = [{"lr": lr} for lr in (0.001, 0.002, 0.004, 0.01, 0.02, 0.05)]


def three(name: str, *values: float, lr: tuple[float, float] = (0.004, 0.02), **fixed: float) -> list[dict]:
    """Six settings: three values of a method's own option, each with two learning rates."""
    return [{name: value, "lr": rate, **fixed} for value in values for rate in lr]


# One class out of ten: digits, the training part long-tailed. The networks of several seeds are trained side by side,
# each on images of its own: x has shape (seeds, N, 64), y (seeds, N), and the logits (seeds, N, 10).


class Linear(nn.Module):
    """Linear layers side by side; the cosine form has no bias, and divides by the lengths of inputs and weights."""

    def __init__(self, layers: Sequence[nn.Linear], *, cosine: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = None if cosine else nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is not None:
            return torch.baddbmm(self.bias, x, self.weight)
        return nn.functional.normalize(x, dim=2) @ nn.functional.normalize(self.weight, dim=1)


def network(seed: int) -> nn.Sequential:
    with seeded(seed):
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


class Networks(nn.Module):
    """``network`` once for each seed; with ``scale``, its last layer gives scaled cosines."""

    def __init__(self, seeds: Sequence[int], *, scale: float | None = None) -> None:
        super().__init__()
        first, _, last = zip(*map(network, seeds), strict=True)
        self.first, self.last, self.scale = Linear(first), Linear(last, cosine=scale is not None), scale

    def forward(self, x: Tensor) -> Tensor:
        z = self.last(self.first(x).relu())
        return z if self.scale is None else self.scale * z


def digits(ratio: float, seeds: Sequence[int]) -> Split:
    """One split for each seed, side by side. Every seed has the same class counts, in the same order."""
    splits = [digits_split(ratio=ratio, seed=seed) for seed in seeds]
    return Split(*(torch.stack(parts) for parts in zip(*splits, strict=True)))


def fit(model: nn.Module, loss: Callable, x: Tensor, y: Tensor, *, lr: float, **more) -> nn.Module:
    """Train networks in place, each by the mean loss of its own images."""

    def total(z: Tensor, y: Tensor) -> Tensor:
        return loss(z.flatten(0, 1), y.flatten()) * len(y)

    train(model, total, x, y, lr=lr, **{**BUDGET, **more})
    return model


def by_loss(loss_for: Callable) -> Callable:
    """A method that changes nothing but the loss; ``loss_for(counts, …)`` makes it from the training counts."""

    def method(data: Split, seeds: Sequence[int], *, lr: float, **own: float) -> Predict:
        loss = loss_for(data.y_train[0].bincount(), **own)
        return fit(Networks(seeds), loss, data.x_train, data.y_train, lr=lr)

    return method


def threshold_moving(data: Split, seeds: Sequence[int], *, lr: float, tau: float) -> Predict:
    model = fit(Networks(seeds), cross_entropy, data.x_train, data.y_train, lr=lr)
    prior = data.y_train[0].bincount() / data.y_train.shape[1]
    return lambda x: model(x) - tau * prior.log()


def oversampling(data: Split, seeds: Sequence[int], *, lr: float) -> Predict:
    models = [network(seed) for seed in seeds]  # one by one, each with random draws of its own
    weight = (1 / data.y_train[0].bincount())[data.y_train[0]]
    for model, x, y, seed in zip(models, data.x_train, data.y_train, seeds, strict=True):
        train(model, cross_entropy, x, y, lr=lr, sample_weight=weight, seed=seed, **BUDGET)
    return lambda x: torch.stack([model(part) for model, part in zip(models, x, strict=True)])


def undersampling(data: Split, seeds: Sequence[int], *, lr: float) -> Predict:
    y = data.y_train[0]  # the images of a class stand in random order
    kept = torch.cat([(y == k).nonzero()[: int(y.bincount().min()), 0] for k in range(10)])
    return fit(Networks(seeds), cross_entropy, data.x_train[:, kept], data.y_train[:, kept], lr=lr)


def ldam(data: Split, seeds: Sequence[int], *, lr: float, scale: float, max_margin: float, deferred: bool) -> Predict:
    """LDAM on cosines; with margin 0, cross-entropy on scaled cosines. Deferred: class weights for the last fifth."""
    model, counts = Networks(seeds, scale=scale), data.y_train[0].bincount()
    weight = class_weights(counts, method="effective", beta=0.99)
    for steps, w in ((160, None), (40, weight)) if deferred else ((200, None),):
        loss = partial(ldam_loss, counts=counts, max_margin=scale * max_margin, scale=1.0, weight=w)
        fit(model, loss, data.x_train, data.y_train, lr=lr, steps=steps)
    return model


def weighted(counts: Tensor, **options: float | str) -> Callable:
    return partial(cross_entropy, weight=class_weights(counts, **options))


def class_balanced_focal(counts: Tensor, *, gamma: float, beta: float) -> Callable:
    return partial(softmax_focal_loss, gamma=gamma, weight=class_weights(counts, method="effective", beta=beta))


DIGITS: dict[str, tuple[Callable, list[dict]]] = {
    "cross-entropy": (by_loss(lambda _: cross_entropy), rates),
    "threshold moving": (threshold_moving, three("tau", 0.5, 1.0, 1.5)),
    "oversampling": (oversampling, rates),
    "undersampling": (undersampling, rates),
    "weights: balanced": (by_loss(partial(weighted, method="balanced")), rates),
    "weights: logarithm": (by_loss(partial(weighted, method="log")), rates),
    "weights: effective number": (by_loss(partial(weighted, method="effective")), three("beta", 0.9, 0.99, 0.999)),
    "focal": (by_loss(lambda _, **own: partial(softmax_focal_loss, **own)), three("gamma", 0.5, 1.0, 2.0)),
    "class-balanced focal": (by_loss(class_balanced_focal), three("gamma", 0.5, 1.0, 2.0, beta=0.99)),
    "asymmetric": (by_loss(lambda _, **own: partial(softmax_asymmetric_loss, **own)),
                   three("gamma_neg", 1.0, 2.0, 4.0)),
    "logit-adjusted": (by_loss(lambda counts, tau: partial(logit_adjusted_loss, counts=counts, tau=tau)),
                       three("tau", 0.5, 1.0, 1.5)),
    "cosine: cross-entropy": (ldam, three("scale", 10.0, 20.0, 30.0, max_margin=0.0, deferred=False)),
    "cosine: LDAM": (ldam, three("max_margin", 0.2, 0.5, 0.8, scale=20.0, deferred=False)),
    "cosine: LDAM, deferred weights": (ldam, three("max_margin", 0.2, 0.5, 0.8, scale=20.0, deferred=True)),
}


def recalls(logits: Tensor, y: Tensor) -> Tensor:
    right = (logits.argmax(1) == y).float()
    return torch.stack([right[y == k].mean() for k in range(10)])


def judge_digits(logits: Tensor, data: Split) -> dict[str, float]:
    """The metrics on the test part; those called "tail" let its classes count as often as they come in training."""
    y = data.y_test
    recall, loss = recalls(logits, y), cross_entropy(logits, y, reduction="none")
    prior = data.y_train.bincount() / len(data.y_train)
    return {
        "balanced accuracy": recall.mean(),
        "minority recall": recall[-3:].mean(),
        "macro F1": f1_score(y, logits.argmax(1), average="macro"),
        "accuracy": (logits.argmax(1) == y).float().mean(),
        "calibration error": expected_calibration_error(logits.softmax(1), y),
        "log loss": loss.mean(),
        "tail accuracy": prior @ recall,
        "tail log loss": prior @ torch.stack([loss[y == k].mean() for k in range(10)]),
    }


def repeat_digits(ratio: float, method: str, seeds: Sequence[int]) -> list[dict]:
    """A repetition for each seed: six settings trained, the best on the validation part tested."""
    data, (train_with, settings) = digits(ratio, seeds), DIGITS[method]
    predicts = [train_with(data, seeds, **setting) for setting in settings]
    rows = []
    with torch.no_grad():
        z_val, z_test = ([predict(x) for predict in predicts] for x in (data.x_val, data.x_test))
    for s in range(len(seeds)):
        one = Split(*(part[s] for part in data))
        scores = [float(recalls(z[s], one.y_val).mean()) for z in z_val]
        best = scores.index(max(scores))
        rows.append({"chosen": best, "validation": scores, **judge_digits(z_test[best][s], one)})
    return rows


# Many labels at once, long-tailed, half of them forgotten in one of the two sets. One network at a time.

LABELS, PRESENT, SIDE = 40, 2.0, 8


def labels(missing: float, seed: int) -> Split:
    """600 images to train on and 600 to validate on, with the labels one is told; 1,000 to test on, with the truth."""
    images, told, truth = multi_label_images(
        2200, labels=LABELS, present=PRESENT, ratio=50.0, missing=missing, size=SIDE, seed=seed)
    x = images.flatten(1)
    return Split(x[:600], told[:600], x[600:1200], told[600:1200], x[1200:], truth[1200:])


def fit_labels(loss: Callable, data: Split, start: int, *, lr: float, **more) -> nn.Module:
    with seeded(start):
        model = nn.Linear(SIDE**2, LABELS)
    nn.init.constant_(model.bias, math.log(PRESENT / (LABELS - PRESENT)))  # start at the prior
    train(model, loss, data.x_train, data.y_train, lr=lr, **LABEL_BUDGET, **more)
    return model


def counts_of(y: Tensor) -> Tensor:
    return y.sum(0).clamp(min=1)


def by_label_loss(loss_for: Callable) -> Callable:
    def method(data: Split, seed: int, *, lr: float, **own: float) -> Predict:
        return fit_labels(loss_for(data.y_train, **own), data, seed, lr=lr)

    return method


def label_resampling(data: Split, seed: int, *, lr: float) -> Predict:
    weight = (data.y_train / counts_of(data.y_train)).sum(1)  # 0 for an image of which every label was forgotten
    return fit_labels(binary_cross_entropy_with_logits, data, seed, lr=lr, sample_weight=weight, seed=seed)


def pos_weighted(y: Tensor, *, power: float) -> Callable:
    weight = ((len(y) - counts_of(y)) / counts_of(y)) ** power
    return partial(binary_cross_entropy_with_logits, pos_weight=weight)


three_slow = partial(three, lr=(0.002, 0.01))
MULTI_LABEL: dict[str, tuple[Callable, list[dict]]] = {
    "binary cross-entropy": (by_label_loss(lambda _: binary_cross_entropy_with_logits), rates),
    "weights for positives": (by_label_loss(pos_weighted), three_slow("power", 0.5, 1.0, 1.5)),
    "resampling": (label_resampling, rates),
    "focal": (by_label_loss(lambda _, gamma: partial(focal_loss, gamma=gamma)), three_slow("gamma", 1.0, 2.0, 4.0)),
    "asymmetric": (by_label_loss(lambda _, **own: partial(asymmetric_loss, **own)),
                   three_slow("gamma_neg", 1.0, 2.0, 4.0, margin=0.05)),
    "distribution-balanced": (
        by_label_loss(lambda y, **own: partial(distribution_balanced_loss, counts=counts_of(y), total=len(y), **own)),
        three_slow("scale", 1.0, 2.0, 5.0)),
    "hard examples only": (by_label_loss(lambda y, share: partial(ohem_loss, keep=int(share * y.numel()))),
                           three_slow("share", 0.05, 0.1, 0.3)),
}


def average_precisions(logits: Tensor, y: Tensor) -> np.ndarray:
    """The average precision of every label that occurs, from the commonest to the rarest."""
    some = y.sum(0) > 0
    return average_precision_score(y[:, some], logits[:, some], average=None)


def thresholds(logits: Tensor, y: Tensor) -> Tensor:
    """For each label the logit from which on "yes" has the largest F1; 0 for a label that does not occur."""
    best = torch.zeros(LABELS)
    for k in y.any(0).nonzero()[:, 0]:
        precision, recall, cut = precision_recall_curve(y[:, k], logits[:, k])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        best[k] = float(cut[f1[:-1].argmax()])
    return best


def judge_labels(predict: Predict, data: Split) -> dict[str, float]:
    z, y = predict(data.x_test), data.y_test
    precision, moved = average_precisions(z, y), thresholds(predict(data.x_val), data.y_val)
    return {
        "mAP": precision.mean(),
        "rare mAP": precision[-LABELS // 4 :].mean(),
        "macro F1 at 1/2": f1_score(y, z > 0, average="macro", zero_division=0),
        "macro F1, thresholds moved": f1_score(y, z >= moved, average="macro", zero_division=0),
        "calibration error": expected_calibration_error(z.sigmoid().flatten(), y.flatten()),
        "log loss": binary_cross_entropy_with_logits(z, y),
    }


def repeat_labels(missing: float, method: str, seeds: Sequence[int]) -> list[dict]:
    rows, (train_with, settings) = [], MULTI_LABEL[method]
    for seed in seeds:
        data = labels(missing, seed)
        predicts = [train_with(data, seed, **setting) for setting in settings]
        with torch.no_grad():
            scores = [float(average_precisions(predict(data.x_val), data.y_val).mean()) for predict in predicts]
            best = scores.index(max(scores))
            rows.append({"chosen": best, "validation": scores, **judge_labels(predicts[best], data)})
    return rows


SETS: dict[str, tuple[dict, Callable]] = {
    "digits, ratio 10": (DIGITS, partial(repeat_digits, 10.0)),
    "digits, ratio 100": (DIGITS, partial(repeat_digits, 100.0)),
    "labels, all told": (MULTI_LABEL, partial(repeat_labels, 0.0)),
    "labels, half missing": (MULTI_LABEL, partial(repeat_labels, 0.5)),
}


def rows_of(name: str, method: str, seeds: Sequence[int] = SEEDS) -> dict:
    """All repetitions of one method on one set: a list over the seeds for each metric, and what the tuning saw."""
    found = SETS[name][1](method, seeds)
    metrics = {key: [round(float(one[key]), 5) for one in found] for key in found[0] if key != "validation"}
    validation = np.mean([one["validation"] for one in found], axis=0).round(4).tolist()
    return {"set": name, "method": method, "settings": SETS[name][0][method][1], "validation": validation, **metrics}


def main() -> int:
    """Run what is not in the stored result of the present code, and write after each method."""
    versions = {"lossbook": lossbook.__version__, "torch": torch.__version__, "numpy": np.__version__,
                "scikit-learn": sklearn.__version__, "python": platform.python_version()}
    wanted = [(name, method) for name, (methods, _) in SETS.items() for method in methods]
    head = {"code": code("bakeoff"), "seeds": list(SEEDS)}
    stored = read("bakeoff") if (RESULTS / "bakeoff.json").exists() else {}
    fresh = all(stored.get(key) == value for key, value in {**head, "versions": versions}.items())
    done = {(row["set"], row["method"]): row for row in stored["rows"]} if fresh else {}
    left = [one for one in wanted if one not in done]
    start = time.monotonic()
    with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = {pool.submit(rows_of, *one): one for one in left}
        for job in as_completed(jobs):
            done[jobs[job]] = job.result()
            write("bakeoff", versions, [done[one] for one in wanted if one in done], **head)
            bar = "#" * (30 * len(done) // len(wanted))
            print(f"\r[{bar:30}] {len(done)} of {len(wanted)}, {time.monotonic() - start:.0f} s ", end="", flush=True)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
