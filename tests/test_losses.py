"""Every loss against its formula at 230 digits, and the properties that all of them share.

``CASES`` is the table: a loss, its options, and the formula it must reproduce. A new loss adds rows to it.
Each loss has a row in which every option changes the answer.
"""

import functools
import inspect
import itertools
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
from compare import PROMISE
from mpmath import mpf
from torch.testing import assert_close

import lossbook
from lossbook import _checks, _fast, classification, imbalance, regression
from lossbook._fast import classes

WEIGHT = torch.tensor([0.5, 2.0, 1.25])
COUNTS = [900, 90, 10]


@dataclass(frozen=True)
class Case:
    """One row: a loss with options, the formula for it, and what kind of inputs it takes."""

    name: str
    loss: Callable[..., torch.Tensor]
    reference: Callable[..., mpf]
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    atol: float = 1e-37  # in float32; more where the formula itself subtracts what may be equal

    def __call__(self, prediction, target, **more):
        return self.loss(prediction, target, **self.options, **more)

    def exact(self, row, y):
        return self.reference(row, y, **{name: plain(value) for name, value in self.options.items()})

    def takes(self, option):
        return option in inspect.signature(self.loss).parameters


def plain(option):
    return option.tolist() if isinstance(option, torch.Tensor) else option


CASES = [
    Case("mse", lossbook.mse_loss, references.mse, "pair"),
    Case("mae", lossbook.mae_loss, references.mae, "pair"),
    Case("huber", lossbook.huber_loss, references.huber, "pair"),
    Case("huber delta 2.5", lossbook.huber_loss, references.huber, "pair", {"delta": 2.5}),
    Case("smooth l1", lossbook.smooth_l1_loss, references.smooth_l1, "pair"),
    Case("smooth l1 beta 2.5", lossbook.smooth_l1_loss, references.smooth_l1, "pair", {"beta": 2.5}),
    Case("log-cosh", lossbook.log_cosh_loss, references.log_cosh, "pair"),
    Case("median", lossbook.quantile_loss, references.quantile_loss, "pair"),
    Case("quantile 0.9", lossbook.quantile_loss, references.quantile_loss, "pair", {"quantile": 0.9}),
    Case("hinge", lossbook.hinge_loss, references.hinge, "margin"),
    Case("squared hinge", lossbook.squared_hinge_loss, references.squared_hinge, "margin"),
    Case("bce of probs", lossbook.binary_cross_entropy, references.bce_of_probs, "probs", atol=1e-7),
    Case("bce", lossbook.binary_cross_entropy_with_logits, references.bce, "soft"),
    Case("bce pos_weight", lossbook.binary_cross_entropy_with_logits, references.bce, "soft",
         {"pos_weight": torch.tensor(2.5)}),
    Case("cross-entropy", lossbook.cross_entropy, references.cross_entropy, "classes"),
    Case("cross-entropy weight", lossbook.cross_entropy, references.cross_entropy, "classes", {"weight": WEIGHT}),
    Case("cross-entropy smoothed", lossbook.cross_entropy, references.cross_entropy, "classes",
         {"weight": WEIGHT, "label_smoothing": 0.2}, atol=1e-7),
    Case("cross-entropy of distributions", lossbook.cross_entropy, references.cross_entropy, "distribution",
         atol=1e-7),
    Case("cross-entropy of distributions smoothed", lossbook.cross_entropy, references.cross_entropy,
         "distribution", {"weight": WEIGHT, "label_smoothing": 0.2}, atol=1e-7),
    Case("focal", lossbook.focal_loss, references.focal, "binary"),
    Case("focal gamma 0", lossbook.focal_loss, references.focal, "binary", {"gamma": 0}),
    Case("focal gamma 0.5", lossbook.focal_loss, references.focal, "binary", {"gamma": 0.5, "alpha": 0.25}),
    Case("focal gamma 5", lossbook.focal_loss, references.focal, "binary", {"gamma": 5.0, "alpha": 0.9}),
    Case("softmax focal", lossbook.softmax_focal_loss, references.softmax_focal, "classes"),
    Case("softmax focal gamma 0", lossbook.softmax_focal_loss, references.softmax_focal, "classes",
         {"gamma": 0.0, "weight": WEIGHT}),
    Case("softmax focal gamma 0.5", lossbook.softmax_focal_loss, references.softmax_focal, "classes",
         {"gamma": 0.5, "weight": WEIGHT}),
    Case("asl", lossbook.asymmetric_loss, references.asymmetric, "binary", atol=1e-7),
    Case("asl gammas", lossbook.asymmetric_loss, references.asymmetric, "binary",
         {"gamma_pos": 1.0, "gamma_neg": 2.5, "margin": 0.2}, atol=1e-7),
    Case("asl gamma 0.5, no margin", lossbook.asymmetric_loss, references.asymmetric, "binary",
         {"gamma_pos": 0.5, "gamma_neg": 0.5, "margin": 0.0}),
    Case("asl gamma 0", lossbook.asymmetric_loss, references.asymmetric, "binary",
         {"gamma_neg": 0.0, "margin": 0.3}, atol=1e-7),
    Case("softmax asl", lossbook.softmax_asymmetric_loss, references.softmax_asymmetric, "classes", atol=1e-7),
    Case("softmax asl gammas", lossbook.softmax_asymmetric_loss, references.softmax_asymmetric, "classes",
         {"gamma_pos": 1.5, "gamma_neg": 0.5, "label_smoothing": 0.3}, atol=1e-7),
    Case("logit adjustment", lossbook.logit_adjusted_loss, references.logit_adjusted, "classes",
         {"counts": COUNTS}),
    Case("logit adjustment tau", lossbook.logit_adjusted_loss, references.logit_adjusted, "classes",
         {"counts": COUNTS, "tau": 1.75}),
    Case("ldam", lossbook.ldam_loss, references.ldam, "classes", {"counts": COUNTS}),
    Case("ldam options", lossbook.ldam_loss, references.ldam, "classes",
         {"counts": COUNTS, "max_margin": 0.8, "scale": 3.0, "weight": WEIGHT}),
    Case("distribution-balanced", lossbook.distribution_balanced_loss, references.distribution_balanced, "labels",
         {"counts": COUNTS, "total": 1000}),
    Case("distribution-balanced options", lossbook.distribution_balanced_loss, references.distribution_balanced,
         "labels", {"counts": COUNTS, "total": 1200, "alpha": 0.3, "beta": 4.0, "mu": 0.4, "kappa": 0.5,
                    "scale": 3.0}),
    Case("ohem keeping all", lossbook.ohem_loss, references.bce, "binary", {"keep": 10_000}),
]


def cases(*kinds, option=""):
    rows = [case for case in CASES if case.kind in kinds and (not option or case.takes(option))]
    return pytest.mark.parametrize("case", rows, ids=lambda case: case.name)


KINDS = ("pair", "margin", "probs", "soft", "binary", "classes", "distribution", "labels")
every_case = cases(*KINDS)
class_case = cases("classes")
ignoring_case = cases("classes", option="ignore_index")
elementwise_case = cases("pair", "margin", "probs", "soft", "binary")

SIZES = [1e-6, 1e-3, 0.1, 0.6, 1.2, 3, 9, 16, 17.5, 20, 33, 60, 80, 86, 88.7, 90, 104, 1e3, 1e4]
LINE = [0.0] + [sign * size for size in SIZES for sign in (-1, 1)]
ROWS = [
    [0.3, -1.2, 0.7], [0, 0, 0], [1e-6, 0, -1e-6], [5, -3, 2], [16.6, 0.1, -17], [30, 29.5, 0.25], [80, 1, 79],
    [90, 0, -90], [104, 103.9, 1], [1e3, -1e3, 1e3 + 0.25], [1e4, 1e4, 1e4], [1e4, 9999.5, 0.3], [-1e4, 0.37, 1e4],
]
PREDICTIONS = {
    "probs": [1e-30, 1e-6, 0.1, 0.3, 0.5, 0.9, 1 - 2**-10, 1 - 2**-24],
    "classes": ROWS, "distribution": ROWS, "labels": ROWS,
}
TARGETS = {
    "pair": [0, 0.75, -250], "margin": [0, 1], "binary": [0, 1], "soft": [0, 1, 0.25], "probs": [0, 1, 0.25],
    "classes": [0, 1, 2], "distribution": [[0, 1, 0], [1, 0, 0], [0.5, 0.125, 0.375]],
    "labels": [[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]],
}


