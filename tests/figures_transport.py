"""What the interactive figure of the chapter on clouds and transport computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with

import lossbook
from lossbook import information


def two_boxes(at, tables):
    place = torch.arange(25, dtype=torch.float64)
    bars = sorted(rows_with(tables, "k", "p", "q"), key=lambda row: row["k"])
    yield column(bars, "p"), (1 - at["e"]) * (place < 5) / 5 + at["e"] / 25
    p, q = double(column(bars, "p")), double(column(bars, "q"))
    yield column(bars, "q"), (1 - at["e"]) * ((place >= at["s"]) & (place < at["s"] + 5)) / 5 + at["e"] / 25
    curves = next(rows for rows in tables.values() if len(rows) == 19 and "KL" in rows[0])
    now = next(rows for rows in tables.values() if len(rows) == 1 and "KL" in rows[0])
    apart = (place[:, None] - place).abs()
    for row in [*curves, *now]:
        moved = q if row["t"] == at["s"] else (1 - at["e"]) * (
            (place >= row["t"]) & (place < row["t"] + 5)).double() / 5 + at["e"] / 25
        yield [row["KL"]], [information.kl_divergence(p, moved)]
        yield [row["JS"]], [information.js_divergence(p, moved)]
        yield [row["W1"]], [lossbook.emd_loss(p, moved, cost=apart)]


FIGURES = {"fig-transport-sliders": Row([{"s": 3, "e": 0.05}, {"s": 0, "e": 0.01}, {"s": 18, "e": 0.5}], two_boxes)}
