"""The judges of the chapter on clouds and transport accept what is right, and name what is wrong."""

import re

import pytest
import torch

from lossbook import exercises


def area(p, q):
    return (p.cumsum(-1) - q.cumsum(-1)).abs().sum(-1)


def distances(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def both_ways(x, y):
    distance = distances(x, y)
    return torch.maximum(distance.amin(1).amax(), distance.amin(0).amax())


def with_a_bare_root(x, y):
    distance = (x[:, None] - y).square().sum(-1).sqrt()
    return torch.maximum(distance.amin(1).amax(), distance.amin(0).amax())


def by_matrix_product(x, y):
    distance = torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")
    return torch.maximum(distance.amin(1).amax(), distance.amin(0).amax())


@pytest.mark.parametrize(("answer", "said"), [
    (area, "right: shape, dtype, value, gradient and tail"),
    (lambda p, q: (p - q).cumsum(-1)[..., :-1].abs().sum(-1), "right"),
    (lambda p, q: (p - q).cumsum(-1).sum(-1), "wrong value"),
    (lambda p, q: (p - q).abs().sum(-1), "wrong value"),
    (lambda p, q: (p - q).cumsum(-1).abs().amax(-1), "wrong value"),
    (lambda p, q: (p - q).cumsum(-1).square().sum(-1), "wrong value"),
    (lambda p, q: (p - q).cumsum(0).abs().sum(-1), "wrong value.*; for p .0.25, 0.25, 0.25, 0.25, 0, 0, …"),
    (lambda p, q: area(p, q).sum(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda p, q: area(p, q).detach(), "wrong gradient: none reaches p"),
], ids=["right", "without the last", "no size", "bin by bin", "largest", "squared", "wrong axis", "sum", "detached"])
def test_the_judge_of_earth_on_a_line(answer, said):
    assert re.match(said, exercises.earth_on_a_line(answer))


@pytest.mark.parametrize(("answer", "said"), [
    (both_ways, "right: shape, dtype, value, gradient and tail"),
    (lambda x, y: distances(x, y).amin(1).amax(), "wrong value"),
    (lambda x, y: distances(x, y).amin(0).amax(), "wrong value.*; for x .0, 0.5, 1, 0, 3, 0"),
    (lambda x, y: both_ways(x, y).square(), "wrong value"),
    (lambda x, y: distances(x, y).amin(1).mean() + distances(x, y).amin(0).mean(), "wrong value"),
    (lambda x, y: distances(x, y).amax(), "wrong value"),
    (with_a_bare_root, "wrong tail, gradient with respect to x: got .*nan"),
    (by_matrix_product, "wrong tail, value"),
    (lambda x, y: both_ways(x, y).item(), "wrong type: got float"),
    (lambda x, y: both_ways(x.detach(), y), "wrong gradient: none reaches x"),
], ids=["right", "forth", "back", "squared", "mean", "all", "root", "matrix product", "float", "detached"])  # fmt: skip
def test_the_judge_of_hausdorff(answer, said):
    assert re.match(said, exercises.hausdorff(answer))