@cache
def grid(kind, dtype):
    """Return the predictions and targets that a kind of loss is checked on, ordinary and extreme."""
    predictions = torch.tensor(PREDICTIONS.get(kind, LINE), dtype=dtype)
    targets = torch.tensor(TARGETS[kind], dtype=torch.int64 if kind == "classes" else dtype)
    rows = predictions.repeat(len(targets), *[1] * (predictions.ndim - 1))
    return rows, targets.repeat_interleave(len(predictions), dim=0)


def exact(name, kind, dtype):
    """Return (values, gradients) of the named case over the grid of its kind, in float64, from 230 digits."""
    if (name, dtype) not in references.KNOWN:
        references.KNOWN[name, dtype] = work_out(name, kind, dtype)
    return references.KNOWN[name, dtype]


def work_out(name, kind, dtype):
    case = next(case for case in CASES if case.name == name)
    found, slopes = [], []
    for z, y in zip(*(tensor.tolist() for tensor in grid(kind, dtype)), strict=True):
        row = [mpf(value) for value in (z if isinstance(z, list) else [z])]
        value = case.exact(row, y)

        def total(at, y=y):
            value = case.exact(at, y)
            return sum(value) if isinstance(value, list) else value

        found.append([float(part) for part in value] if isinstance(value, list) else float(value))
        slopes.append([float(slope) for slope in references.gradient(total, row)])
    prediction = grid(kind, dtype)[0]
    return (torch.tensor(found, dtype=torch.float64),
            torch.tensor(slopes, dtype=torch.float64).view(prediction.shape))


@cache
def second_derivatives(name, kind):
    """Return the second derivatives of the named case over the grid of its kind, (N, K, K), from 230 digits."""
    case, found = next(case for case in CASES if case.name == name), []
    for z, y in zip(*(tensor.tolist() for tensor in grid(kind, torch.float32)), strict=True):
        def total(at, y=y):
            value = case.exact(at, y)
            return sum(value) if isinstance(value, list) else value

        row = [mpf(value) for value in (z if isinstance(z, list) else [z])]
        found.append([[float(entry) for entry in line] for line in references.hessian(total, row)])
    return torch.tensor(found, dtype=torch.float64)


def value_and_gradient(case, prediction, target, **options):
    prediction = prediction.clone().requires_grad_()
    value = case(prediction, target, **options)
    value.sum().backward()
    return value.detach(), prediction.grad


def example(kind, dtype=torch.float64, n=5):
    """Return a small ordinary batch, different in every entry."""
    generator = torch.Generator().manual_seed(0)
    shape = (n, 3) if kind in {"classes", "distribution", "labels"} else (n,)
    prediction = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    target = {
        "pair": uniform, "soft": uniform, "probs": uniform, "classes": torch.arange(n) % 3,
        "distribution": uniform.softmax(-1), "labels": (uniform > 0.4).long(),
    }.get(kind, torch.arange(n) % 2)
    return (prediction.sigmoid() if kind == "probs" else prediction).to(dtype), target


def denominator(case, target):
    """Return the weights of the examples, by whose sum a mean divides."""
    weight = case.options.get("weight", torch.ones(3)).double()
    if case.kind == "classes":
        return weight[target]
    return target @ weight if case.kind == "distribution" else torch.ones(target.shape, dtype=torch.float64)


def tolerance(case, dtype):
    if dtype == torch.float64:
        return {"rtol": 1e-11, "atol": 1e-200 if case.atol < 1e-30 else 1e-14}
    return {"rtol": 1e-5, "atol": case.atol}


def use_plain_forms(monkeypatch):
    for module in (regression, classification, imbalance):
        for name, function in vars(module).items():
            if hasattr(function, "__wrapped__"):
                monkeypatch.setattr(module, name, function.__wrapped__)


precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@precisions
@every_case
def test_value_is_the_formula_however_large_the_input(case, dtype):
    value = case(*grid(case.kind, dtype), reduction="none")
    assert_close(value, exact(case.name, case.kind, dtype)[0].to(dtype), **tolerance(case, dtype))


@precisions
@every_case
def test_gradient_is_the_formula_and_dies_nowhere(case, dtype):
    _, slope = value_and_gradient(case, *grid(case.kind, dtype), reduction="none")
    assert_close(slope, exact(case.name, case.kind, dtype)[1].to(dtype), **tolerance(case, dtype))


@precisions
@every_case
def test_second_derivatives_are_those_of_the_formula_however_large_the_input(case, dtype):
    prediction, target = grid(case.kind, torch.float32)
    prediction = prediction.to(dtype, copy=True).requires_grad_()
    (slope,) = torch.autograd.grad(case(prediction, target, reduction="none").sum(), prediction, create_graph=True)
    expected = second_derivatives(case.name, case.kind)
    columns = slope.view(len(slope), -1).unbind(1) if slope.requires_grad else []  # a constant slope has none
    rows = [torch.autograd.grad(column.sum(), prediction, retain_graph=True)[0] for column in columns]
    found = torch.stack(rows, 1).view(expected.shape) if rows else torch.zeros(expected.shape, dtype=dtype)
    smooth = expected.abs() < 1e60  # central differences of a kink are 1 / STEP, about 1e75
    size = case.options.get("scale", 30 if case.loss is lossbook.ldam_loss else 1) ** 2  # by which a scale multiplies
    exactness = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 2e-6}
    assert_close(found[smooth] / size, expected[smooth].to(dtype) / size, **exactness)


@precisions
@every_case
def test_the_plain_form_that_one_reads_has_the_same_value_and_gradient(case, dtype, monkeypatch):
    use_plain_forms(monkeypatch)
    value, slope = value_and_gradient(case, *grid(case.kind, dtype), reduction="none")
    for found, expected in zip((value, slope), exact(case.name, case.kind, dtype), strict=True):
        assert_close(found, expected.to(dtype), **tolerance(case, dtype))


def test_a_first_derivative_does_not_need_the_plain_form():
    def never(*_):
        raise AssertionError("the plain form was called")

    square = _fast.with_slope(lambda z, a: (a * z**2, 2 * a * z))(never)
    z = torch.tensor([1.0, -3.0], requires_grad=True)
    assert_close(torch.autograd.grad(square(z, torch.tensor(5.0)).sum(), z)[0], torch.tensor([10.0, -30.0]))
    against = _fast.with_backward(classes.log_odds, classes.log_odds_backward)(never)
    logits, target = torch.zeros(1, 4, requires_grad=True), torch.tensor([2])
    slope = torch.autograd.grad(against(logits, target), logits)[0]
    assert_close(slope, torch.tensor([[1, 1, -3, 1]]) / 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_case
def test_half_precision_is_computed_and_returned_in_float32(case, dtype):
    prediction, target = grid(case.kind, dtype)
    value, slope = value_and_gradient(case, prediction, target, reduction="none")
    wide_target = target.float() if target.is_floating_point() else target
    wide, wide_slope = value_and_gradient(case, prediction.float(), wide_target, reduction="none")
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
def test_torch_func_finds_the_same_jacobian_and_second_derivatives(case):
    prediction, target = example(case.kind)
    each, mean = functools.partial(case, target=target, reduction="none"), functools.partial(case, target=target)
    assert_close(torch.func.jacrev(each)(prediction), torch.autograd.functional.jacobian(each, prediction))
    twice = torch.func.jacrev(torch.func.grad(mean))(prediction)
    assert_close(twice, torch.autograd.functional.hessian(mean, prediction))


@every_case
def test_sum_and_mean_reduce_what_none_returns(case):
    prediction, target = example(case.kind)
    each = case(prediction, target, reduction="none")
    assert each.shape == (target.shape[:1] if case.kind == "distribution" else target.shape)
    assert_close(case(prediction, target, reduction="sum"), each.sum())
    assert_close(case(prediction, target, reduction="mean"), each.sum() / denominator(case, target).sum())
    assert_close(case(prediction, target), case(prediction, target, reduction="mean"), rtol=0, atol=0)


@every_case
def test_mean_of_one_element_is_its_loss(case):
    prediction, target = (part[:1] for part in example(case.kind))
    if case.kind == "labels" and "counts" not in case.options:  # counts fix the number of labels
        prediction, target = prediction[:, :1], target[:, :1]
    each = case(prediction, target, reduction="none")
    assert_close(case(prediction, target), each.sum() / denominator(case, target).sum())


@pytest.mark.parametrize("size", [1.0, 1e-3], ids=str)
def test_the_scale_of_the_weights_leaves_the_mean(size):
    logits, target = example("classes")
    found = lossbook.cross_entropy(logits, target, weight=size * WEIGHT.double() / 100)
    assert_close(found, lossbook.cross_entropy(logits, target, weight=WEIGHT.double()))


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
    with pytest.raises(TypeError, match=r"(logits|pred|probs) must have a floating dtype, got torch\.int64"):
        case(prediction.long(), target)


@every_case
def test_a_list_is_an_error(case):
    prediction, target = example(case.kind)
    with pytest.raises(TypeError, match=r"(logits|pred|probs) must be a torch\.Tensor, got list"):
        case(prediction.tolist(), target)
    with pytest.raises(TypeError, match=r"target must be a torch\.Tensor, got list"):
        case(prediction, target.tolist())


@elementwise_case
@pytest.mark.parametrize("shape", [(5, 1), (1,), (), (1, 5)], ids=str)
def test_shapes_are_never_broadcast(case, shape):
    with pytest.raises(ValueError, match=r"target must have the shape of (logits|pred|probs) \(5,\), got \("):
        case(torch.zeros(5), torch.zeros(shape))


@cases("binary", "margin")
@pytest.mark.parametrize("bad", [-1.0, 2.0, 0.5, math.nan, math.inf], ids=str)
def test_a_binary_target_other_than_0_and_1_is_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"every target must be 0 or 1, got {bad}"):
        case(torch.zeros(3), torch.tensor([0.0, bad, 1.0]))


