"""The judges of the chapter on boxes: they accept the book's solution, and say what is wrong with others."""

import math
import re

import pytest
import torch

from lossbook import exercises


def area(low, high, least=0.0):
    return (high - low).clamp(min=least).prod(-1)


def giou(boxes1, boxes2, *, least=0.0, eps=0.0, empty=1.0, below="around"):
    (a, b), (c, d) = boxes1.chunk(2, -1), boxes2.chunk(2, -1)
    shared = area(torch.maximum(a, c), torch.minimum(b, d), least)
    union = area(a, b) + area(c, d) - shared
    around = area(torch.minimum(a, c), torch.maximum(b, d))
    share = (around - union) / (around if below == "around" else union)
    return 1 - shared / (union + eps) + empty * share


def centred(boxes1, boxes2):
    return giou(*(torch.cat([b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], 1) for b in (boxes1, boxes2)))


@pytest.mark.parametrize(("answer", "said"), [
    (giou, "right: shape, dtype, value, gradient and tail"),
    (lambda a, b: giou(a, b, least=-math.inf), "wrong value: .*boxes1 \\[5, 2.5, 6, 3\\]"),
    (lambda a, b: giou(a, b, eps=1e-7), "wrong tail, value"),
    (lambda a, b: giou(a, b, empty=0.0), "wrong value"),
    (lambda a, b: giou(a, b, below="union"), "wrong value"),
    (centred, "wrong value"),
    (lambda a, b: giou(a, b).mean(), r"wrong shape: got \(\), wanted \(1,\)"),
    (lambda a, b: giou(a.detach(), b), "wrong gradient: none reaches boxes1"),
    (lambda a, b: 1 - giou(a, b), "wrong value"),
], ids=["right", "no clamp", "eps", "IoU", "over the union", "centres", "mean", "detached", "a score"])  # fmt: skip
def test_the_judge_of_giou_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.write_giou(answer))


def turned(boxes1, boxes2, *, scale=4.0, sign=1.0, cross=2.0, root=True, degrees=False):
    def covariance(boxes):
        w, h, theta = boxes[..., 2:].unbind(-1)
        theta = theta.deg2rad() if degrees else theta
        turn = torch.stack([theta.cos(), -sign * theta.sin(), theta.sin(), theta.cos()], -1).unflatten(-1, (2, 2))
        return turn @ torch.diag_embed(torch.stack([w, h], -1).square() / scale) @ turn.mT

    A, B = covariance(boxes1), covariance(boxes2)
    moved = (boxes1[..., :2] - boxes2[..., :2]).square().sum(-1)
    trace = A.diagonal(dim1=-2, dim2=-1).sum(-1) + B.diagonal(dim1=-2, dim2=-1).sum(-1)
    size = boxes1[..., 2:4].prod(-1) * boxes2[..., 2:4].prod(-1) / scale**2
    both = ((A * B).sum((-2, -1)) + cross * size).sqrt()
    return moved + trace - 2 * both if root else moved + (A - B).square().sum((-2, -1))


@pytest.mark.parametrize(("answer", "said"), [
    (turned, "right: shape, dtype, value and gradient"),
    (lambda a, b: turned(a, b, scale=1.0), "wrong value"),
    (lambda a, b: turned(a, b, sign=-1.0), "wrong value"),
    (lambda a, b: turned(a, b, cross=0.0), "wrong value"),
    (lambda a, b: turned(a, b, root=False), "wrong value"),
    (lambda a, b: turned(a, b, degrees=True), "wrong value"),
    (lambda a, b: turned(a, b).sum(), r"wrong shape: got \(\), wanted \(1,\)"),
    (lambda a, b: turned(a, b).sqrt(), "wrong value"),
    (lambda a, b: turned(a.detach(), b), "wrong gradient: none reaches boxes1"),
], ids=["right", "whole sides", "no turn", "no cross", "norm", "degrees", "sum", "root", "detached"])  # fmt: skip
def test_the_judge_of_turned_boxes_names_what_is_wrong(answer, said):
    assert re.match(said, exercises.turned_boxes(answer))
