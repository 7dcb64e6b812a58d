"""What the interactive figure on denoising computes, beside what lossbook's loss asks for."""

import math

import torch
from figures import Row, column, double, rows_with

import lossbook


def two_points(at, tables):
    a, b = math.cos(math.pi * at["t"] / 2), math.sin(math.pi * at["t"] / 2)
    density = rows_with(tables, "u", "plus", "minus")
    u = double(column(density, "u"))
    bells = [torch.distributions.Normal(double(x * a), double(b)).log_prob(u).exp() for x in (1.0, -1.0)]
    parts = double([at["q"], 1 - at["q"]])[:, None] * torch.stack(bells)
    yield column(density, "density"), parts.sum(0).tolist()
    belief = parts / parts.sum(0)
    for kind in ("clean", "noise", "velocity"):
        best = double(column(density, kind)).requires_grad_()
        share = torch.full_like(u, a**2)
        loss = sum(
            part @ lossbook.denoising_loss(best[:, None], torch.full_like(u, x)[:, None], ((u - a * x) / b)[:, None],
                                           share, predict=kind, reduction="none")
            for part, x in zip(belief, (1.0, -1.0), strict=True)
        )
        (slope,) = torch.autograd.grad(loss, best)
        yield slope.tolist(), [0.0] * len(u)  # the best answer: no slope is left


FIGURES = {
    "fig-denoise-sliders": Row(
        [{"t": 0.35, "q": 0.5}, {"t": 0.05, "q": 0.9}, {"t": 0.95, "q": 0.05}, {"t": 0.3, "q": 0.35}],
        two_points,
    ),
}