@cases("soft", "probs")
@pytest.mark.parametrize("bad", [-0.01, 1.01, math.nan, math.inf], ids=str)
def test_a_soft_target_outside_0_1_is_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"every target must be in \[0, 1\], got {bad}"):
        case(torch.zeros(3), torch.tensor([0.0, bad, 1.0], dtype=torch.float64))


@cases("pair")
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
def test_a_number_to_predict_must_be_finite(case, bad):
    with pytest.raises(ValueError, match=f"every target must be finite, got {bad}"):
        case(torch.zeros(3), torch.tensor([0.0, bad, 1.0]))


def test_the_formula_of_cross_entropy_has_its_slopes_at_probabilities_of_0_and_1():
    at, target = torch.tensor([0.0, 1.0]), torch.tensor([0, 1])
    loss = functools.partial(lossbook.binary_cross_entropy, target=target, reduction="sum")
    slopes, value = torch.func.grad_and_value(loss)(at)  # a transform takes the formula as it is written
    assert value == 0
    assert slopes.tolist() == [1, -1]  # of -log(1 - p) and of -log p


def test_from_a_probability_that_has_rounded_to_0_there_is_no_way_back_to_the_logit():
    logits = torch.tensor([-1e3, -1.0], requires_grad=True)
    each = lossbook.binary_cross_entropy(logits.sigmoid(), torch.ones(2), reduction="none")
    (slope,) = torch.autograd.grad(each.sum(), logits)
    assert (each[0].item(), slope[0].isnan().item()) == (math.inf, True)
    assert_close(slope[1], torch.sigmoid(torch.tensor(-1.0)) - 1)


def test_a_sure_prediction_is_finite_where_the_processor_flushes_tiny_numbers():
    logits = torch.tensor([[95.0, 0.0, -1.0], [300.0, 0.0, -1.0]])
    assert torch.set_flush_denormal(True) or pytest.skip("this processor cannot")
    try:
        for gamma in (0.0, 0.5, 2.0):
            case = functools.partial(lossbook.softmax_focal_loss, gamma=gamma, reduction="sum")
            assert_close(value_and_gradient(case, logits, torch.tensor([0, 0])),
                         (torch.tensor(0.0), torch.zeros(2, 3)), rtol=0, atol=1e-37)
    finally:
        torch.set_flush_denormal(False)


def test_a_loss_that_overflows_is_infinite_and_not_the_fault_of_the_target():
    pred, target = torch.tensor([1e30, 3e38]), torch.tensor([0.0, -3e38])
    assert_close(lossbook.mse_loss(pred, target), torch.tensor(math.inf))
    assert_close(lossbook.mae_loss(pred, target, reduction="none"), torch.tensor([1e30, math.inf]))


@class_case
@pytest.mark.parametrize("bad", [-1, 3, 255])
def test_a_class_that_does_not_exist_is_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"must be a class from 0 to 2( or ignore_index -100)?, got {bad}"):
        case(torch.zeros(3, 3), torch.tensor([0, bad, 1]))


@class_case
def test_class_targets_must_be_integers(case):
    with pytest.raises((TypeError, ValueError), match=r"target must hold integer class.*, got torch\.float32"):
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
    wanted = r"target must have shape \(5,\), that of logits \(5, 3\) without its classes, got \("
    with pytest.raises(ValueError, match=wanted):
        case(torch.zeros(5, 3), torch.zeros(shape, dtype=torch.int64))


@class_case
def test_extra_dimensions_count_as_more_examples(case):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((2, 3, 4, 5), generator=generator, dtype=torch.float64)
    target = torch.randint(3, (2, 4, 5), generator=generator)
    flat, flat_target = logits.movedim(1, -1).reshape(-1, 3), target.flatten()
    assert_close(case(logits, target), case(flat, flat_target))
    assert_close(case(logits, target, reduction="none").flatten(), case(flat, flat_target, reduction="none"))


@ignoring_case
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


@ignoring_case
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
    size = 3 if case.kind in {"classes", "distribution", "labels"} else 1
    numbers = st.floats(2**-24, 1 - 2**-24, width=32) if case.kind == "probs" else st.floats(-1e4, 1e4, width=32)
    rows = data.draw(st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=1, max_size=4))
    targets = data.draw(st.lists(st.sampled_from(TARGETS[case.kind]), min_size=len(rows), max_size=len(rows)))
    prediction = torch.tensor(rows, dtype=torch.float32)
    target = torch.tensor(targets, dtype=torch.int64 if case.kind == "classes" else torch.float32)
    prediction = prediction if size > 1 else prediction[:, 0]
    value, slope = value_and_gradient(case, prediction, target, reduction="none")
    assert bool((value.isfinite() & (value >= 0)).all())
    assert bool(slope.isfinite().all())


@class_case
def test_minus_100_is_ignored_only_where_ignore_index_says_so(case):
    logits, target = example("classes")
    target[1] = -100
    if case.takes("ignore_index"):
        assert case(logits, target, reduction="none")[1] == 0
    else:
        with pytest.raises(ValueError, match="must be a class from 0 to 2, got -100"):
            case(logits, target)


# Labels of every width, and what is left out.

WIDTHS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]


@ignoring_case
@pytest.mark.parametrize(("dtype", "label", "sentinel"), [
    (torch.uint8, 156, -100), (torch.uint8, 255, -1), (torch.int8, -1, 255), (torch.int8, -100, 156),
    (torch.uint16, 65436, -100), (torch.int16, -1, 65535), (torch.uint32, 2**32 - 100, -100),
], ids=str)
def test_a_label_is_not_taken_for_a_sentinel_that_only_looks_alike_in_its_dtype(case, dtype, label, sentinel):
    target = torch.tensor([0, label, 1], dtype=dtype)
    with pytest.raises(ValueError, match=rf"must be a class from 0 to 2 or ignore_index {sentinel}, got {label}"):
        case(torch.zeros(3, 3), target, ignore_index=sentinel)


