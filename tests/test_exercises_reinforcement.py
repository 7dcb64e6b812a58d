"""The judges of the exercises on consequences take the book's answers, and say what is wrong with others."""

import re

import pytest
import torch

import lossbook
from lossbook.exercises import gae, td_loss
from lossbook.exercises.reinforcement import _gae


def error(values, reward, discount):
    return reward + discount * values[1:].detach() - values[:-1]


def forgets_the_end(values, reward, discount, decay):
    """Carry the sum from one walk into the one before it."""
    d, out, later = error(values, reward, discount).detach(), [], torch.tensor(0.0)
    for t in reversed(range(len(d))):
        later = d[t] + decay * 0.9 * later
        out.append(later)
    return torch.stack(out[::-1])


@pytest.mark.parametrize(("answer", "said"), [
    (lambda v, r, d: lossbook.td_error(v[:-1], r, d, v[1:]) ** 2 / 2, "right: shape, dtype, value, gradient and tail"),
    (lambda v, r, d: error(v, r, d) ** 2 / 2, "right: shape, dtype, value, gradient and tail"),
    (lambda v, r, d: (r + d * v[1:] - v[:-1]) ** 2 / 2, "wrong gradient with respect to values"),
    (lambda v, r, d: (r + d * v[1:] - v[:-1].detach()) ** 2 / 2, "wrong gradient with respect to values"),
    (lambda v, r, d: error(v, r, d) ** 2, "wrong value"),
    (lambda v, r, d: (error(v, r, d) ** 2 / 2).mean(), r"wrong shape: got \(\), wanted \(3,\)"),
    (lambda v, r, d: error(v, r, 0.9 + 0 * d) ** 2 / 2, "wrong value"),
    (lambda v, r, d: error(v, r, d).detach() ** 2 / 2, "wrong gradient: none reaches values"),
    (lambda v, r, d: torch.nn.functional.huber_loss(v[:-1], r + d * v[1:].detach(), reduction="none", delta=10.0),
     "wrong tail, value"),
], ids=["package", "hand", "both", "wrong side", "no half", "mean", "one discount", "detached", "Huber"])  # fmt: skip
def test_the_judge_of_the_td_loss_names_the_property_that_fails(answer, said):
    assert re.match(said, td_loss(answer))


@pytest.mark.parametrize(("answer", "said"), [
    (_gae, "right: shape, dtype, value and tail"),
    (lambda v, r, d, _: error(v, r, d).detach(), r"wrong value: .*decay 1\.0"),
    (lambda v, r, d, _: _gae(v, r, d, 1.0), r"wrong value: .*decay 0\.0"),
    (forgets_the_end, "wrong value"),
    (lambda v, r, d, k: _gae(v, r, d, k).flip(0), "wrong value"),
    (lambda v, r, d, k: _gae(v, r, d, k).tolist(), "wrong type: got list"),
    (lambda v, r, d, k: _gae(v, r, d, k) + v[:-1], "wrong value"),
    (lambda v, r, d, k: _gae(v, r, d, k).double(), "wrong dtype"),
], ids=["right", "one step", "no decay", "over the end", "backwards", "list", "returns", "double"])  # fmt: skip
def test_the_judge_of_generalised_advantages_names_the_property_that_fails(answer, said):
    assert re.match(said, gae(answer))
