"""What the interactive figure on adversarial losses computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with

import lossbook

LOSSES = {
    "minimax": lossbook.minimax_generator_loss,
    "non-saturating": lossbook.non_saturating_generator_loss,
    "least squares": lossbook.least_squares_generator_loss,
    "hinge": lossbook.hinge_generator_loss,
}


def slopes(at, tables):
    found = {row["loss"]: row["pull"] for row in rows_with(tables, "loss", "pull")}
    z = double([at["logit"]]).requires_grad_()
    exact = [-torch.autograd.grad(loss(z), z)[0].item() for loss in LOSSES.values()]
    yield [found[name] for name in LOSSES], exact
    rows = rows_with(tables, "loss", "value")
    for name, loss in LOSSES.items():
        mine = [row for row in rows if row["loss"] == name]
        yield column(mine, "value"), loss(double(column(mine, "z")), reduction="none")


FIGURES = {"fig-gen-sliders": Row([{"logit": -4}, {"logit": 0}, {"logit": 6}], slopes)}
