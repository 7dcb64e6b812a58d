"""What the interactive figure on consequences computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with

import lossbook


def clipped(at, tables):
    def loss(ratios):
        log_ratio = double(ratios).log().requires_grad_()
        each = lossbook.ppo_loss(
            log_ratio, torch.zeros_like(log_ratio), torch.full_like(log_ratio, at["A"]), clip=at["c"], reduction="none"
        )
        return each.detach(), torch.autograd.grad(each.sum(), log_ratio)[0]

    curve = rows_with(tables, "r", "ppo", "plain")
    yield column(curve, "ppo"), loss(column(curve, "r"))[0]
    yield column(curve, "plain"), -at["A"] * double(column(curve, "r"))
    point = rows_with(tables, "r", "ppo", "push")
    yield column(point, "r"), [at["r"]]
    yield column(point, "ppo"), loss(column(point, "r"))[0]
    yield column(point, "push"), -loss(column(point, "r"))[1]


FIGURES = {
    "fig-reinforcement-clip": Row(
        [
            {"r": 1.5, "A": 2, "c": 0.2},
            {"r": 1.5, "A": -2, "c": 0.2},
            {"r": 0.45, "A": -1.3, "c": 0.3},
            {"r": 1.1, "A": 0.7, "c": 0.5},
        ],
        clipped,
    ),
}
