"""What the interactive figure on alignments computes, beside what lossbook computes."""

import torch
from figures import Row, column, double, rows_with

import lossbook


def steps(at, tables):
    rng = torch.Generator().manual_seed(3)
    log_p = (1.2 * torch.randn(6, 3, generator=rng)).double().log_softmax(1)[:, None].requires_grad_()
    loss = lossbook.ctc_loss(log_p, torch.tensor([[1, 2]]), torch.tensor([6]), torch.tensor([2]))
    posterior = -torch.autograd.grad(loss, log_p)[0][int(at["step"]) - 1, 0]
    through = rows_with(tables, "share", "total", "says")
    yield column(through, "total"), [float((-loss).detach().exp())] * 5
    found = [sum(row["share"] for row in through if row["says"] == name) for name in "∅ab"]
    yield double(found), posterior
    shown = rows_with(tables, "side", "value")
    yield [row["side"][0] == "α" for row in shown], [row["frame"] <= at["step"] for row in shown]


FIGURES = {"fig-ctc-steps": Row([{"step": 3}, {"step": 1}, {"step": 6}], steps)}
