"""What the interactive figure of the chapter on embeddings computes, beside lossbook."""

import math

import torch
from figures import Row, column, double, rows_with

import lossbook


def temperature(at, tables):
    rows = rows_with(tables, "p", "pull", "loss")
    angles = double([at["place"], 40, 65, 100, 135, 170]) * math.pi / 180
    order = [["partner", "n1", "n2", "n3", "n4", "n5"].index(row["who"]) for row in rows]
    logits = (angles.cos() / at["T"]).requires_grad_()
    loss = lossbook.cross_entropy(logits[None], torch.tensor([0]))
    (slope,) = torch.autograd.grad(loss, logits)
    yield column(rows, "pull"), slope.abs()[order]
    partner = [row for row in rows if row["who"] == "partner"]
    yield column(partner, "loss"), loss.detach()[None]


FIGURES = {
    "fig-embedding-temperature": Row(
        [{"T": 0.5, "place": 50}, {"T": 0.05, "place": 0}, {"T": 0.1, "place": 180}, {"T": 1, "place": 95}], temperature
    ),
}
