"""Every tensor of every loss, when a newcomer hands over something else, another shape, or a number that is none.

The tensors are found by the table of transforms, so that a loss which nobody thought of is asked, too. What each loss
says of its own range stands with the tests of its family.
"""

import inspect
import math
import re

import pytest
import torch
from rows import Row
from rows_generative import DISCRIMINATORS, weighted_denoising
from test_transforms import ALL
from torch.testing import assert_close

import lossbook

OTHERS = [
    Row("hardest triplets", lossbook.hardest_triplets, lambda n: (torch.arange(3.0 * n).sin().view(n, 3),
                                                                  torch.arange(n) % 2)),
    Row("td error", lossbook.td_error, lambda n: tuple(torch.arange(4.0 * n).sin().square().view(4, n))),
]


def parameters(row):
    """Return the names of the tensors that a loss takes, in order."""
    found = inspect.signature(row.loss).parameters.values()
    return [part.name for part in found if part.annotation is part.empty or "Tensor" in str(part.annotation)]


def arguments():
    """Return (row, place of a tensor, its name), once for each argument of each loss."""
    seen, found = set(), []
    for row in [*ALL, *OTHERS]:
        for place, (name, _) in enumerate(zip(parameters(row), row.inputs(6), strict=False)):
            if (row.loss, name) not in seen:
                seen.add((row.loss, name))
                found.append(pytest.param(row, place, name, id=f"{row.name}-{name}"))
    return found


ARGUMENTS = arguments()
every_argument = pytest.mark.parametrize(("row", "place", "name"), ARGUMENTS)


def replaced(row, place, change):
    return [change(part) if at == place else part for at, part in enumerate(row.inputs(6))]


@every_argument
def test_what_is_no_tensor_of_real_numbers_is_an_error_that_names_it(row, place, name):
    kinds = [torch.Tensor.tolist, torch.Tensor.numpy, lambda part: part + 0j]
    if (row.loss, name) != (weighted_denoising, "weight"):  # which may be left out
        kinds.append(lambda _: None)
    for kind in kinds:
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must "):
            row(*replaced(row, place, kind))


@every_argument
def test_a_prediction_in_integers_is_an_error_that_names_it(row, place, name):
    if place in row.differentiable and name != "target":
        for kind in (torch.Tensor.long, lambda part: part > 0):
            with pytest.raises(TypeError, match=rf"^{name} must have a floating dtype, got torch\.(int64|bool)"):
                row(*replaced(row, place, kind))


@every_argument
def test_another_shape_is_an_error_that_names_an_argument_and_what_came(row, place, name):
    one_side = getattr(row.loss, "__name__", "") in DISCRIMINATORS  # each is reduced by itself
    any_number = (row.loss, name) == (lossbook.linear_cross_entropy, "weight")  # of classes
    if len(row.inputs(6)) > 1 and not one_side and not any_number:
        for kind in (lambda part: part[:-1], lambda part: part[:1], lambda part: part[None], lambda part: part[0]):
            with pytest.raises(ValueError, match=rf"\b({'|'.join(parameters(row))})\b.*, got [(\d]"):
                row(*replaced(row, place, kind))


def with_number(number):
    """Return a function that puts a number into all of the third example."""
    return lambda part: part.index_fill(0, torch.tensor(2), number) if part.is_floating_point() else part


@every_argument
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_by_name_or_seen_in_the_loss_of_its_example(row, place, name, number):
    if row.loss is lossbook.hardest_triplets:  # among indices nothing can be seen
        return
    each = {} if row.loss in {lossbook.td_error, lossbook.rmse_loss} else {"reduction": "none"}
    found, said = None, ""
    try:
        found = row(*replaced(row, place, with_number(number)), **each)
    except ValueError as error:
        said = str(error)
    if found is None:
        assert re.search(rf"\b{name}\b.*, got ", said)
    elif math.isnan(number) and row.inputs(6)[place].is_floating_point():
        assert found.isnan().any()
        if row.examples:
            others = torch.arange(6) != 2
            assert_close(found[others], row(*row.inputs(6), **each)[others])


def test_the_table_finds_the_arguments():
    assert {argument.id for argument in ARGUMENTS} >= {
        "ctc-target_lengths", "emd of masses-cost", "denoising clean-weight", "td error-next_value", "giou-boxes2",
        "hardest triplets-labels", "DPO-ref_rejected", "NT-Xent-y"}