def test_classes_above_127_are_told_from_minus_100_in_uint8():
    logits = torch.randn(3, 200, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([156, 3, 156])
    for loss in (lossbook.cross_entropy, lossbook.softmax_focal_loss):
        expected = loss(logits, target, reduction="none")
        assert_close(loss(logits, target.to(torch.uint8), reduction="none"), expected, rtol=0, atol=0)
        assert bool((expected > 0).all())


@ignoring_case
@pytest.mark.parametrize(("dtype", "sentinel"), [
    (torch.uint8, 255), (torch.int8, -100), (torch.uint16, 65535),
], ids=str)
def test_a_sentinel_that_the_dtype_holds_is_ignored(case, dtype, sentinel):
    logits, target = example(case.kind)
    target[1] = sentinel
    found = case(logits, target.to(dtype), ignore_index=sentinel, reduction="none")
    assert_close(found, case(logits, target, ignore_index=sentinel, reduction="none"), rtol=0, atol=0)
    assert found[1] == 0


@class_case
def test_a_label_that_int64_has_not_is_an_error(case):
    with pytest.raises(ValueError, match=r"every target must be below 2\*\*63"):
        case(torch.zeros(2, 3), torch.tensor([0, 2**64 - 100], dtype=torch.uint64))


@cases("binary", "margin", "soft", "probs", "labels", "classes", "pair")
@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
def test_targets_may_be_integers_of_every_width(case, dtype):
    prediction, target = example(case.kind)
    target = (target > 0.5).long() if target.is_floating_point() else target
    assert_close(case(prediction, target.to(dtype)), case(prediction, target), rtol=0, atol=0)


@cases("binary", "margin", "labels")
@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
def test_an_integer_other_than_0_and_1_is_an_error_in_every_width(case, dtype):
    prediction, target = example(case.kind)
    bad = torch.full_like(target, 2).to(dtype)
    with pytest.raises(ValueError, match=r"every target must be 0 or 1, got 2"):
        case(prediction, bad)


@every_case
def test_complex_targets_are_an_error(case):
    prediction, target = example(case.kind)
    with pytest.raises(TypeError, match=r"target must hold (real numbers|integer class indices), got torch\.complex"):
        case(prediction, target * (1 + 0j))


@every_case
def test_predictions_may_be_in_float8(case):
    prediction, target = example(case.kind)
    narrow = prediction.to(torch.float8_e4m3fn)
    target = target.float() if target.is_floating_point() else target
    assert_close(case(narrow, target), case(narrow.float(), target), rtol=0, atol=0)


POISON = [math.inf, -math.inf, math.nan, 3.4e38, -3.4e38]


@ignoring_case
@pytest.mark.parametrize("poison", POISON, ids=str)
@pytest.mark.parametrize("plain", [False, True], ids=["fast", "plain"])
def test_nothing_that_stands_in_an_ignored_example_reaches_value_or_gradient(case, poison, plain, monkeypatch):
    if plain:
        use_plain_forms(monkeypatch)
    logits, target = example(case.kind, torch.float32)
    kept = torch.tensor([True, False, True, True, False])
    bad = torch.where(kept[:, None], logits, torch.tensor([poison, 0.0, -poison]))
    ignored = torch.where(kept, target, -100)
    value, slope = value_and_gradient(case, bad, ignored)
    expected, expected_slope = value_and_gradient(case, logits[kept], target[kept])
    assert_close(value, expected)
    assert_close(slope[kept], expected_slope)
    assert_close(slope[~kept], torch.zeros(2, 3), rtol=0, atol=0)
    assert case(bad, ignored, reduction="none")[1] == 0


@ignoring_case
def test_a_kept_example_that_is_not_finite_is_seen(case):
    logits, target = example(case.kind, torch.float32)
    logits[2, 0] = math.nan
    target[1] = -100
    assert case(logits, target).isnan()


# A logit of minus infinity: a class that cannot be.

masks = pytest.mark.parametrize("plain", [False, True], ids=["fast", "plain"])


@cases("classes", "distribution")
@masks
def test_a_logit_of_minus_infinity_masks_a_class_in_value_and_gradient(case, plain, monkeypatch):
    if plain:
        use_plain_forms(monkeypatch)
    logits, target = example(case.kind)
    target = target % 2 if case.kind == "classes" else torch.nn.functional.pad(target[:, :2].softmax(1), (0, 1))
    masked, low = (logits.index_fill(1, torch.tensor(2), level) for level in (-math.inf, -1e4))
    value, slope = value_and_gradient(case, masked, target, reduction="none")
    expected, expected_slope = value_and_gradient(case, low, target, reduction="none")
    if "label_smoothing" in case.options and case.loss is lossbook.cross_entropy:
        assert bool((value == math.inf).all()), "smoothing gives a share to the class that cannot be"
    else:
        assert_close(value, expected)
    assert_close(slope, expected_slope)


@class_case
@masks
def test_where_one_class_alone_is_left_the_loss_is_0_and_so_is_its_gradient(case, plain, monkeypatch):
    if case.options.get("label_smoothing") and case.loss is lossbook.cross_entropy:
        pytest.skip("smoothing gives a share to classes that cannot be")
    if plain:
        use_plain_forms(monkeypatch)
    logits = torch.tensor([[0.3, -math.inf, -math.inf], [-math.inf, -math.inf, 80.0]])
    value, slope = value_and_gradient(case, logits, torch.tensor([0, 2]), reduction="none")
    assert_close(value, torch.zeros(2), rtol=0, atol=1e-30)
    assert_close(slope, torch.zeros(2, 3), rtol=0, atol=1e-30)


@class_case
def test_a_true_class_that_cannot_be_costs_infinity(case):
    logits = torch.tensor([[0.3, -math.inf, 0.1]])
    assert case(logits, torch.tensor([1]), reduction="none") == math.inf


@masks
def test_without_focus_a_share_for_a_class_that_cannot_be_costs_infinity(plain, monkeypatch):
    if plain:
        use_plain_forms(monkeypatch)
    logits = torch.tensor([[0.3, -math.inf, 0.1]])
    value, slope = value_and_gradient(
        functools.partial(lossbook.softmax_asymmetric_loss, gamma_neg=0.0), logits, torch.tensor([0]))
    assert value == math.inf
    p = logits.softmax(1)
    assert_close(slope, p - torch.tensor([[1 - 0.1 + 0.1 / 3, 0.1 / 3, 0.1 / 3]]))


def test_a_class_of_probability_0_may_be_masked_and_another_may_not():
    logits = torch.tensor([[0.0, 0.0, -math.inf]])
    found = lossbook.cross_entropy(logits, torch.tensor([[0.25, 0.75, 0.0]]))
    assert_close(found, torch.tensor(math.log(2)))
    assert lossbook.cross_entropy(logits, torch.tensor([[0.25, 0.5, 0.25]])) == math.inf


@cases("classes", "distribution")
def test_a_logit_that_is_nan_is_not_taken_for_a_mask(case):
    logits, target = example(case.kind)
    logits[1, 2] = math.nan
    found = case(logits, target, reduction="none")
    assert found.isnan().tolist() == [False, True, False, False, False]


def test_a_target_learns_from_a_class_of_probability_0_too():
    logits = torch.tensor([[0.0, math.log(3)]])
    target = torch.tensor([[0.0, 1.0]], requires_grad=True)
    lossbook.cross_entropy(logits, target).backward()
    # d/dy of (sum of -y log p) / (sum of y), at log p = -log 4 and log 3/4
    assert_close(target.grad, torch.tensor([[math.log(4), math.log(4 / 3)]]) - math.log(4 / 3))


# Derivatives by hand: when they serve, in what memory, and what guards them.


@pytest.mark.parametrize("name", [
    "asl gammas", "softmax asl gammas", "bce pos_weight", "cross-entropy of distributions", "distribution-balanced",
    "cross-entropy smoothed",
])
def test_piece_by_piece_is_the_same_as_at_once(name, monkeypatch):
    case = next(case for case in CASES if case.name == name)
    inputs = example(case.kind, n=7)
    whole = value_and_gradient(case, *inputs, reduction="none")
    monkeypatch.setattr(_fast, "PIECE", 6)
    assert_close(value_and_gradient(case, *inputs, reduction="none"), whole)
    monkeypatch.setattr(_fast, "PIECE", 1)
    assert_close(value_and_gradient(case, *inputs, reduction="none"), whole)


def test_a_target_that_has_changed_since_is_noticed_by_the_second_derivative():
    logits, target = example("soft")
    logits.requires_grad_()
    loss = lossbook.binary_cross_entropy_with_logits(logits, target)
    target.mul_(0.5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, logits, create_graph=True)


@every_case
def test_where_no_value_can_be_checked_nan_stays_nan(case, monkeypatch):
    prediction, target = example(case.kind)
    prediction[1] = math.nan
    monkeypatch.setattr(_checks, "values_are_visible", lambda _: False)
    value, slope = value_and_gradient(case, prediction, target, reduction="none")
    assert_close(value.view(5, -1).isnan().all(1), torch.arange(5) == 1)
    assert not bool(value.isnan().sum() > value[1].numel() or slope[torch.arange(5) != 1].isnan().any())


N = 2**20


def peak(run):
    """Return the most bytes that were held at once, of those that ``run`` asked for."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    changes = [event.nbytes() for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    return max(itertools.accumulate(changes))


def large(kind):
    generator = torch.Generator().manual_seed(0)
    rows = kind in {"classes", "distribution", "labels"}
    logits = torch.randn((N // 64, 64) if rows else (N,), generator=generator)
    other = torch.rand(logits.shape, generator=generator)
    target = {"pair": other, "soft": other, "probs": other, "distribution": other.softmax(-1),
              "classes": torch.arange(N // 64) % 64}.get(kind, (other > 0.7).float())
    return (logits.sigmoid() if kind == "probs" else logits).requires_grad_(), target


MEMORY = [
    (lossbook.mse_loss, "pair", 2), (lossbook.binary_cross_entropy, "probs", 3),
    (lossbook.binary_cross_entropy_with_logits, "soft", 3), (lossbook.cross_entropy, "classes", 2.5),
    (lossbook.cross_entropy, "distribution", 3.5),
    (functools.partial(lossbook.cross_entropy, label_smoothing=0.1), "classes", 3.5),
    (lossbook.focal_loss, "binary", 3), (lossbook.softmax_focal_loss, "classes", 2.5),
    (lossbook.asymmetric_loss, "binary", 4), (lossbook.softmax_asymmetric_loss, "classes", 2.5),
    (functools.partial(lossbook.logit_adjusted_loss, counts=range(1, 65)), "classes", 3.5),
    (functools.partial(lossbook.ldam_loss, counts=range(1, 65)), "classes", 3.5),
    (functools.partial(lossbook.distribution_balanced_loss, counts=range(1, 65), total=100), "labels", 3.5),
    (lossbook.ohem_loss, "binary", 3), (functools.partial(lossbook.ohem_loss, keep=N // 2), "binary", 4.5),
    (lossbook.log_cosh_loss, "pair", 5), (lossbook.squared_hinge_loss, "binary", 5),
    (lossbook.quantile_loss, "pair", 5.5),
]


def called(loss):
    """Return the name of a loss and its options, alike in every process."""
    inner = getattr(loss, "func", loss)
    return " ".join([inner.__name__, *getattr(loss, "keywords", {})])


@pytest.mark.parametrize(("loss", "kind", "times"), MEMORY, ids=[f"{called(loss)} {kind}" for loss, kind, _ in MEMORY])
def test_forward_and_backward_hold_no_more_than_so_many_times_the_memory_of_the_input(loss, kind, times):
    prediction, target = large(kind)
    assert peak(lambda: loss(prediction, target).backward()) <= (times + 0.01) * 4 * N


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


def test_class_weight_must_be_floating():
    with pytest.raises(TypeError, match=r"^weight must have a floating dtype, got torch\.int64"):
        lossbook.softmax_focal_loss(*example("classes"), weight=torch.tensor([1, 2, 3]))


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf], ids=str)
def test_class_weight_must_be_finite_and_not_negative(bad):
    with pytest.raises(ValueError, match=f"every weight must be finite and at least 0, got {bad}"):
        lossbook.softmax_focal_loss(*example("classes"), weight=torch.tensor([1.0, bad, 1.0]))


def test_ignore_index_is_an_error_where_no_class_can_be_ignored():
    logits, target = example("distribution")
    with pytest.raises(ValueError, match="ignore_index needs a target of classes, got 0 and probabilities"):
        lossbook.cross_entropy(logits, target, ignore_index=0)
    assert_close(lossbook.cross_entropy(logits, target, ignore_index=-100), lossbook.cross_entropy(logits, target))


def test_beta_is_an_error_where_no_formula_has_it():
    with pytest.raises(ValueError, match=r'beta is for the method "effective" alone, got beta 0\.9 and method .bal'):
        lossbook.class_weights([3, 1], beta=0.9)
    assert_close(lossbook.class_weights([3, 1], method="effective", beta=0.999),
                 lossbook.class_weights([3, 1], method="effective"))


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
        options = {"beta": 0.9} if method == "effective" else {}
        assert_close(lossbook.class_weights(counts, method=method, **options), torch.tensor(expected))
    assert_close(lossbook.class_weights(torch.tensor(counts)), torch.tensor(formulas["balanced"]))
    assert_close(lossbook.class_weights(counts, method="effective"),
                 torch.tensor([(1 - 0.999) / (1 - 0.999**n) for n in counts]))


def test_a_single_class_has_the_balanced_weight_1():
    assert_close(lossbook.class_weights([5]), torch.ones(1))


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


@pytest.mark.parametrize("bad", [[], [[1, 2]], torch.tensor(3)], ids=str)
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


# Regression.


def test_regression_losses_agree_with_torch():
    pred, target = example("pair")
    pairs = [
        (lossbook.mse_loss, torch.nn.functional.mse_loss, {}),
        (lossbook.mae_loss, torch.nn.functional.l1_loss, {}),
        (lossbook.huber_loss, torch.nn.functional.huber_loss, {"delta": 0.7}),
        (lossbook.smooth_l1_loss, torch.nn.functional.smooth_l1_loss, {"beta": 0.7}),
    ]
    for ours, torchs, options in pairs:
        for reduction in ("none", "mean", "sum"):
            found = ours(pred, target, reduction=reduction, **options)
            assert_close(found, torchs(pred, target, reduction=reduction, **options))


def test_huber_is_delta_times_smooth_l1_with_beta_delta():
    pred, target = example("pair")
    huber = lossbook.huber_loss(pred, target, delta=2.5)
    assert_close(huber, 2.5 * lossbook.smooth_l1_loss(pred, target, beta=2.5))
    assert_close(lossbook.huber_loss(pred, target), lossbook.smooth_l1_loss(pred, target))


def test_huber_gradient_is_the_clipped_error():
    pred = torch.tensor([-9.0, -2.0, -0.5, 0.0, 0.5, 2.0, 9.0], requires_grad=True)
    lossbook.huber_loss(pred, torch.zeros(7), delta=2.0, reduction="sum").backward()
    assert_close(pred.grad, pred.detach().clamp(-2, 2))


def test_quantile_at_one_half_is_half_the_absolute_error():
    pred, target = example("pair")
    assert_close(2 * lossbook.quantile_loss(pred, target), lossbook.mae_loss(pred, target))


def test_absolute_error_has_gradient_0_at_0():
    pred = torch.zeros(1, requires_grad=True)
    lossbook.mae_loss(pred, torch.zeros(1)).backward()
    assert_close(pred.grad, torch.zeros(1))


def test_rmse_is_the_root_of_mse_in_value_and_its_closed_form_in_gradient():
    pred, target = example("pair")
    pred.requires_grad_()
    rmse = lossbook.rmse_loss(pred, target)
    rmse.backward()
    assert_close(rmse, lossbook.mse_loss(pred, target).sqrt())
    assert_close(pred.grad, ((pred - target) / (len(pred) * rmse)).detach())
    assert torch.autograd.gradcheck(lambda p: lossbook.rmse_loss(p, target), pred) is True


@pytest.mark.parametrize("size", [1e-6, 1e4])
def test_rmse_is_exact_for_small_and_large_errors(size):
    value = lossbook.rmse_loss(torch.full((8,), size), torch.zeros(8))
    assert_close(value, torch.tensor(size))


def test_rmse_of_one_element_is_its_absolute_error():
    assert_close(lossbook.rmse_loss(torch.tensor([-1.5]), torch.tensor([2.0])), torch.tensor(3.5))


def test_rmse_of_a_perfect_fit_and_of_nothing_is_0_with_gradient_0():
    for n in (3, 0):
        pred = torch.ones(n, requires_grad=True)
        rmse = lossbook.rmse_loss(pred, torch.ones(n))
        rmse.backward()
        assert_close(rmse, torch.tensor(0.0))
        assert_close(pred.grad, torch.zeros(n))


def test_rmse_checks_its_arguments():
    with pytest.raises(ValueError, match=r"target must have the shape of pred \(3,\), got \(3, 1\)"):
        lossbook.rmse_loss(torch.ones(3), torch.ones(3, 1))
    with pytest.raises(TypeError, match=r"pred must have a floating dtype, got torch\.int64"):
        lossbook.rmse_loss(torch.ones(3).long(), torch.ones(3))
    assert lossbook.rmse_loss(torch.ones(3).half(), torch.zeros(3)).dtype is torch.float32


@pytest.mark.parametrize(("loss", "option"), [(lossbook.huber_loss, "delta"), (lossbook.smooth_l1_loss, "beta")])
@pytest.mark.parametrize("bad", [0, -1.0, math.inf, math.nan], ids=str)
def test_thresholds_must_be_above_0(loss, option, bad):
    with pytest.raises(ValueError, match=rf"{option} must be in \(0, inf\), got {bad}"):
        loss(*example("pair"), **{option: bad})


@pytest.mark.parametrize("bad", [0, 1, -0.1, 1.1, math.nan], ids=str)
def test_a_quantile_lies_strictly_between_0_and_1(bad):
    with pytest.raises(ValueError, match=rf"quantile must be in \(0, 1\), got {bad}"):
        lossbook.quantile_loss(*example("pair"), quantile=bad)


SAMPLE = torch.tensor([0.3, 1.1, 1.9, 2.2, 4.0, 7.5, 9.0, 12.6, 15.0, 31.0], dtype=torch.float64)


def minimiser(loss, grid=None):
    """Return the constant with the smallest loss over the sample."""
    grid = torch.linspace(0, 32, 3201, dtype=torch.float64) if grid is None else grid
    return grid[torch.stack([loss(c.expand(len(SAMPLE)), SAMPLE) for c in grid]).argmin()].item()


def test_squared_error_elicits_the_mean():
    assert minimiser(lossbook.mse_loss) == pytest.approx(SAMPLE.mean().item(), abs=0.01)
    assert minimiser(lossbook.rmse_loss) == pytest.approx(SAMPLE.mean().item(), abs=0.01)


def test_absolute_error_elicits_the_median():
    assert 4.0 - 1e-9 <= minimiser(lossbook.mae_loss) <= 7.5 + 1e-9


@pytest.mark.parametrize("tau", [0.15, 0.75, 0.95])
def test_pinball_loss_elicits_the_quantile(tau):
    found = minimiser(functools.partial(lossbook.quantile_loss, quantile=tau))
    below, at_most = (found - 1e-9 > SAMPLE).double().mean(), (found + 1e-9 >= SAMPLE).double().mean()
    assert below <= tau
    assert at_most >= tau


@pytest.mark.parametrize("loss", [
    lossbook.huber_loss, lossbook.log_cosh_loss, functools.partial(lossbook.huber_loss, delta=5.0),
], ids=["huber", "log-cosh", "huber 5"])
def test_robust_losses_settle_between_median_and_mean(loss):
    assert 4.0 < minimiser(loss) < SAMPLE.mean().item()


# Classification.


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("options", [
    {}, {"weight": WEIGHT.double()}, {"label_smoothing": 0.3}, {"weight": WEIGHT.double(), "label_smoothing": 0.3},
], ids=["plain", "weight", "smoothing", "both"])
def test_cross_entropy_agrees_with_torch(options, reduction):
    logits, target = example("classes")
    target[2] = -7
    options = {**options, "ignore_index": -7, "reduction": reduction}
    assert_close(lossbook.cross_entropy(logits, target, **options),
                 torch.nn.functional.cross_entropy(logits, target, **options))


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_cross_entropy_of_distributions_agrees_with_torch_where_nothing_is_averaged_with_weights(smoothing):
    logits, target = example("distribution")
    for options in ({"weight": WEIGHT.double(), "reduction": "none"}, {"reduction": "mean"}):
        options["label_smoothing"] = smoothing
        assert_close(lossbook.cross_entropy(logits, target, **options),
                     torch.nn.functional.cross_entropy(logits, target, **options))


def test_one_hot_targets_are_the_same_as_classes_also_with_weights():
    logits, target = example("classes")
    one_hot = torch.nn.functional.one_hot(target, 3).double()
    for options in ({}, {"weight": WEIGHT}, {"weight": WEIGHT, "label_smoothing": 0.1}):
        assert_close(lossbook.cross_entropy(logits, one_hot, **options),
                     lossbook.cross_entropy(logits, target, **options))


def test_distributions_may_have_extra_dimensions():
    logits, target = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)), torch.full((2, 3, 4), 1 / 3)
    expected = torch.nn.functional.cross_entropy(logits, target, weight=WEIGHT, reduction="none")
    assert_close(lossbook.cross_entropy(logits, target, weight=WEIGHT, reduction="none"), expected)


def test_cross_entropy_of_the_worked_examples():
    logits = torch.tensor([[0.1, 0.7, 0.2]]).log()
    assert_close(lossbook.cross_entropy(logits, torch.tensor([1])), torch.tensor(-math.log(0.7)))
    assert_close(lossbook.cross_entropy(torch.zeros(1, 8), torch.tensor([3])), torch.tensor(math.log(8)))


def test_cross_entropy_keeps_the_small_losses_that_torch_rounds_to_0():
    logits = torch.tensor([[20.0, 0.0]])
    assert_close(lossbook.cross_entropy(logits, torch.tensor([0])), torch.tensor(math.log1p(math.exp(-20))))


def test_cross_entropy_gradient_is_p_minus_y():
    logits, target = example("distribution")
    _, slope = value_and_gradient(lossbook.cross_entropy, logits, target, reduction="sum")
    assert_close(slope, logits.softmax(1) - target)


def test_cross_entropy_elicits_the_frequencies():
    sample = torch.tensor([0] * 6 + [1] * 3 + [2])
    frequencies = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    logits = frequencies.log().expand(10, 3).clone().requires_grad_()
    lossbook.cross_entropy(logits, sample, reduction="sum").backward()
    assert_close(logits.grad.sum(0), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize(("target", "message"), [
    ([[0.5, 0.6]], r"probabilities in target must sum to 1 over the classes, got 1\.1"),
    ([[1.5, -0.5]], r"every probability in target must be in \[0, 1\], got 1\.5"),
    ([[-0.5, 1.5]], r"every probability in target must be in \[0, 1\], got -0\.5"),
    ([[math.nan, 1.0]], r"every probability in target must be in \[0, 1\], got nan"),
    ([0.5], r"or probabilities in the shape of logits \(1, 2\), got torch\.float32 of shape \(1,\)"),
], ids=str)
def test_cross_entropy_wants_distributions_as_floating_targets(target, message):
    with pytest.raises(ValueError, match=message):
        lossbook.cross_entropy(torch.zeros(1, 2), torch.tensor(target))


def test_sums_of_float_targets_may_miss_1_by_rounding_only():
    target = torch.full((1, 3), 1 / 3)
    assert_close(lossbook.cross_entropy(torch.zeros(1, 3), target.bfloat16()), torch.tensor(math.log(3)),
                 rtol=0.01, atol=0)
    with pytest.raises(ValueError, match="must sum to 1"):
        lossbook.cross_entropy(torch.zeros(1, 3), target + 1e-5)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan], ids=str)
def test_label_smoothing_must_be_in_0_1(bad):
    with pytest.raises(ValueError, match=rf"label_smoothing must be in \[0, 1\], got {bad}"):
        lossbook.cross_entropy(*example("classes"), label_smoothing=bad)


def test_binary_cross_entropy_agrees_with_torch():
    logits, target = example("soft")
    weight, pos_weight = torch.rand(5, generator=torch.Generator().manual_seed(2)), torch.tensor(3.0)
    torchs = torch.nn.functional.binary_cross_entropy_with_logits
    for reduction in ("none", "sum"):
        options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
        found = lossbook.binary_cross_entropy_with_logits(logits, target, **options)
        assert_close(found, torchs(logits, target, **options))
    assert_close(lossbook.binary_cross_entropy_with_logits(logits, target), torchs(logits, target))
    p = logits.sigmoid()
    assert_close(lossbook.binary_cross_entropy(p, target), torch.nn.functional.binary_cross_entropy(p, target))
    assert_close(lossbook.binary_cross_entropy(p, target), torchs(logits, target))


def test_binary_cross_entropy_with_weight_averages_by_the_sum_of_the_weights():
    logits, target = example("soft")
    weight = torch.tensor([0.0, 1, 2, 3, 4], dtype=torch.float64)
    each = lossbook.binary_cross_entropy_with_logits(logits, target, reduction="none")
    found = lossbook.binary_cross_entropy_with_logits(logits, target, weight=weight)
    assert_close(found, (weight * each).sum() / 10)
    assert_close(lossbook.binary_cross_entropy_with_logits(logits, target, weight=0 * weight), each.sum() * 0)


def test_soft_targets_and_pos_weight_have_gradients_too():
    z, y, c = (torch.tensor(values, requires_grad=True) for values in ([0.3, -2.0], [0.2, 0.9], [3.0, 0.5]))
    loss = lossbook.binary_cross_entropy_with_logits(z, y, pos_weight=c, reduction="sum")
    by_z, by_y, by_c = torch.autograd.grad(loss, (z, y, c))
    log_p, log_1_minus_p = torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)
    assert_close(by_z, (1 - y) * z.sigmoid() - c * y * (-z).sigmoid())
    assert_close(by_y, log_1_minus_p - c * log_p)
    assert_close(by_c, -y * log_p)


def test_pos_weight_belongs_to_the_last_axis():
    z, c = torch.linspace(-2, 2, 24).view(2, 4, 3), torch.tensor([1.0, 2.0, 4.0])
    found = lossbook.binary_cross_entropy_with_logits(z, torch.ones_like(z), pos_weight=c, reduction="none")
    assert_close(found, c * torch.nn.functional.softplus(-z))
    with pytest.raises(ValueError, match=r"pos_weight must have shape \(\) or \(3,\), the last axis"):
        lossbook.binary_cross_entropy_with_logits(z, torch.ones_like(z), pos_weight=torch.ones(4))


def test_the_error_names_the_first_value_outside_and_not_one_at_the_end():
    with pytest.raises(ValueError, match=r"every target must be in \[0, 1\], got 1\.5"):
        lossbook.binary_cross_entropy_with_logits(torch.zeros(3), torch.tensor([1.0, 1.5, 2.0]))


def test_pos_weight_may_differ_by_label():
    logits, target = example("labels")
    found = lossbook.binary_cross_entropy_with_logits(logits, target, pos_weight=WEIGHT, reduction="none")
    plain_loss = lossbook.binary_cross_entropy_with_logits(logits, target, reduction="none")
    assert_close(found, torch.where(target == 1, WEIGHT, 1) * plain_loss)


def test_weights_of_binary_cross_entropy_are_checked():
    logits, target = example("labels")
    loss = lossbook.binary_cross_entropy_with_logits
    with pytest.raises(ValueError, match=r"weight must have the shape of logits \(5, 3\), got \(3,\)"):
        loss(logits, target, weight=WEIGHT)
    with pytest.raises(ValueError, match=r"every weight must be finite and at least 0, got -1\.0"):
        loss(logits, target, weight=-torch.ones(5, 3))
    with pytest.raises(TypeError, match=r"weight must have a floating dtype, got torch\.int64"):
        loss(logits, target, weight=torch.ones(5, 3).long())
    wanted = r"pos_weight must have shape \(\) or \(3,\), the last axis of logits, got \(5, 3\)"
    with pytest.raises(ValueError, match=wanted):
        loss(logits, target, pos_weight=torch.ones(5, 3))
    with pytest.raises(ValueError, match="every pos_weight must be finite and at least 0, got inf"):
        loss(logits, target, pos_weight=torch.tensor([1, math.inf, 1]))
    with pytest.raises(ValueError, match=r"every pos_weight must be finite and at least 0, got -0\.5"):
        loss(logits, target, pos_weight=torch.tensor(-0.5))
    with pytest.raises(TypeError, match=r"pos_weight must have a floating dtype, got torch\.int64"):
        loss(logits, target, pos_weight=torch.tensor([1, 2, 3]))


def test_sigmoid_is_the_softmax_of_two_classes():
    z, target = torch.tensor([-3.0, 0.2, 17.0]), torch.tensor([1, 0, 1])
    two = torch.stack([torch.zeros(3), z], dim=1)
    assert_close(lossbook.binary_cross_entropy_with_logits(z, target), lossbook.cross_entropy(two, target))


def test_binary_cross_entropy_at_the_ends_follows_the_formula():
    p = torch.tensor([0.0, 1.0], requires_grad=True)
    right = lossbook.binary_cross_entropy(p, torch.tensor([0, 1]), reduction="none")
    wrong = lossbook.binary_cross_entropy(p, torch.tensor([1, 0]), reduction="none")
    assert_close(torch.cat([right, wrong]), torch.tensor([0, 0, math.inf, math.inf]))
    right.sum().backward()
    assert_close(p.grad, torch.tensor([1.0, -1]))


@pytest.mark.parametrize("bad", [-0.01, 1.01, math.nan], ids=str)
def test_binary_cross_entropy_wants_probabilities(bad):
    with pytest.raises(ValueError, match=rf"every entry of probs must be in \[0, 1\], got {bad}"):
        lossbook.binary_cross_entropy(torch.tensor([0.5, bad], dtype=torch.float64), torch.zeros(2))


def test_binary_cross_entropy_elicits_the_frequency_and_pos_weight_shifts_it():
    sample = torch.tensor([1] * 3 + [0] * 7)
    z = torch.tensor(math.log(0.3 / 0.7), dtype=torch.float64, requires_grad=True)
    lossbook.binary_cross_entropy_with_logits(z.expand(10), sample).backward()
    assert z.grad.item() == pytest.approx(0, abs=1e-15)
    z = torch.tensor(math.log(0.3 / 0.7) + math.log(4), dtype=torch.float64, requires_grad=True)
    lossbook.binary_cross_entropy_with_logits(z.expand(10), sample, pos_weight=torch.tensor(4.0)).backward()
    assert z.grad.item() == pytest.approx(0, abs=1e-15)


def test_hinge_gives_no_gradient_beyond_the_margin():
    f = torch.tensor([2.0, -2.0, 0.5, 2.0], requires_grad=True)
    lossbook.hinge_loss(f, torch.tensor([1, 0, 1, 0]), reduction="sum").backward()
    assert_close(f.grad, torch.tensor([0.0, 0, -1, 1]))


def test_hinge_elicits_the_likelier_class_and_squared_hinge_the_probability():
    sample = torch.tensor([1] * 7 + [0] * 3)
    grid = torch.linspace(-2, 2, 401, dtype=torch.float64)

    def best(loss):
        return grid[torch.stack([loss(f.expand(10), sample) for f in grid]).argmin()].item()

    assert best(lossbook.hinge_loss) == pytest.approx(1)
    assert best(lossbook.squared_hinge_loss) == pytest.approx(2 * 0.7 - 1)


# Imbalance.


def test_asymmetric_loss_without_margin_and_with_equal_gammas_is_focal_loss():
    logits, target = example("binary")
    options = {"gamma_pos": 1.5, "gamma_neg": 1.5, "margin": 0.0, "reduction": "none"}
    assert_close(lossbook.asymmetric_loss(logits, target, **options),
                 lossbook.focal_loss(logits, target, gamma=1.5, reduction="none"))


@precisions
@pytest.mark.parametrize("margin", [0.0, 1e-9, 1e-6, 0.001, 0.2])
def test_asymmetric_loss_is_exact_for_every_size_of_margin(margin, dtype):
    z = torch.tensor([-9.0, -3.0, -1.0, 0.0, 3.0, 9.0, 30.0, 1e4], dtype=dtype)
    options = {"gamma_neg": 0.5, "margin": margin}
    loss = lossbook.asymmetric_loss(z, torch.zeros(8), reduction="none", **options)
    expected = [float(references.asymmetric([mpf(value)], 0, **options)) for value in z.tolist()]
    assert_close(loss, torch.tensor(expected, dtype=dtype), **PROMISE[dtype])


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 4.0, 5.0])
def test_asymmetric_loss_is_exact_for_every_power(gamma):
    z = torch.tensor([-3.0, -1.0, 0.0, 2.0, 9.0])
    loss = lossbook.asymmetric_loss(z, torch.zeros(5), gamma_neg=gamma, reduction="none")
    expected = [float(references.asymmetric([mpf(value)], 0, gamma_neg=gamma)) for value in z.tolist()]
    assert_close(loss, torch.tensor(expected), rtol=1e-5, atol=1e-7)


def test_asymmetric_loss_drops_negatives_below_the_margin():
    z = torch.tensor([0.04, 0.05, 0.06]).logit().requires_grad_()
    loss = lossbook.asymmetric_loss(z, torch.zeros(3), gamma_neg=0.0, reduction="none")
    loss.sum().backward()
    assert_close(loss[:2], torch.zeros(2), atol=1e-7, rtol=0)
    assert z.grad[0] == 0
    assert_close(loss[2], torch.tensor(-math.log(1 - 0.01)), rtol=1e-5, atol=0)


def test_asymmetric_gradient_is_the_closed_form_of_the_docstring():
    z = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
    lossbook.asymmetric_loss(z, torch.zeros(3), gamma_neg=3.0, margin=0.1, reduction="sum").backward()
    p = z.detach().sigmoid()
    p_m = p - 0.1
    assert_close(z.grad, p * (1 - p) * p_m**3 * (1 / (1 - p_m) - 3 * (1 - p_m).log() / p_m))


def test_asymmetric_gradient_of_a_negative_falls_again_near_1():
    z = torch.tensor([0.2, 0.75, 0.999]).logit().requires_grad_()
    lossbook.asymmetric_loss(z, torch.zeros(3), reduction="sum").backward()
    low, middle, high = z.grad
    assert low < middle > high > 0


def test_asymmetric_defaults_are_those_of_the_paper():
    logits, target = example("binary")
    explicit = lossbook.asymmetric_loss(logits, target, gamma_pos=0, gamma_neg=4, margin=0.05)
    assert_close(lossbook.asymmetric_loss(logits, target), explicit, rtol=0, atol=0)


@pytest.mark.parametrize("loss", [lossbook.asymmetric_loss, lossbook.softmax_asymmetric_loss])
@pytest.mark.parametrize("option", ["gamma_pos", "gamma_neg"])
def test_asymmetric_gammas_must_not_be_negative(loss, option):
    kind = "binary" if loss is lossbook.asymmetric_loss else "classes"
    with pytest.raises(ValueError, match=rf"{option} must be in \[0, inf\), got -1"):
        loss(*example(kind), **{option: -1})


@pytest.mark.parametrize("bad", [-0.1, 1, math.nan], ids=str)
def test_asymmetric_margin_must_be_in_0_1(bad):
    with pytest.raises(ValueError, match=rf"margin must be in \[0, 1\), got {bad}"):
        lossbook.asymmetric_loss(*example("binary"), margin=bad)


def test_softmax_asymmetric_loss_contains_smoothed_cross_entropy_and_softmax_focal():
    logits, target = example("classes")
    found = lossbook.softmax_asymmetric_loss(logits, target, gamma_neg=0, label_smoothing=0.3)
    assert_close(found, lossbook.cross_entropy(logits, target, label_smoothing=0.3))
    found = lossbook.softmax_asymmetric_loss(logits, target, gamma_pos=1.5, label_smoothing=0.0)
    assert_close(found, lossbook.softmax_focal_loss(logits, target, gamma=1.5))
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\], got 2"):
        lossbook.softmax_asymmetric_loss(logits, target, label_smoothing=2)


def test_logit_adjustment_is_cross_entropy_of_shifted_logits_and_at_tau_0_of_the_plain_ones():
    logits, target = example("classes")
    shifted = logits + 1.5 * torch.tensor(COUNTS, dtype=torch.float64).log()
    assert_close(lossbook.logit_adjusted_loss(logits, target, counts=COUNTS, tau=1.5),
                 lossbook.cross_entropy(shifted, target))
    assert_close(lossbook.logit_adjusted_loss(logits, target, counts=COUNTS, tau=0),
                 lossbook.cross_entropy(logits, target))
    with pytest.raises(ValueError, match=r"tau must be in \[0, inf\), got -1"):
        lossbook.logit_adjusted_loss(logits, target, counts=COUNTS, tau=-1)


def test_logit_adjustment_elicits_balanced_logits():
    counts = [6, 3, 1]
    sample = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    logits = torch.zeros(10, 3, dtype=torch.float64, requires_grad=True)
    lossbook.logit_adjusted_loss(logits, sample, counts=counts).backward()
    assert_close(logits.grad.sum(0), torch.zeros(3, dtype=torch.float64))


def test_ldam_without_margin_and_scale_is_cross_entropy():
    logits, target = example("classes")
    found = lossbook.ldam_loss(logits, target, counts=COUNTS, max_margin=0, scale=1, weight=WEIGHT)
    assert_close(found, lossbook.cross_entropy(logits, target, weight=WEIGHT))


def test_ldam_asks_the_rarest_class_for_the_largest_margin():
    counts, margins = [160, 10], [0.25, 0.5]
    for y, margin in enumerate(margins):
        logits = torch.zeros(1, 2)
        logits[0, y] = margin
        found = lossbook.ldam_loss(logits, torch.tensor([y]), counts=counts)
        assert_close(found, torch.tensor(math.log(2)))


@pytest.mark.parametrize(("option", "bad", "interval"), [
    ("max_margin", -0.1, r"\[0, inf\)"), ("scale", 0, r"\(0, inf\)"), ("scale", math.inf, r"\(0, inf\)"),
])
def test_ldam_options_are_checked(option, bad, interval):
    with pytest.raises(ValueError, match=rf"{option} must be in {interval}, got {bad}"):
        lossbook.ldam_loss(*example("classes"), counts=COUNTS, **{option: bad})


@pytest.mark.parametrize("loss", [lossbook.logit_adjusted_loss, lossbook.ldam_loss])
def test_counts_must_be_one_per_class(loss):
    with pytest.raises(ValueError, match=r"counts must have shape \(3,\), one per class, got \(2,\)"):
        loss(*example("classes"), counts=[3, 4])
    with pytest.raises(ValueError, match=r"every count must be finite and above 0, got 0\.0"):
        loss(*example("classes"), counts=[3, 0, 1])


def test_distribution_balance_without_its_remedies_is_binary_cross_entropy():
    logits, target = example("labels")
    options = {"alpha": 0.5, "beta": 1e-12, "kappa": 0, "scale": 1}  # a weight of 1/2 + 1/2 for every element
    found = lossbook.distribution_balanced_loss(logits, target, counts=COUNTS, total=1000, **options)
    assert_close(found, lossbook.binary_cross_entropy_with_logits(logits, target))


def test_distribution_balance_gives_an_example_without_labels_the_largest_weight():
    found = lossbook.distribution_balanced_loss(torch.zeros(1, 2), torch.zeros(1, 2), counts=[5, 5], total=10,
                                                reduction="none")
    assert_close(found, torch.full((1, 2), (0.1 + 1) * math.log(2) / 2))


@pytest.mark.parametrize(("options", "message"), [
    ({"total": 900}, r"every count must be below total 900, got 900\.0"),
    ({"alpha": -1}, r"alpha must be in \[0, inf\), got -1"),
    ({"beta": 0}, r"beta must be in \(0, inf\), got 0"),
    ({"mu": -1}, r"mu must be in \[0, inf\), got -1"),
    ({"kappa": -1}, r"kappa must be in \[0, inf\), got -1"),
    ({"scale": 0}, r"scale must be in \(0, inf\), got 0"),
    ({"counts": [1, 2]}, r"counts must have shape \(3,\), one per class, got \(2,\)"),
], ids=str)
def test_distribution_balance_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        lossbook.distribution_balanced_loss(*example("labels"), **{"counts": COUNTS, "total": 1000, **options})


def test_distribution_balance_wants_rows_of_labels():
    with pytest.raises(ValueError, match=r"logits must have shape \(N, K\), got \(3,\)"):
        lossbook.distribution_balanced_loss(torch.zeros(3), torch.zeros(3), counts=COUNTS, total=1000)
    with pytest.raises(ValueError, match=r"target must have the shape of logits \(2, 3\), got \(2, 1\)"):
        lossbook.distribution_balanced_loss(torch.zeros(2, 3), torch.zeros(2, 1), counts=COUNTS, total=1000)
    with pytest.raises(ValueError, match=r"every target must be 0 or 1, got 0\.5"):
        lossbook.distribution_balanced_loss(torch.zeros(1, 3), torch.full((1, 3), 0.5), counts=COUNTS, total=1000)


def test_hard_example_mining_keeps_the_largest_losses_only():
    logits = torch.tensor([[0.0, -3.0], [2.0, 5.0]], requires_grad=True)
    target = torch.tensor([[1, 0], [0, 1]])
    each = lossbook.focal_loss(logits, target, gamma=0, reduction="none").detach()
    found = lossbook.ohem_loss(logits, target, keep=2, reduction="none")
    assert_close(found, torch.tensor([[1.0, 0], [1, 0]]) * each)
    mean = lossbook.ohem_loss(logits, target, keep=2)
    assert_close(mean, (each[0, 0] + each[1, 0]) / 2)
    mean.backward()
    assert_close(logits.grad, torch.tensor([[-0.5 / 2, 0], [torch.tensor(2.0).sigmoid() / 2, 0]]))


def test_hard_example_mining_keeps_128_unless_told_otherwise():
    logits = torch.linspace(-1, 1, 200)
    found = lossbook.ohem_loss(logits, torch.zeros(200), reduction="none")
    assert (found > 0).sum() == 128
    assert bool((found[-128:] > 0).all())


@pytest.mark.parametrize("bad", [0, -1])
def test_hard_example_mining_keeps_at_least_one(bad):
    with pytest.raises(ValueError, match=rf"keep must be in \[1, inf\), got {bad}"):
        lossbook.ohem_loss(*example("binary"), keep=bad)
    with pytest.raises(TypeError, match="keep must be an integer, got float"):
        lossbook.ohem_loss(*example("binary"), keep=2.5)


def clamp_without_slope_at_its_bound(value, min=-math.inf, max=math.inf):
    """As torch has it from 2.14 on; before, a number that lies on the bound keeps its slope."""
    low, high = torch.full_like(value, min), torch.full_like(value, max)
    return torch.where(value <= low, low, torch.where(value >= high, high, value))


@pytest.mark.parametrize("at", [-20.0, 20.0])
def test_plain_forms_keep_their_slope_where_a_bound_is_met(at, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "clamp", clamp_without_slope_at_its_bound)
    slope = torch.func.grad(lambda e: lossbook.log_cosh_loss(e, torch.zeros(())))(torch.tensor(at))
    torch.testing.assert_close(slope, torch.tensor(at).sign())
    logits = torch.tensor([[at / 10, 0.0]])  # of two classes the sum over the others is exactly 1
    found = torch.func.grad(lambda z: lossbook.cross_entropy(z, torch.tensor([0])))(logits)
    torch.testing.assert_close(found, logits.softmax(1) - torch.tensor([[1.0, 0.0]]))
