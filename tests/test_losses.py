"""Every loss against its formula at 300 digits, and the properties that all of them share.

``CASES`` is the table: a loss, its options, and the formula it must reproduce. A new loss adds rows to it.
Each loss has a row in which every option changes the answer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import references
import torch
from mpmath import mpf
from torch.testing import assert_close

import lossbook

WEIGHT = torch.tensor([0.5, 2.0, 1.25])


@dataclass(frozen=True)
class Case:
    """One row: a loss with options, the formula for it, and what kind of inputs it takes."""

    name: str
    loss: Callable[..., torch.Tensor]
    reference: Callable[..., mpf]
    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, prediction, target, **more):
        return self.loss(prediction, target, **self.options, **more)

    def exact(self, row, y):
        return self.reference(row, y, **{k: plain(v) for k, v in self.options.items()})


def plain(option):
    return option.tolist() if isinstance(option, torch.Tensor) else option


CASES = [
    Case("focal", lossbook.focal_loss, references.focal, "binary"),
    Case("focal gamma 0", lossbook.focal_loss, references.focal, "binary", {"gamma": 0}),
    Case("focal gamma 0.5", lossbook.focal_loss, references.focal, "binary", {"gamma": 0.5, "alpha": 0.25}),
    Case("focal gamma 5", lossbook.focal_loss, references.focal, "binary", {"gamma": 5.0, "alpha": 0.9}),
    Case("softmax focal", lossbook.softmax_focal_loss, references.softmax_focal, "classes"),
    Case("softmax focal gamma 0", lossbook.softmax_focal_loss, references.softmax_focal, "classes",
         {"gamma": 0.0, "weight": WEIGHT}),
    Case("softmax focal gamma 0.5", lossbook.softmax_focal_loss, references.softmax_focal, "classes",
         {"gamma": 0.5, "weight": WEIGHT}),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
BINARY = [case for case in CASES if case.kind == "binary"]
CLASSES = [case for case in CASES if case.kind == "classes"]
binary_case = pytest.mark.parametrize("case", BINARY, ids=lambda case: case.name)
class_case = pytest.mark.parametrize("case", CLASSES, ids=lambda case: case.name)

SIZES = [1e-6, 1e-3, 0.1, 0.6, 1, 3, 9, 16, 17.5, 20, 33, 60, 80, 88.7, 90, 104, 1e3, 1e4]
ROWS = [
    [0.3, -1.2, 0.7], [0, 0, 0], [1e-6, 0, -1e-6], [5, -3, 2], [16.6, 0.1, -17], [30, 29.5, 0.25],
    [90, 0, -90], [104, 103.9, 1], [1e3, -1e3, 1e3 + 0.25], [1e4, 1e4, 1e4], [1e4, 9999.5, 0.3], [-1e4, 0.37,
    1e4],
]


@cache
def grid(kind, dtype):
    """Return the predictions and targets that a kind of loss is checked on, ordinary and extreme."""
    if kind == "binary":
        z = torch.tensor([0.0] + [sign * size for size in SIZES for sign in (-1, 1)], dtype=dtype)
        return z.repeat(2), torch.arange(2).repeat_interleave(len(z)).to(dtype)
    return torch.tensor(ROWS, dtype=dtype).repeat(3, 1), torch.arange(3).repeat_interleave(len(ROWS))


@cache
def exact(name, kind, dtype):
    """Return (values, gradients) of the named case over the grid of its kind, in float64, from 300 digits."""
    case = next(case for case in CASES if case.name == name)
    prediction, target = grid(kind, dtype)
    found, slopes = [], []
    for z, y in zip(prediction.tolist(), target.tolist(), strict=True):
        row = [mpf(value) for value in (z if isinstance(z, list) else [z])]
        found.append(float(case.exact(row, y)))
        slopes.append([float(slope) for slope in references.gradient(lambda at, y=y: case.exact(at, y), row)])
    return (torch.tensor(found, dtype=torch.float64),
            torch.tensor(slopes, dtype=torch.float64).view(prediction.shape))


def value_and_gradient(case, prediction, target, **options):
    prediction = prediction.clone().requires_grad_()
    value = case(prediction, target, **options)
    value.sum().backward()
    return value.detach(), prediction.grad


def example(kind, dtype=torch.float64, n=5):
    """Return a small ordinary batch, different in every entry."""
    generator = torch.Generator().manual_seed(0)
    shape = (n, 3) if kind == "classes" else (n,)
    prediction = 2 * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    return prediction, torch.arange(n) % (3 if kind == "classes" else 2)


TOLERANCE = {torch.float32: {"rtol": 1e-5, "atol": 1e-37}, torch.float64: {"rtol": 1e-12, "atol": 1e-200}}
precisions = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


@precisions
@every_case
def test_value_is_the_formula_however_large_the_logits(case, dtype):
    value = case(*grid(case.kind, dtype), reduction="none")
    assert_close(value, exact(case.name, case.kind, dtype)[0].to(dtype), **TOLERANCE[dtype])


@precisions
@every_case
def test_gradient_is_the_formula_and_dies_nowhere(case, dtype):
    _, slope = value_and_gradient(case, *grid(case.kind, dtype), reduction="none")
    assert_close(slope, exact(case.name, case.kind, dtype)[1].to(dtype), **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_case
def test_half_precision_is_computed_and_returned_in_float32(case, dtype):
    prediction, target = grid(case.kind, dtype)
    value, slope = value_and_gradient(case, prediction, target, reduction="none")
    wide, wide_slope = value_and_gradient(case, prediction.float(), target.to(torch.int64), reduction="none")
    assert_close(value, wide, rtol=0, atol=0)
    assert_close(slope, wide_slope.to(dtype), rtol=0, atol=0)


@every_case
def test_gradient_passes_gradcheck_twice(case):
    prediction, target = example(case.kind)
    prediction.requires_grad_()

    def total(z):
        return case(z, target)

    assert torch.autograd.gradcheck(total, prediction) is True
    assert torch.autograd.gradgradcheck(total, prediction) is True


@every_case
def test_sum_and_mean_reduce_what_none_returns(case):
    prediction, target = example(case.kind)
    each = case(prediction, target, reduction="none")
    weight = case.options["weight"][target].double() if "weight" in case.options else torch.ones_like(each)
    assert each.shape == target.shape
    assert_close(case(prediction, target, reduction="sum"), each.sum())
    assert_close(case(prediction, target, reduction="mean"), each.sum() / weight.sum())
    assert_close(case(prediction, target), case(prediction, target, reduction="mean"), rtol=0, atol=0)


@every_case
def test_mean_of_no_example_is_zero_with_zero_gradient(case):
    prediction, target = example(case.kind, n=0)
    value, slope = value_and_gradient(case, prediction, target)
    assert_close(value, torch.tensor(0.0, dtype=torch.float64), rtol=0, atol=0)
    assert slope.shape == prediction.shape


@every_case
def test_inputs_are_left_as_they_were(case):
    prediction, target = example(case.kind)
    before = prediction.clone(), target.clone()
    case(prediction, target)
    assert_close((prediction, target), before, rtol=0, atol=0)


@every_case
def test_unknown_reduction_is_an_error(case):
    with pytest.raises(ValueError, match=r'reduction must be "none", "mean" or "sum", got \'average\''):
        case(*example(case.kind), reduction="average")


@every_case
def test_integer_prediction_is_an_error(case):
    prediction, target = example(case.kind)
    with pytest.raises(TypeError, match=r"must have a floating dtype, got torch\.int64"):
        case(prediction.long(), target)


@every_case
def test_a_list_is_an_error(case):
    prediction, target = example(case.kind)
    with pytest.raises(TypeError, match=r"must be a torch\.Tensor, got list"):
        case(prediction.tolist(), target)
    with pytest.raises(TypeError, match=r"target must be a torch\.Tensor, got list"):
        case(prediction, target.tolist())


@binary_case
@pytest.mark.parametrize("shape", [(5, 1), (1,), (), (1, 5)], ids=str)
def test_shapes_are_never_broadcast(case, shape):
    target = torch.zeros(shape)
    with pytest.raises(ValueError, match=r"target must have the shape of logits \(5,\), got \("):
        case(torch.zeros(5), target)


@binary_case
@pytest.mark.parametrize("bad", [-1.0, 2.0, 0.5, math.nan, math.inf], ids=str)
def test_a_binary_target_other_than_0_and_1_is_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"every target must be 0 or 1, got {bad}"):
        case(torch.zeros(3), torch.tensor([0.0, bad, 1.0]))


@class_case
@pytest.mark.parametrize("bad", [-1, 3, 255])
def test_a_class_that_does_not_exist_is_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"must be a class from 0 to 2 or ignore_index -100, got {bad}"):
        case(torch.zeros(3, 3), torch.tensor([0, bad, 1]))


@class_case
def test_class_targets_must_be_integers(case):
    with pytest.raises(TypeError, match=r"target must hold integer class indices, got torch\.float32"):
        case(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(TypeError, match=r"got torch\.bool"):
        case(torch.zeros(2, 3), torch.zeros(2, dtype=torch.bool))


@class_case
@pytest.mark.parametrize("shape", [(3,), (3, 1), (0, 1), ()], ids=str)
def test_class_losses_want_two_classes_or_more(case, shape):
    with pytest.raises(ValueError, match=r"logits must have shape \(N, K\) or .* K of at least 2, got \("):
        case(torch.zeros(shape), torch.zeros(3, dtype=torch.int64))


@class_case
@pytest.mark.parametrize("shape", [(4,), (5, 1), (5, 3), ()], ids=str)
def test_class_targets_must_fit_the_logits(case, shape):
    with pytest.raises(ValueError, match=r"target must have shape \(5,\), that of logits \(5, 3\)"):
        case(torch.zeros(5, 3), torch.zeros(shape, dtype=torch.int64))


@class_case
def test_extra_dimensions_count_as_more_examples(case):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((2, 3, 4, 5), generator=generator)
    target = torch.randint(3, (2, 4, 5), generator=generator)
    flat, flat_target = logits.movedim(1, -1).reshape(-1, 3), target.flatten()
    assert_close(case(logits, target), case(flat, flat_target))
    assert_close(case(logits, target, reduction="none").flatten(), case(flat, flat_target, reduction="none"))


@class_case
def test_ignored_examples_leave_both_sum_and_mean(case):
    logits, target = example("classes")
    padded = torch.where(torch.arange(5) == 3, 7, target)
    kept = torch.arange(5) != 3
    for reduction in ("mean", "sum"):
        found = case(logits, padded, ignore_index=7, reduction=reduction)
        assert_close(found, case(logits[kept], target[kept], reduction=reduction))
    value, slope = value_and_gradient(case, logits, padded, ignore_index=7, reduction="none")
    assert value[3] == 0
    assert_close(slope[3], torch.zeros_like(slope[3]), rtol=0, atol=0)


@class_case
def test_mean_is_zero_with_zero_gradient_when_all_are_ignored(case):
    logits, _ = example("classes")
    value, slope = value_and_gradient(case, logits, torch.full((5,), -100))
    assert_close(value, torch.tensor(0.0, dtype=torch.float64), rtol=0, atol=0)
    assert_close(slope, torch.zeros_like(slope), rtol=0, atol=0)


@class_case
@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(data=st.data())
def test_class_losses_do_not_see_a_shift_of_all_logits(case, data):
    row = data.draw(st.lists(st.floats(-30, 30), min_size=3, max_size=3))
    logits = torch.tensor([row] * 3, dtype=torch.float64)
    shift = data.draw(st.floats(-100, 100))
    target = torch.arange(3)
    shifted = case(logits + shift, target, reduction="none")
    assert_close(shifted, case(logits, target, reduction="none"), rtol=1e-9, atol=1e-12)


@every_case
@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(data=st.data())
def test_loss_is_finite_and_not_negative_for_every_finite_float32(case, data):
    numbers = st.floats(-1e4, 1e4, width=32)
    size = 3 if case.kind == "classes" else 1
    rows = data.draw(st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=1, max_size=4))
    labels = st.integers(0, 2 if case.kind == "classes" else 1)
    target = torch.tensor(data.draw(st.lists(labels, min_size=len(rows), max_size=len(rows))))
    prediction = torch.tensor(rows, dtype=torch.float32)
    prediction = prediction if size > 1 else prediction[:, 0]
    value, slope = value_and_gradient(case, prediction, target, reduction="none")
    assert bool((value.isfinite() & (value >= 0)).all())
    assert bool(slope.isfinite().all())


# Single losses: their own errors, equivalences, worked examples and what they elicit.


@pytest.mark.parametrize("loss", [lossbook.focal_loss, lossbook.softmax_focal_loss])
@pytest.mark.parametrize("bad", [-0.1, -math.inf, math.inf, math.nan], ids=str)
def test_focal_gamma_must_be_finite_and_not_negative(loss, bad):
    with pytest.raises(ValueError, match=rf"gamma must be in \[0, inf\), got {bad}"):
        loss(*example("classes" if loss is lossbook.softmax_focal_loss else "binary"), gamma=bad)


def test_focal_gamma_must_be_a_number():
    with pytest.raises(TypeError, match="gamma must be a number, got str"):
        lossbook.focal_loss(*example("binary"), gamma="2")
    with pytest.raises(TypeError, match="gamma must be a number, got bool"):
        lossbook.focal_loss(*example("binary"), gamma=True)


@pytest.mark.parametrize("bad", [-0.01, 1.01, math.nan], ids=str)
def test_focal_alpha_must_be_in_0_1(bad):
    with pytest.raises(ValueError, match=rf"alpha must be in \[0, 1\], got {bad}"):
        lossbook.focal_loss(*example("binary"), alpha=bad)


def test_focal_alpha_may_be_0_or_1():
    logits, target = torch.zeros(2), torch.tensor([0, 1])
    assert_close(lossbook.focal_loss(logits, target, gamma=0, alpha=0.0, reduction="none"),
                 torch.tensor([math.log(2), 0]))
    assert_close(lossbook.focal_loss(logits, target, gamma=0, alpha=1.0, reduction="none"),
                 torch.tensor([0, math.log(2)]))


def test_focal_at_gamma_0_is_binary_cross_entropy():
    logits, target = example("binary")
    torchs = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.double())
    assert_close(lossbook.focal_loss(logits, target, gamma=0), torchs)


@pytest.mark.parametrize("weight", [None, WEIGHT.double()], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_softmax_focal_at_gamma_0_is_cross_entropy_with_weights_and_ignore_index(weight, reduction):
    logits, target = example("classes")
    target[3] = -1
    options = {"weight": weight, "ignore_index": -1, "reduction": reduction}
    torchs = torch.nn.functional.cross_entropy(logits, target, **options)
    assert_close(lossbook.softmax_focal_loss(logits, target, gamma=0, **options), torchs)


def test_focal_of_two_boxes_is_the_papers_arithmetic():
    p = torch.tensor([0.6, 0.1])
    each = lossbook.focal_loss(p.logit(), torch.tensor([1, 0]), gamma=2.0, alpha=0.25, reduction="none")
    assert_close(each, torch.tensor([0.25 * 0.4**2 * -math.log(0.6), 0.75 * 0.1**2 * -math.log(0.9)]))


def test_focal_gradient_is_the_closed_form_of_the_docstring():
    logits, target = example("binary")
    gamma, alpha = 1.5, 0.3
    logits.requires_grad_()
    lossbook.focal_loss(logits, target, gamma=gamma, alpha=alpha, reduction="sum").backward()
    p_t = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    alpha_t = torch.where(target == 1, alpha, 1 - alpha)
    expected = (1 - 2 * target) * alpha_t * (1 - p_t) ** gamma * (1 - p_t - gamma * p_t * p_t.log())
    assert_close(logits.grad, expected.detach())


def test_softmax_focal_gradient_is_the_closed_form_of_the_docstring():
    logits, y = example("classes")
    gamma = 1.5
    logits.requires_grad_()
    lossbook.softmax_focal_loss(logits, y, gamma=gamma, weight=WEIGHT, reduction="sum").backward()
    p = logits.softmax(1).detach()
    p_y = p.gather(1, y[:, None])
    factor = WEIGHT[y][:, None] * (1 - p_y) ** (gamma - 1) * (1 - p_y - gamma * p_y * p_y.log())
    assert_close(logits.grad, factor * (p - torch.nn.functional.one_hot(y, 3)))


def test_focal_pulls_its_minimiser_towards_one_half():
    sample = torch.tensor([1] * 8 + [0] * 2)
    beliefs = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)

    def best(gamma):
        risk = [lossbook.focal_loss(b.logit().expand(10), sample, gamma=gamma) for b in beliefs]
        return beliefs[torch.stack(risk).argmin()].item()

    assert best(0) == pytest.approx(0.8)
    assert 0.5 < best(5) < best(2) < best(0)


@pytest.mark.parametrize("bad", [torch.ones(2), torch.ones(3, 1)], ids=["too few", "too many dimensions"])
def test_class_weight_must_be_one_per_class(bad):
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\), one per class, got \("):
        lossbook.softmax_focal_loss(*example("classes"), weight=bad)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf], ids=str)
def test_class_weight_must_be_finite_and_not_negative(bad):
    with pytest.raises(ValueError, match=f"every weight must be finite and at least 0, got {bad}"):
        lossbook.softmax_focal_loss(*example("classes"), weight=torch.tensor([1.0, bad, 1.0]))


def test_examples_of_weight_0_leave_the_mean():
    logits, target = example("classes")
    value = lossbook.softmax_focal_loss(logits, target, weight=torch.tensor([1.0, 0.0, 1.0]))
    kept = target != 1
    assert_close(value, lossbook.softmax_focal_loss(logits[kept], target[kept]))


def test_class_weights_are_their_formulas():
    counts = [80, 15, 5]
    formulas = {
        "inverse": [100 / n for n in counts],
        "balanced": [100 / (3 * n) for n in counts],
        "log": [math.log(100 / n) for n in counts],
        "effective": [(1 - 0.9) / (1 - 0.9**n) for n in counts],
    }
    for method, expected in formulas.items():
        assert_close(lossbook.class_weights(counts, method=method, beta=0.9), torch.tensor(expected))
    assert_close(lossbook.class_weights(torch.tensor(counts)), torch.tensor(formulas["balanced"]))
    assert_close(lossbook.class_weights(counts, method="effective"),
                 torch.tensor([(1 - 0.999) / (1 - 0.999**n) for n in counts]))


def test_balanced_weights_average_1_over_the_examples():
    counts = torch.tensor([70.0, 20, 10])
    assert_close((lossbook.class_weights(counts) * counts).sum() / counts.sum(), torch.tensor(1.0))


def test_effective_weights_go_from_all_1_to_inverse_frequency():
    counts = [8, 2]
    assert_close(lossbook.class_weights(counts, method="effective", beta=0), torch.ones(2))
    near = lossbook.class_weights(counts, method="effective", beta=1 - 1e-9)
    assert near[1] / near[0] == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf], ids=str)
def test_class_counts_must_be_above_0(bad):
    with pytest.raises(ValueError, match=f"every count must be finite and above 0, got {bad}"):
        lossbook.class_weights([3, bad, 1])


@pytest.mark.parametrize("bad", [[], [[1, 2]], 3], ids=str)
def test_class_counts_must_be_one_row(bad):
    with pytest.raises(ValueError, match=r"counts must have shape \(K,\), one per class, got \("):
        lossbook.class_weights(bad)


def test_class_weights_reject_an_unknown_method_and_a_beta_outside_its_range():
    with pytest.raises(ValueError, match=r'method must be "balanced", .* or "effective", got .sqrt.'):
        lossbook.class_weights([1, 2], method="sqrt")
    with pytest.raises(ValueError, match=r"beta must be in \[0, 1\), got 1"):
        lossbook.class_weights([1, 2], method="effective", beta=1)
    with pytest.raises(ValueError, match=r"beta must be in \[0, 1\), got -0.1"):
        lossbook.class_weights([1, 2], method="effective", beta=-0.1)
