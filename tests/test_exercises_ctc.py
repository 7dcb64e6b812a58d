"""The judges of the exercises on sequences accept what is right, and name the property that is wrong."""

import re
from functools import partial

import pytest
import torch

from lossbook import ctc_loss, exercises


def walks(log_probs, labels, together=torch.logsumexp, *, jump=True, at_repeat=False, first=2, last=2):
    places = [0] + [k for label in labels for k in (label, 0)]
    nothing = log_probs.new_tensor(-1e30)
    alpha = [*log_probs[0, places[:first]]] + [nothing] * (len(places) - first)
    for now in log_probs[1:]:
        before = [nothing, nothing, *alpha]
        may = [jump and k != 0 and (at_repeat or k != places[s - 2]) for s, k in enumerate(places)]
        alpha = [
            now[k] + together(torch.stack(before[s + 1 : s + 3] + [before[s]] * may[s]), 0)
            for s, k in enumerate(places)
        ]
    return -together(torch.stack(alpha[-last:]), 0)


def naive(log_probs, labels):
    places = [0] + [k for label in labels for k in (label, 0)]
    alpha = [log_probs[0, k].exp() for k in places[:2]] + [log_probs.new_zeros(())] * (len(places) - 2)
    for now in log_probs[1:].exp():
        jumps = [s > 1 and k not in (0, places[s - 2]) for s, k in enumerate(places)]
        alpha = [now[k] * sum(alpha[max(0, s - 1 - jumps[s]) : s + 1]) for s, k in enumerate(places)]
    return -(alpha[-1] + alpha[-2]).log()


def package(log_probs, labels):
    lengths = torch.tensor([len(log_probs)]), torch.tensor([len(labels)])
    return ctc_loss(log_probs[:, None], torch.tensor([labels]), *lengths)


best = partial(walks, together=torch.amax)


@pytest.mark.parametrize(("answer", "said"), [
    (walks, "right: shape, dtype, value, gradient and tail"),
    (package, "right: "),
    (naive, r"wrong tail, value: got \[inf\]"),
    (best, "wrong value: "),
    (partial(walks, jump=False), "wrong value: "),
    (partial(walks, at_repeat=True), r"wrong value: .*labels \[1, 1\]"),
    (partial(walks, first=1), "wrong value: "),
    (partial(walks, last=1), "wrong value: "),
    (lambda p, y: -walks(p, y), "wrong value: "),
    (lambda p, y: walks(p, y).detach(), "wrong gradient: none reaches log_probs"),
    (lambda p, y: walks(p, y)[None], r"wrong shape: got \(1,\), wanted \(\)"),
], ids=["right", "package", "naive", "best", "no jump", "repeat", "first", "last", "sign", "cut", "shape"])  # fmt: skip
def test_the_judge_of_ctc_names_what_fails(answer, said):
    assert re.match(said, exercises.ctc(answer))


@pytest.mark.parametrize(("answer", "said"), [
    (best, "right: shape, dtype, value, gradient and tail"),
    (walks, "wrong value: "),
    (lambda p, _: -p.amax(1).sum(), "wrong value: "),
    (partial(best, at_repeat=True), r"wrong value: .*labels \[1, 1\]"),
    (partial(best, jump=False), "wrong value: "),
    (lambda p, y: best(p, y).exp(), "wrong value: "),
    (lambda p, y: best(p, y).detach(), "wrong gradient: none reaches log_probs"),
    (lambda p, y: -(-best(p, y)).exp().log(), r"wrong tail, value: got \[inf\]"),
], ids=["right", "sum", "greedy", "repeat", "no jump", "exp", "detached", "product"])  # fmt: skip
def test_the_judge_of_the_best_alignment_names_what_fails(answer, said):
    assert re.match(said, exercises.best_alignment(answer))
