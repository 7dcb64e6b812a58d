"""The judges of the exercises on masks accept what is right, and name the property that is wrong."""

import re

import pytest
import torch

from lossbook import dice_loss, exercises, jaccard_loss


def batch_dice(logits, target):
    wrong = torch.sigmoid((1 - 2 * target) * logits)
    errors, shared = wrong.sum(), (target * (1 - wrong)).sum()
    return errors / (2 * shared + errors).clamp(min=1e-30)


def naive(logits, target):
    p = logits.sigmoid()
    return 1 - 2 * (p * target).sum() / (p.sum() + target.sum())


@pytest.mark.parametrize(("answer", "said"), [
    (batch_dice, "right: shape, dtype, value, gradient and tail"),
    (lambda z, t: dice_loss(z.reshape(1, -1), t.reshape(1, -1)), "right: "),
    (naive, r"wrong tail, value: got \[nan\], wanted \[0\]"),
    (dice_loss, r"wrong value: got \[0\.40"),
    (lambda z, t: jaccard_loss(z.reshape(1, -1), t.reshape(1, -1)), "wrong value: "),
    (lambda z, t: batch_dice(z.sigmoid(), t), "wrong value: "),
    (lambda z, t: dice_loss(z, t, reduction="none"), r"wrong shape: got \(2,\), wanted \(\)"),
    (lambda z, t: batch_dice(z, t).detach(), "wrong gradient: none reaches logits"),
    (lambda z, t: batch_dice((z > 0).float() * 40 - 20, t), "wrong value: "),
], ids=["right", "package", "naive", "per image", "Jaccard", "sigmoid twice", "none", "detached", "hard"])  # fmt: skip
def test_the_judge_of_the_batch_names_what_fails(answer, said):
    assert re.match(said, exercises.batch_dice(answer))


def distances(target):
    rows, columns = torch.meshgrid(*map(torch.arange, target.shape[1:]), indexing="ij")
    places = torch.stack([rows.flatten(), columns.flatten()], 1).float()
    far = torch.cdist(places, places)
    found = []
    for t in target.flatten(1):
        other = t[:, None] != t[None, :]
        found.append(torch.stack([far[i][other[i]].min() for i in range(len(t))]))
    return torch.stack(found).view_as(target)


def boundary(logits, target):
    return (torch.where(target > 0, -1, 1) * distances(target) * logits.sigmoid()).mean()


@pytest.mark.parametrize(("answer", "said"), [
    (boundary, "right: shape, dtype, value, gradient and tail"),
    (lambda z, t: -boundary(z, t), "wrong value: "),
    (lambda z, t: (distances(t) * z.sigmoid()).mean(), "wrong value: "),
    (lambda z, t: ((1 - t) * distances(t) * z.sigmoid()).mean(), "wrong value: "),
    (lambda z, t: boundary(z, t) * z[0].numel(), "wrong value: "),
    (lambda z, t: boundary(40 * z, t), "wrong value: "),
    (lambda z, t: (boundary(z, t).detach() + 0 * z.sum()), r"wrong gradient with respect to logits: got \[0, 0"),
    (lambda z, t: (torch.where(t > 0, -1, 1) * distances(t) * z.exp() / (1 + z.exp())).mean(),
     r"wrong tail, value: got \[nan\]"),
    (lambda z, t: (torch.where(t > 0, -1, 1) * distances(t) * z.sigmoid()).mean((1, 2)), "wrong shape: "),
], ids=["right", "sign", "unsigned", "outside only", "sum", "too sure", "no slope", "naive", "per mask"])  # fmt: skip
def test_the_judge_of_the_boundary_names_what_fails(answer, said):
    assert re.match(said, exercises.boundary(answer))
