"""What the judges of exercises share; each judge has its own test beside the exercise's family."""

import re

import numpy as np
import pytest
import torch

import lossbook
from lossbook.exercises._judge import judge
from tests.solutions import solutions
from tools.layout import notebook_chapters
from tools.notebooks.student import asked_functions, judged

ORDINARY = [{"logits": torch.tensor([0.5, -2.0, 1.5]), "target": torch.tensor([1.0, 0.0, 0.0])}]
EXTREME = [{"logits": torch.tensor([200.0, -200.0]), "target": torch.tensor([0.0, 1.0])}]


def each(logits, target):
    return lossbook.binary_cross_entropy_with_logits(logits, target, reduction="none")


def naive(logits, target):
    p = logits.sigmoid()
    return -target * p.log() - (1 - target) * (1 - p).log()


@pytest.mark.parametrize(("answer", "said"), [
    (each, "right: shape, dtype, value, gradient and tail"),
    (naive, "wrong tail, value: got "),
    (lambda z, y: each(z, y).mean(), r"wrong shape: got \(\), wanted \(3,\)"),
    (lambda z, y: each(z, y).double(), r"wrong dtype: got torch\.float64, wanted torch\.float32"),
    (lambda z, y: 2 * each(z, y), r"wrong value: got \[0\.948"),
    (lambda z, y: each(z, y).detach(), "wrong gradient: none reaches logits"),
    (lambda z, y: each(z.detach(), y) + 0 * z, r"wrong gradient with respect to logits: got \[0, 0, 0\]"),
    (lambda z, y: each(z, y).tolist(), "wrong type: got list, wanted a tensor"),
    (lambda z: z, r"wrong, it does not run: TypeError: .*; for logits \[0\.5, -2, 1\.5\], target \[1, 0, 0\]"),
], ids=["right", "naive", "mean", "double", "twice", "detached", "no slope", "list", "arguments"])  # fmt: skip
def test_a_judge_names_the_property_that_fails_and_the_input(answer, said):
    assert re.match(said, judge(answer, each, ORDINARY, EXTREME, slopes=["logits"]))


MEAN = [{"x": torch.tensor([1.0, 2.0, 4.0, 5.0]), "w": 2.0}]


@pytest.mark.parametrize(("answer", "said"), [
    (lambda x, w: w * x.sum(), r"wrong value: got \[24\], wanted \[6\], 4 times as much, as a sum in place of a mean"),
    (lambda x, w: 3 * w * x.mean(), r"wrong value: got \[18\], wanted \[6\]; for x \[1, 2, 4, 5\], w 2\.0$"),
    (lambda x, w: w * x.mul_(1).mean().add(1), r"wrong value: got \[8\], wanted \[6\]; for x \[1, 2, 4, 5\]"),
], ids=["sum", "other", "in place"])  # fmt: skip
def test_a_sum_in_place_of_a_mean_is_called_so(answer, said):
    assert re.match(said, judge(answer, lambda x, w: w * x.mean(), MEAN))


def test_what_an_answer_does_to_its_inputs_stays_there():
    ordinary = [{"x": torch.tensor([1.0, 2.0]), "p": np.array([0.5, 0.5]), "labels": [1, 2]}]

    def answer(x, p, labels):
        found = x.sum() + p.sum() + labels.pop()
        x *= 0
        p *= 0
        return found

    assert judge(answer, lambda x, p, labels: x.sum() + p.sum() + labels[-1], ordinary).startswith("right")
    assert [list(value) for value in ordinary[0].values()] == [[1, 2], [0.5, 0.5], [1, 2]]


ROWS = [{"p": np.array([[1.0, 3.0], [2.0, 2.0]])}]


@pytest.mark.parametrize(("answer", "said"), [
    (lambda p: p.mean(1), "right: shape, dtype and value"),
    (lambda p: p.mean(0), r"wrong value: got \[1\.5, 2\.5\], wanted \[2, 2\]; for p \[1, 3, 2, 2\]"),
    (lambda p: p.mean(), r"wrong shape: got \(\), wanted \(2,\)"),
    (lambda p: p.mean(1).astype(np.float32), "wrong dtype: got float32, wanted float64"),
    (lambda p: p.mean(1).tolist(), "wrong type: got list, wanted a number or an array"),
    (lambda p: p.mean(1).astype(object), "wrong dtype: got object, wanted float64"),
], ids=["right", "axis", "all", "float32", "list", "objects"])  # fmt: skip
def test_arrays_of_numpy_are_judged_like_tensors(answer, said):
    assert re.match(said, judge(answer, lambda p: p.mean(1), ROWS))


def test_a_plain_number_counts_as_an_array_without_axes():
    assert judge(lambda p: float(p.sum()), lambda p: p.sum(), ROWS) == "right: shape, dtype and value"
    assert judge(lambda p: int(p.sum()), lambda p: float(p.sum()), ROWS).startswith("wrong dtype: got int64")


@pytest.mark.parametrize(("answer", "said"), [
    (lambda x, w: (w * x, x.sum()), "right: shape, dtype and value"),
    (lambda x, w: [w * x, x.sum()], "right: "),
    (lambda x, w: (w * x, x.mean()), r"wrong value: got \[3\], wanted \[12\], in result 2 of 2; for x "),
    (lambda x, w: (w * x).sum(), "wrong type: got Tensor, wanted 2 results"),
    (lambda x, w: (w * x,), "wrong type: got tuple of 1, wanted 2 results"),
], ids=["right", "list", "second", "one", "too few"])  # fmt: skip
def test_a_function_may_return_several_things(answer, said):
    assert re.match(said, judge(answer, lambda x, w: (w * x, x.sum()), MEAN))


def test_a_small_value_keeps_its_digits_where_the_judge_says_so():
    def rounded(x, w):
        return w * x.mean() * 1e-9 + 1 - 1

    def reference(x, w):
        return w * x.mean() * 1e-9

    assert judge(rounded, reference, MEAN).startswith("right")
    assert judge(rounded, reference, MEAN, atol=0).startswith("wrong value: got [0]")
    assert judge(lambda x, w: 1.001 * w * x, lambda x, w: w * x, MEAN, rtol=0.01).startswith("right")
    assert judge(lambda x, w: 1.001 * w * x, lambda x, w: w * x, MEAN).startswith("wrong value")


CHAPTERS = notebook_chapters()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_function_that_an_exercise_asks_for_is_judged_in_its_solution(chapter):
    for exercise, code in solutions(chapter.read_text(encoding="utf-8")):
        names = [function.name for function in asked_functions(exercise, code)]
        assert not names or any(call.startswith("exercises.") for call in judged(code, names)), names
