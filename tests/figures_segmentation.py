"""What the interactive figure on masks computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with

import lossbook


def discs(at, tables):
    places = torch.cartesian_prod(torch.arange(32), torch.arange(32)).double()  # rows, columns
    def disc(x):
        return (places - double([16, x])).square().sum(1)

    truth = (disc(10) < 25).double()[None]
    answer = disc(10 + at["shift"]) < at["radius"] ** 2
    logits = torch.where(answer, at["sure"], -at["sure"]).double()[None]
    prices = {"alpha": at["alpha"], "beta": 1 - at["alpha"]}
    exact = {
        "cross-entropy": lossbook.binary_cross_entropy_with_logits(logits, truth),
        "Dice": lossbook.dice_loss(logits, truth),
        "Jaccard": lossbook.jaccard_loss(logits, truth),
        "Tversky": lossbook.tversky_loss(logits, truth, **prices),
    }
    found = {row["loss"]: row["value"] for row in rows_with(tables, "loss", "value")}
    yield [found[name] for name in exact], [float(value) for value in exact.values()]
    shown = rows_with(tables, "kind", "t", "a")
    wanted = {"shared": truth[0].bool() & answer, "missed": truth[0].bool() & ~answer, "too much": answer > truth[0]}
    yield [column(shown, "kind").count(kind) for kind in wanted], [int(where.sum()) for where in wanted.values()]


FIGURES = {
    "fig-seg-sliders": Row(
        [
            {"shift": 4, "radius": 5, "sure": 6, "alpha": 0.3},
            {"shift": 0, "radius": 0, "sure": 1.5, "alpha": 0.5},
            {"shift": 11, "radius": 9, "sure": 9, "alpha": 0.95},
        ],
        discs,
    ),
}
