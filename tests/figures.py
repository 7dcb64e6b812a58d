"""What the interactive figures compute, beside what lossbook computes: one row for each figure of the book.

A row has some positions of the sliders, and a function that gets the sliders' values and the numbers that the page
holds at that moment, and yields pairs: what the figure has, and what lossbook says.
"""

import importlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

import lossbook
from lossbook import information
from lossbook.metrics import confidence_interval
from lossbook.stored import find_bench

find_bench()


class Row(NamedTuple):
    positions: list[dict[str, float | str]]
    pairs: Callable[[dict[str, float | str], dict[str, list[dict]]], Iterator[tuple[list[float], object]]]


def rows_with(tables, *fields) -> list[dict]:
    """The first table of a figure whose rows have all of these fields."""
    for rows in tables.values():
        if rows and all(field in rows[0] for field in fields):
            return rows
    raise AssertionError(f"no table of the figure has {fields}; there are {[list(r[0]) for r in tables.values() if r]}")


def column(rows, field) -> list[float]:
    return [row[field] for row in rows]


def double(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def line(at, tables):
    points, trail = rows_with(tables, "x", "y", "fit"), rows_with(tables, "k", "m", "c")
    x, y = double(column(points, "x")), double(column(points, "y"))
    path = [double([at["m"], at["c"]]).requires_grad_()]
    for _ in range(round(at["steps"])):
        loss = lossbook.mse_loss(path[-1][0] * x + path[-1][1], y)
        path.append(path[-1] - 0.05 * torch.autograd.grad(loss, path[-1])[0])
    assert column(trail, "k") == list(range(41))
    for i, name in enumerate("mc"):
        yield column(trail, name), [path[min(k, len(path) - 1)][i].item() for k in range(41)]
    pred = (path[-1][0] * x + path[-1][1]).detach()
    yield column(points, "fit"), pred
    sides = 50 / 10 * (double(column(points, "x")) - double(column(points, "side"))).abs()  # in the unit of y
    yield sides.square().tolist(), (pred - y).square()
    (mean,) = rows_with(tables, "mse", "foot")
    yield [mean["mse"], (29 - mean["foot"]) ** 2, 25 * (mean["right"] + 4.8) ** 2], 3 * [lossbook.mse_loss(pred, y)]


def noise(at, tables):
    model = {
        "Gaussian": lambda m: torch.distributions.Normal(m, at["sigma"]),
        "Laplace": lambda m: torch.distributions.Laplace(m, at["sigma"]),
        "Poisson": torch.distributions.Poisson,
    }[at["noise"]]
    judged = [rows for rows in tables.values() if rows and "log_q" in rows[0]]
    alone = [rows for rows in judged if len(rows) == 1 and "text" in rows[0]]
    of_targets = [rows for rows in judged if len({row["m"] for row in rows}) == 1 < len(rows)]
    of_predictions = [rows for rows in judged if len({row["t"] for row in rows}) == 1 < len(rows)]
    assert alone
    assert of_targets
    assert of_predictions
    assert {(row["m"], row["t"]) for rows in alone for row in rows} == {(at["pred"], at["target"])}
    assert max(row["t"] for row in of_targets[0]) == 14
    assert len(of_targets[0]) == (15 if at["noise"] == "Poisson" else 141)
    for rows in (alone[0], of_targets[0], of_predictions[0]):
        exact = model(double(column(rows, "m"))).log_prob(double(column(rows, "t")))
        yield column(rows, "q"), exact.exp()
        yield column(rows, "loss"), -exact


NINE = {"t1": 21, "t2": 23, "t3": 24, "t4": 26, "t5": 27, "t6": 29, "t7": 31, "t8": 33, "t9": 92}


def deliveries(at, tables):
    nine = double([at[name] for name in NINE])
    losses = {
        "mse": lossbook.mse_loss,
        "mae": lossbook.mae_loss,
        "huber": lambda *both, **how: lossbook.huber_loss(*both, delta=at["delta"], **how),
        "quantile": lambda *both, **how: lossbook.quantile_loss(*both, quantile=at["tau"], **how),
    }
    curves = rows_with(tables, "c", "loss", "value", "ratio")
    for name, loss in losses.items():
        curve = [row for row in curves if row["loss"] == name]
        constants = double(column(curve, "c"))
        exact = loss(constants[:, None].expand(-1, 9), nine.expand(len(curve), 9), reduction="none").sum(1)
        yield column(curve, "value"), exact
        yield column(curve, "ratio"), exact / exact.min()


def tumours(at, tables):
    dots, bars = rows_with(tables, "q", "y", "h"), rows_with(tables, "metric", "value")
    y, said = [row["y"] for row in dots], [row["q"] > at["t"] for row in dots]
    metrics = {"accuracy": accuracy_score, "precision": precision_score, "recall": recall_score, "F1": f1_score}
    found = {row["metric"]: row["value"] for row in bars}
    never = {} if any(said) else {"zero_division": 0}
    for name, metric in metrics.items():
        yield [found[name]], [metric(y, said, **(never if name != "accuracy" else {}))]


def three_symbols(at, tables):
    p = [at["p_a"], (1 - at["p_a"]) * at["share"], (1 - at["p_a"]) * (1 - at["share"])]
    yield column(rows_with(tables, "bits"), "bits"), information.information_content(p, base=2)
    total = rows_with(tables, "H", "most")
    yield column(total, "H"), [information.entropy(p, base=2)]
    yield column(total, "most"), [math.log2(3)]


def belief(at, tables):
    p, q_red = [0.8, 0.1, 0.1], at["q_red"]
    q = [q_red, (1 - q_red) * at["share"], (1 - q_red) * (1 - at["share"])]
    yield column(rows_with(tables, "spent"), "spent"), information.information_content(q)
    sums = rows_with(tables, "cross", "gap")
    yield column(sums, "H"), [information.entropy(p)]
    yield column(sums, "cross"), [information.cross_entropy(p, q)]
    yield column(sums, "gap"), [information.kl_divergence(p, q)]


def simplex(at, tables):
    yield from belief(at, tables)
    (you,) = rows_with(tables, "x", "top", "you")
    green = you["x"] - you["top"] / 2
    yield [1 - green - you["top"]], [at["q_red"]]
    yield [green / (green + you["top"])], [at["share"]]


def logits_and_gradients(at, tables):
    z = double([[at["z0"], at["z1"], at["z2"]]]).requires_grad_()
    bars = rows_with(tables, "q", "cross", "squared")
    yield column(bars, "q"), z.softmax(1)[0]
    losses = {
        "cross": lossbook.cross_entropy(z, torch.tensor([1])),
        "squared": lossbook.mse_loss(z.softmax(1), double([[0, 1, 0]]), reduction="sum"),
    }
    for name, loss in losses.items():
        slope = torch.autograd.grad(loss, z, retain_graph=True)[0][0]
        yield column(bars, name), slope
        words = {"cross": "cross-entropy", "squared": "squared error"}[name]
        arrows = next(rows for rows in tables.values() if rows and rows[0].get("loss") == words)
        yield column(arrows, "tip"), z[0].detach() - 3 * slope


def weighted_yes(at, tables):
    curve = rows_with(tables, "q", "yes", "no", "total")
    z = torch.logit(double(column(curve, "q")))
    soft = torch.full_like(z, at["p"])
    factor = double(at["c"])
    bce = lossbook.binary_cross_entropy_with_logits
    yield column(curve, "total"), bce(z, soft, pos_weight=factor, reduction="none")
    yield column(curve, "no"), (1 - soft) * bce(z, torch.zeros_like(z), reduction="none")
    dot = next(rows for rows in tables.values() if len(rows) == 1 and "q" in rows[0])
    lowest = double(column(dot, "q")).logit().requires_grad_()
    yield column(dot, "total"), bce(lowest, double([at["p"]]), pos_weight=factor, reduction="none")
    slope = torch.autograd.grad(bce(lowest, double([at["p"]]), pos_weight=factor), lowest)[0]
    yield slope.tolist(), [0.0]


def smoothing(at, tables):
    classes = round(at["K"])
    curve = rows_with(tables, "gap", "ce", "smooth")
    z = torch.nn.functional.pad(double(column(curve, "gap"))[:, None], (0, classes - 1))
    true = torch.zeros(len(z), dtype=torch.long)
    yield column(curve, "ce"), lossbook.cross_entropy(z, true, reduction="none")
    yield column(curve, "smooth"), lossbook.cross_entropy(z, true, label_smoothing=at["eps"], reduction="none")
    (best,) = next(rows for rows in tables.values() if len(rows) == 1 and "gap" in rows[0])
    gap = double([[best["gap"]] + [0.0] * (classes - 1)]).requires_grad_()
    loss = lossbook.cross_entropy(gap, true[:1], label_smoothing=at["eps"])
    yield [best["smooth"]], [loss.item()]
    yield torch.autograd.grad(loss, gap)[0][0, :1].tolist(), [0.0]


def focal(at, tables):
    curve = rows_with(tables, "p_t", "object", "background")
    logits = torch.logit(double(column(curve, "p_t")))
    for field, sign in (("object", 1), ("background", -1)):
        target = torch.full_like(logits, (1 + sign) / 2)
        exact = lossbook.focal_loss(
            sign * logits, target, gamma=at["gamma"], alpha=at["alpha"], reduction="none"
        )
        yield column(curve, field), exact
    yield column(curve, "ce"), -double(column(curve, "p_t")).log()
    boxes = rows_with(tables, "who", "loss", "share")
    logits = torch.logit(double([0.6, at["p_bg"]]))
    each = lossbook.focal_loss(logits, double([1, 0]), gamma=at["gamma"], alpha=at["alpha"], reduction="none")
    whole = double([5, 10_000]) * each
    yield column(boxes, "loss"), each
    yield column(boxes, "share"), whole / whole.sum()
    drawn = rows_with(tables, "column", "share"), rows_with(tables, "x", "y", "share")  # 125 lines, and five
    assert list(map(len, drawn)) == [125, 5]
    yield [rows[0]["share"] for rows in drawn], (whole / whole.sum()).flip(0)


def frequent_and_rare(at, tables):
    curve = rows_with(tables, "x", "q")
    x = double(column(curve, "x"))
    log_odds = 2 * x - 2 + math.log(at["prior"] / (1 - at["prior"]))
    yield column(curve, "q"), log_odds.sigmoid()
    worth = {row["kind"]: row["value"] for row in rows_with(tables, "kind", "value")}
    wall = 1 + (1 - at["tau"]) / 2 * math.log((1 - at["prior"]) / at["prior"])
    frequent, rare = torch.special.ndtr(double([wall, 2 - wall])).tolist()
    exact = {"frequent": frequent, "rare": rare, "balanced": (frequent + rare) / 2}
    exact["accuracy"] = (1 - at["prior"]) * frequent + at["prior"] * rare
    yield [worth[kind] for kind in exact], list(exact.values())
    people = sorted(rows_with(tables, "i", "x", "who"), key=lambda row: row["i"])
    few = round(1000 * at["prior"])
    place = np.r_[norm.ppf((np.arange(few) + 0.5) / few, loc=2), norm.ppf((np.arange(1000 - few) + 0.5) / (1000 - few))]
    yield [round(x, 6) for x in column(people, "x")], place.round(6)
    said = [("missed", "caught") if i < few else ("let go", "false alarms") for i in range(1000)]
    assert [row["who"] for row in people] == [pair[int(x > wall)] for pair, x in zip(said, place, strict=True)]


def batches(at, tables):
    bars = rows_with(tables, "n_k", "share", "seen")
    counts = double(column(bars, "n_k"))
    weights = lossbook.class_weights(counts.long(), method="inverse").double()
    share = counts * weights ** at["kappa"] / (counts * weights ** at["kappa"]).sum()
    shown = double(column(bars, "share"))  # as a share or in percent
    yield (shown / shown.sum()).tolist(), share
    yield column(bars, "seen"), counts.sum() * share / counts


def weights(at, tables):
    lines = rows_with(tables, "n", "inverse", "balanced", "log", "effective")
    counts = [1000 * at["ratio"] ** (-k / 9) for k in range(10)]
    yield column(lines, "n"), counts
    for method in ("inverse", "balanced", "log"):
        exact = lossbook.class_weights(double(counts), method=method)
        yield column(lines, method), exact
    if at["power"]:
        exact = lossbook.class_weights(double(counts), method="effective", beta=1 - 10 ** -at["power"])
        yield column(lines, "effective"), exact


def asymmetric(at, tables):
    options = {name: at[name] for name in ("gamma_pos", "gamma_neg", "margin")}

    def exact(p, target):
        z = torch.logit(double(p)).requires_grad_()
        loss = lossbook.asymmetric_loss(z, torch.full_like(z, target), reduction="none", **options)
        return torch.autograd.grad(loss.sum(), z)[0].abs()

    curve = rows_with(tables, "p", "pull_pos", "pull_neg")
    for side, target in (("pos", 1.0), ("neg", 0.0)):
        yield column(curve, f"pull_{side}"), exact(column(curve, "p"), target)
    chips = rows_with(tables, "label", "p", "pull")
    spread = 1.5 * norm.ppf((np.arange(77)[::-1] + 0.5) / 77)
    absent = torch.logit(double(at["p_neg"])).add(double(spread)).sigmoid()
    yield [round(p, 6) for p in column(chips, "p")], [0.6] * 3 + absent.numpy().round(6).tolist()
    pulls = torch.cat([exact([0.6] * 3, 1.0), exact(column(chips, "p")[3:], 0.0)])
    yield column(chips, "pull"), pulls
    owners = torch.stack([pulls[:3].sum(), pulls[3:].sum()])
    shown = rows_with(tables, "who", "share", "silent")
    yield column(shown, "share"), owners / owners.sum()
    yield [row["silent"] for row in shown], [0, int((absent <= at["margin"]).sum())]


def judges(at, tables):
    inference = importlib.import_module("inference")
    found, facts = inference.load()
    metric, model, shown = at["metric"], at["model"], rows_with(tables, "method", "mean", "half")
    intervals = []
    for row in shown:
        there, here = found["pima", model, at["baseline"]], at["baseline"]
        other = here if metric in there else "cross-entropy"  # a moved threshold is not moved again
        gaps = {name: found[name, model, row["method"]][metric] - found[name, model, other][metric] for name in facts}
        intervals.append(confidence_interval(inference.by_family({k: float(v.mean()) for k, v in gaps.items()}, facts)))
    yield [round(row["mean"], 4) for row in shown], [round(float(each.mean), 4) for each in intervals]
    yield [round(row["half"], 4) for row in shown], [round(float(each.mean - each.low), 4) for each in intervals]


FIGURES: dict[str, Row] = {
    "fig-loss-sliders": Row(
        [{"m": 3.3, "c": 5.3, "steps": 0}, {"m": -2, "c": 13, "steps": 5}, {"m": 8, "c": -1.5, "steps": 40}], line
    ),
    "fig-loss-noise": Row(
        [
            {"noise": "Gaussian", "pred": 5, "target": 8, "sigma": 2},
            {"noise": "Laplace", "pred": 9.3, "target": 2, "sigma": 0.7},
            {"noise": "Poisson", "pred": 3.4, "target": 6, "sigma": 1.5},
        ],
        noise,
    ),
    "fig-regression-sliders": Row(
        [
            {**NINE, "delta": 5, "tau": 0.75},
            {**NINE, "t9": 34, "delta": 0.5, "tau": 0.3},
            {**NINE, "t1": 16, "t5": 80, "t9": 110, "delta": 40, "tau": 0.95},
        ],
        deliveries,
    ),
    "fig-metric-slider": Row([{"t": 0.5}, {"t": 0.07}, {"t": 0.93}, {"t": 1}], tumours),
    "fig-three-symbols": Row(
        [{"p_a": 0.5, "share": 0.5}, {"p_a": 0.02, "share": 0.9}, {"p_a": 0.77, "share": 0.31}], three_symbols
    ),
    "fig-belief": Row(
        [{"q_red": 0.2, "share": 0.25}, {"q_red": 0.9, "share": 0.5}, {"q_red": 0.61, "share": 0.85}], belief
    ),
    "fig-simplex": Row(
        [{"q_red": 0.8, "share": 0.5}, {"q_red": 0.07, "share": 0.31}, {"q_red": 0.61, "share": 0.94}], simplex
    ),
    "fig-softmax-sliders": Row(
        [{"z0": 0, "z1": 1.9, "z2": 0.7}, {"z0": 6, "z1": -6, "z2": 0}, {"z0": -2.5, "z1": 0.3, "z2": 4.1}],
        logits_and_gradients,
    ),
    "fig-binary-weight-sliders": Row(
        [{"p": 0.1, "c": 9}, {"p": 0.5, "c": 1}, {"p": 0.82, "c": 3.5}], weighted_yes
    ),
    "fig-cel-smoothing": Row([{"eps": 0.1, "K": 3}, {"eps": 0.01, "K": 100}, {"eps": 0.6, "K": 2}], smoothing),
    "fig-focal-sliders": Row(
        [
            {"gamma": 2, "alpha": 0.25, "p_bg": 0.1},
            {"gamma": 0, "alpha": 0.5, "p_bg": 0.3},
            {"gamma": 4.3, "alpha": 0.9, "p_bg": 0.01},
        ],
        focal,
    ),
    "fig-breaks-sliders": Row(
        [{"prior": 0.1, "tau": 0}, {"prior": 0.01, "tau": 1}, {"prior": 0.37, "tau": 1.5}], frequent_and_rare
    ),
    "fig-resampling-sliders": Row(
        [{"rho": 100, "kappa": 1}, {"rho": 10, "kappa": 0.5}, {"rho": 37, "kappa": 0}], batches
    ),
    "fig-weighting-sliders": Row(
        [{"ratio": 100, "power": 2}, {"ratio": 7, "power": 4.5}, {"ratio": 200, "power": 0.7}], weights
    ),
    "fig-asymmetric-sliders": Row(
        [
            {"gamma_pos": 0, "gamma_neg": 4, "margin": 0.05, "p_neg": 0.3},
            {"gamma_pos": 2.5, "gamma_neg": 2.5, "margin": 0, "p_neg": 0.05},
            {"gamma_pos": 1, "gamma_neg": 7.1, "margin": 0.33, "p_neg": 0.9},
        ],
        asymmetric,
    ),
    "fig-bakeoff-judges": Row(
        [
            {"metric": "balanced accuracy", "model": "network", "baseline": "threshold moving"},
            {"metric": "log loss", "model": "linear", "baseline": "cross-entropy"},
            {"metric": "moved accuracy", "model": "network", "baseline": "threshold moving"},
        ],
        judges,
    ),
}

for path in sorted(Path(__file__).parent.glob("figures_*.py")):  # Part V: a file for each chapter
    FIGURES |= importlib.import_module(path.stem).FIGURES
