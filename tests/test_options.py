"""Every option of every function, when it has the wrong type: a bool, NaN, text, a number with a fraction.

The options are found by the signatures, so that one which nobody thought of is asked, too.
"""

import inspect
import math
import types
import typing
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from rows import Row
from test_transforms import ALL
from torch.utils import _pytree as pytree

import lossbook
from lossbook import data, imbalance, information, metrics, scenes

BAD = {
    float: [True, "2", math.nan, 1j, [0.5], torch.tensor(0.5)],
    int: [True, "2", math.nan, 1.5, [2], torch.tensor(2)],
    str: ["nonsense", 3, True, None],
    torch.Tensor: [[1.0, 2.0], 0.5, "1"],
    Sequence: [None, "900", {0: 900, 1: 90, 2: 10}, Counter({0: 900, 1: 90, 2: 10}), {900, 90, 10}, 3.5, [1j, 2, 3],
               ["900", "90", "10"], [True, True, True], torch.tensor([True, True, True]), torch.ones(3) * 1j],
}
OTHERS = [
    Row("class weights", lambda **options: imbalance.class_weights([80, 15, 5], **options), lambda _: (),
        {"method": "effective"}),
    *(Row(f"information.{function.__name__}", function, lambda _: ([0.5, 0.5], [0.25, 0.75]))
      for function in (information.cross_entropy, information.kl_divergence, information.js_divergence)),
    Row("information.entropy", information.entropy, lambda _: ([0.25, 0.75],)),
    Row("information content", information.information_content, lambda _: (0.25,)),
    Row("reliability", metrics.reliability, lambda _: ([0.2, 0.7], [0, 1])),
    Row("calibration", metrics.expected_calibration_error, lambda _: ([0.2, 0.7], [0, 1])),
    Row("interval", metrics.confidence_interval, lambda _: ([1.0, 2.0, 4.0],)),
    Row("line", data.line_with_outliers, lambda _: (20,), {"outliers": 0.25}),
    Row("noise", data.widening_noise, lambda _: (20,)),
    Row("spots", data.two_class_images, lambda _: ((3, 4),)),
    Row("labels", data.multi_label_images, lambda _: (20,), {"labels": 20}),
    Row("boxes", data.dense_detections, lambda _: (2,), {"boxes": 50}),
    Row("tail", data.long_tail, lambda _: (100, 3), {"ratio": 2.0}),
    Row("digits", data.digits_split, lambda _: (), {"ratio": 2.0}),
    Row("tumours", data.breast_cancer_split, lambda _: ()),
    Row("placed digits", scenes.placed_digits, lambda _: (20,)),
    Row("lists of digits", scenes.digit_lists, lambda _: (20,)),
]


def kind(hint):
    """Return the key of ``BAD`` for a type hint, None for a hint that says something else."""
    parts = [hint] if typing.get_origin(hint) is Sequence else typing.get_args(hint) or [hint]
    kinds = {typing.get_origin(part) or part for part in parts}
    return next((key for key in (Sequence, torch.Tensor, float, int, str) if key in kinds), None)


def options(rows):
    """Return (row, name of the option, its value, its kind, whether it may be None), once for each function."""
    seen, found = set(), []
    for row in rows:
        function = imbalance.class_weights if row.name == "class weights" else row.loss
        if function in seen or not inspect.isfunction(function):
            continue
        seen.add(function)
        hints = typing.get_type_hints(function)
        for option in inspect.signature(function).parameters.values():
            key = kind(hints.get(option.name))
            if option.kind is option.KEYWORD_ONLY and key:
                value = row.options.get(option.name, option.default)
                may_be_none = types.NoneType in typing.get_args(hints[option.name])
                found.append(pytest.param(row, option.name, value, key, may_be_none, id=f"{row.name}-{option.name}"))
    return found


OPTIONS = options([*ALL, *OTHERS])
NUMBERS = [option for option in OPTIONS if option.values[3] in {float, int}]


def call(row, **more):
    return row.loss(*row.inputs(6), **{**row.options, **more})


@pytest.mark.parametrize(("row", "name", "value", "key", "may_be_none"), OPTIONS)
def test_an_option_of_the_wrong_type_is_an_error_that_names_it(row, name, value, key, may_be_none):  # noqa: ARG001
    for bad in [bad for bad in BAD[key] if bad is not None] + ([] if may_be_none else [None]):
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            call(row, **{name: bad})


@pytest.mark.parametrize(("row", "name", "value", "key", "may_be_none"), NUMBERS)
def test_numbers_of_numpy_are_numbers(row, name, value, key, may_be_none):
    value = 0.5 if may_be_none and value is None else value
    numpys = [np.int64, np.int32] if key is int else [np.float32, np.float64]
    for number in [*numpys, *([np.int64] if float(value).is_integer() else [])]:
        found, expected = call(row, **{name: number(value)}), call(row, **{name: number(value).item()})
        for one, other in zip(pytree.tree_leaves(found), pytree.tree_leaves(expected), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_table_finds_the_options():
    assert {option.id for option in OPTIONS} >= {
        "focal-alpha", "cross-entropy-ignore_index", "cross-entropy-weight", "ldam-counts", "reliability-bins",
        "class weights-method", "huber-reduction", "spots-size"}
    assert {option.values[3] for option in OPTIONS} == set(BAD)


SIZES = (0.05, 0.3, 0.7, 1.5, 2.5, 30.0, 10_000)
CANDIDATES = [*SIZES, *([x, 2 * x, 9.0] for x in SIZES), *range(5), True, False, None, "sum", "all", "ndcg", "clean",
              "euclidean"]


def changes_the_answer(row, name, inputs):
    """Return whether some value that the loss takes gives another answer on a batch."""
    shapes = {tuple(part.shape) for part in inputs} | {(size,) for part in inputs for size in part.shape}
    tensors = (torch.arange(1.0, math.prod(shape) + 1, dtype=torch.float64).view(shape) for shape in shapes)
    answer = row(*inputs)
    for value in [*CANDIDATES, *tensors]:
        try:
            if not torch.equal(row.loss(*inputs, **{**row.options, name: value}), answer):
                return True
        except (TypeError, ValueError):
            continue
    return False


def batches(row):
    """Return a batch, and the same with a single class, label or length: the others are absent."""
    inputs = row.inputs(6)
    return inputs, [part if part.is_floating_point() else torch.full_like(part, part.flatten()[0]) for part in inputs]


LOSSES = {row.loss for row in ALL if row.loss is getattr(lossbook, getattr(row.loss, "__name__", ""), None)}
CHANGED = [
    pytest.param(loss, option.name, id=f"{loss.__name__}-{option.name}")
    for loss in sorted(LOSSES, key=lambda loss: loss.__name__)
    for option in inspect.signature(loss).parameters.values()
    if option.kind is option.KEYWORD_ONLY and option.name != "chunk"  # which is about memory alone
]


@pytest.mark.parametrize(("loss", "option"), CHANGED)
def test_every_option_changes_the_answer(loss, option):
    assert any(changes_the_answer(row, option, batch)
               for row in ALL if row.loss is loss for batch in batches(row))
