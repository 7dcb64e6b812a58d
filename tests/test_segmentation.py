"""The losses of masks against their formulas at 230 digits, and Lovász's against its definition over all orders."""

import functools
import itertools
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import references
import torch
from mpmath import mpf
from rows_segmentation import ROWS, maps, masks
from torch.testing import assert_close

import lossbook


def counts(p, t):
    """Return TP, FP and FN of a soft mask, each pixel's p and 1 - p given."""
    pairs = list(zip(p, t, strict=True))
    return (sum(yes for (yes, _), truth in pairs if truth), sum(yes for (yes, _), truth in pairs if not truth),
            sum(no for (_, no), truth in pairs if truth))


def sigmoids(z):
    return [(references.sigmoid(value), references.sigmoid(-value)) for value in z]


def dice_of(p, t, smooth=0):
    tp, fp, fn = counts(p, t)
    return 0 if not any(yes for yes, _ in p) + sum(t) else (fp + fn) / (2 * tp + fp + fn + mpf(smooth))


def dice(z, t, *, smooth=0):
    return dice_of(sigmoids(z), t, smooth)


def tversky(z, t, *, alpha=0.5, beta=0.5, smooth=0):
    tp, fp, fn = counts(sigmoids(z), t)
    wrong = mpf(alpha) * fp + mpf(beta) * fn
    return wrong / (tp + wrong + mpf(smooth))


def jaccard(z, t, *, smooth=0):
    tp, fp, fn = counts(sigmoids(z), t)
    return 1 - (tp + mpf(smooth)) / (tp + fp + fn + mpf(smooth))


def focal_tversky(z, t, *, gamma=0.75, **options):
    return tversky(z, t, **options) ** mpf(gamma)


def combo(z, t, *, weight=0.5, smooth=0):
    bce = sum(references.bce([value], truth) for value, truth in zip(z, t, strict=True)) / len(z)
    return mpf(weight) * bce + (1 - mpf(weight)) * dice(z, t, smooth=smooth)


def set_loss(wrong, t):
    """Return the Jaccard loss of the mask that is wrong in the pixels ``wrong``, a fraction."""
    truth = {i for i, value in enumerate(t) if value}
    mask = truth ^ set(wrong)
    return 1 - Fraction(len(mask & truth), len(mask | truth)) if mask | truth else Fraction(0)


@functools.cache
def increments(t):
    """Return, for each order of the pixels, what each adds to the Jaccard loss when it is mistaken in its turn."""
    return [
        [(i, mpf(step.numerator) / step.denominator) for k, i in enumerate(order)
         for step in [set_loss(order[: k + 1], t) - set_loss(order[:k], t)]]
        for order in itertools.permutations(range(len(t)))
    ]


def lovasz(errors, t):
    """Return the Lovász extension of a submodular function: the largest sum over all orders (Edmonds)."""
    return max(sum(errors[i] * step for i, step in order) for order in increments(tuple(t)))


def lovasz_hinge(z, t):
    return lovasz([max(mpf(0), 1 - (2 * truth - 1) * value) for value, truth in zip(z, t, strict=True)], t)


def by_class(z, y, loss, classes):
    """Return the mean of ``loss(p, truth)`` over classes, for logits (3, pixels) as one flat list."""
    pixels = len(y)
    rows = [[z[k * pixels + i] for k in range(3)] for i in range(pixels)]
    probabilities = [references.softmax(row) for row in rows]
    found = []
    for k in range(3):
        p = [(row[k], sum(row[:k] + row[k + 1:])) for row in probabilities]
        t = [int(value == k) for value in y]
        if classes == "all" or any(t):
            found.append(loss(p, t))
    return sum(found) / len(found)


def softmax_dice(z, t, *, smooth=0, classes="present"):
    return by_class(z, t, functools.partial(dice_of, smooth=smooth), classes)


def lovasz_softmax(z, t, *, classes="present"):
    def loss(p, of_class):
        return lovasz([no if truth else yes for (yes, no), truth in zip(p, of_class, strict=True)], of_class)

    return by_class(z, t, loss, classes)


@dataclass(frozen=True)
class Case:
    """One row: a loss of masks with options, its formula, and how small a value float32 still holds exactly."""

    name: str
    loss: Any
    reference: Any
    options: dict[str, Any] = field(default_factory=dict)
    atol: float = 1e-37

    def __call__(self, logits, target, **more):
        return self.loss(logits, target, **self.options, **more)

    @property
    def of_classes(self):
        return self.loss in {lossbook.softmax_dice_loss, lossbook.lovasz_softmax_loss}


CASES = [
    Case("dice", lossbook.dice_loss, dice),
    Case("dice smooth", lossbook.dice_loss, dice, {"smooth": 1.5}),
    Case("jaccard", lossbook.jaccard_loss, jaccard),
    Case("tversky", lossbook.tversky_loss, tversky, {"alpha": 0.3, "beta": 0.7}),
    Case("tversky, dear background", lossbook.tversky_loss, tversky, {"alpha": 5.0, "beta": 0.2, "smooth": 0.4}),
    Case("tversky of the missed", lossbook.tversky_loss, tversky, {"alpha": 0.0, "beta": 1.0}),
    Case("focal tversky", lossbook.focal_tversky_loss, focal_tversky, {"alpha": 0.3, "beta": 0.7}, 1e-7),
    Case("focal tversky 4/3", lossbook.focal_tversky_loss, focal_tversky, {"gamma": 4 / 3, "smooth": 0.3}),
    Case("combo", lossbook.combo_loss, combo, {"weight": 0.3, "smooth": 0.5}),
    Case("softmax dice", lossbook.softmax_dice_loss, softmax_dice),
    Case("softmax dice all", lossbook.softmax_dice_loss, softmax_dice, {"classes": "all", "smooth": 1.5}),
    Case("lovasz hinge", lossbook.lovasz_hinge_loss, lovasz_hinge),
    Case("lovasz softmax", lossbook.lovasz_softmax_loss, lovasz_softmax),
    Case("lovasz softmax all", lossbook.lovasz_softmax_loss, lovasz_softmax, {"classes": "all"}),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
mask_case = pytest.mark.parametrize("case", [case for case in CASES if not case.of_classes], ids=lambda case: case.name)
class_case = pytest.mark.parametrize("case", [case for case in CASES if case.of_classes], ids=lambda case: case.name)
smooth_case = pytest.mark.parametrize(
    "loss", [lossbook.dice_loss, lossbook.jaccard_loss, lossbook.tversky_loss, lossbook.focal_tversky_loss,
             lossbook.combo_loss, lossbook.softmax_dice_loss])
precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)

# Five pixels, truth 1, 0, 0, 1, 0 or 1, 1, 1, 1, 0: ordinary, nearly perfect, wrong, and as large as they come.
MASKS = [
    [0.1, 0, 0, 0, 0], [1e-6, -1e-6, 1e-3, 0, 0.2], [1e4, -1e4, -1e4, 1e4, -1e4],
    [0.3, -1.2, 0.7, 2.1, -0.4], [1e-6, -1e-3, 2e-6, 3e-3, 0.2], [9, -9.5, -8.5, 9.25, -8],
    [17, -17.5, -16, 18, -20], [20, -21, -22, 20, -23], [-9, 9.5, 8.5, -9.25, 8], [-20, 21, 22, -20, 23],
    [-60, -61, -62, -63, -64], [-88, -87, 3, -90, -86], [33, 34, 35, 36, 37], [88.7, -86, 0.2, 1e3, -1e3],
    [1e4, -9e3, 8e3, -7e3, 0.3], [-1e4, -9e3, -8e3, -7e3, -6e3],
]
TIES = 3  # the first rows; there a sort may choose, and central differences cannot
MASK_TARGETS = [[1, 0, 0, 1, 0], [1, 1, 1, 1, 0]]
# Three classes by four pixels, the logits of class 0 first; in the second map class 2 is absent.
MAPS = [
    [0.3, -1.2, 0.7, 2.1, -0.4, 0.6, 1.3, -2.2, 0.9, -0.1, 0.5, -0.8],
    [9, 9.5, -8, 0.1, -9, -8.75, 8, 0.2, 0.3, -0.2, 9.25, 0.4],
    [20, 21, -20.5, 3, -20, -22, 20, -23, -24, 2.5, 18, -19],
    [-30, -31, 33, 0.5, 32, 34, -35, 36, 37, -36.5, 1.5, 31.5],
    [1e3, -1e3, 88.7, 1e4, -1e4, 0.25, -88, 0.75, 104, 1e3 + 0.5, 87, 1e4 - 1],
]
MAP_TARGETS = [[0, 0, 1, 2], [1, 0, 1, 1]]


def grid(case, dtype):
    logits, targets = (MAPS, MAP_TARGETS) if case.of_classes else (MASKS, MASK_TARGETS)
    if case.loss is lossbook.lovasz_hinge_loss:
        logits = logits[TIES:]
    pairs = list(itertools.product(logits, targets))
    z = torch.tensor([z for z, _ in pairs]).to(dtype)
    return z.view(-1, 3, 4) if case.of_classes else z, torch.tensor([t for _, t in pairs])


@functools.cache
def exact(name):
    """Return values and gradients over the grid of a case, from 230 digits."""
    case = next(case for case in CASES if case.name == name)
    logits, targets = grid(case, torch.float64)
    found, slopes = [], []
    for z, t in zip(logits.flatten(1).tolist(), targets.tolist(), strict=True):
        at = [mpf(value) for value in z]
        loss = functools.partial(case.reference, t=t, **case.options)
        found.append(float(loss(at)))
        slopes.append([float(slope) for slope in references.gradient(loss, at)])
    slopes = torch.tensor(slopes, dtype=torch.float64)
    return torch.tensor(found, dtype=torch.float64), slopes.view(logits.shape)


def value_and_gradient(case, logits, target, **options):
    logits = logits.clone().requires_grad_()
    value = case(logits, target, **options)
    value.sum().backward()
    return value.detach(), logits.grad


def example(case, n=4):
    return maps(n) if case.of_classes else masks(n)


def tolerance(case, dtype):
    return {"rtol": 1e-5, "atol": case.atol} if dtype == torch.float32 else {"rtol": 1e-11, "atol": 1e-14}


@precisions
@every_case
def test_value_is_the_formula_however_large_the_logits(case, dtype):
    value = case(*grid(case, dtype), reduction="none")
    assert_close(value, exact(case.name)[0].to(dtype), **tolerance(case, dtype))


@precisions
@every_case
def test_gradient_is_the_formula(case, dtype):
    _, slope = value_and_gradient(case, *grid(case, dtype), reduction="none")
    atol = 1e-7 if dtype == torch.float32 else 1e-15
    assert_close(slope, exact(case.name)[1].to(dtype), **tolerance(case, dtype) | {"atol": atol})


@precisions
@mask_case
def test_the_plain_form_that_one_reads_has_the_same_value_and_gradient(case, dtype, monkeypatch):
    monkeypatch.setattr(lossbook.segmentation, "_soft_counts", lossbook.segmentation._soft_counts.__wrapped__)
    value, slope = value_and_gradient(case, *grid(case, dtype), reduction="none")
    assert_close(value, exact(case.name)[0].to(dtype), **tolerance(case, dtype))
    assert_close(slope, exact(case.name)[1].to(dtype), **tolerance(case, dtype) | {"atol": 1e-7})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_case
def test_half_precision_is_computed_and_returned_in_float32(case, dtype):
    logits, target = grid(case, dtype)
    value, slope = value_and_gradient(case, logits, target.to(dtype) if not case.of_classes else target,
                                      reduction="none")
    wide, wide_slope = value_and_gradient(case, logits.float(), target, reduction="none")
    assert_close(value, wide, rtol=0, atol=0)
    assert_close(slope, wide_slope.to(dtype), rtol=0, atol=0)


def test_a_large_mask_in_half_precision_is_finite():
    logits, target = torch.full((1, 1024, 1024), 3.0, dtype=torch.float16), torch.ones(1, 1024, 1024)
    q = 1 / (1 + math.exp(3))
    assert_close(lossbook.dice_loss(logits, target), torch.tensor(q / (2 * (1 - q) + q)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_gradient_passes_gradcheck_twice(row):
    logits, target = row.inputs(3)
    loss = functools.partial(row, reduction="none")
    assert torch.autograd.gradcheck(lambda z: loss(z, target), logits.requires_grad_()) is True
    assert torch.autograd.gradgradcheck(lambda z: loss(z, target), logits) is True


@every_case
def test_sum_and_mean_reduce_what_none_returns(case):
    logits, target = example(case)
    each = case(logits, target, reduction="none")
    assert each.shape == (4,)
    assert_close(case(logits, target, reduction="sum"), each.sum())
    assert_close(case(logits, target), each.mean())


@every_case
def test_a_mask_is_one_thing_whatever_its_axes_and_its_order(case):
    logits, target = example(case)
    axes = logits.shape[:2] if case.of_classes else logits.shape[:1]
    flat, flat_target = logits.reshape(*axes, -1), target.reshape(4, -1)
    order = torch.randperm(flat.shape[-1], generator=torch.Generator().manual_seed(0))
    each = case(logits, target, reduction="none")
    assert_close(case(flat, flat_target, reduction="none"), each, rtol=0, atol=0)
    assert_close(case(flat[..., order], flat_target[:, order], reduction="none"), each)
    turned = case(logits.transpose(-1, -2), target.transpose(-1, -2), reduction="none")
    assert_close(turned, each)


@every_case
def test_the_batch_changes_no_mask(case):
    logits, target = example(case)
    each = [case(logits[i : i + 1], target[i : i + 1]) for i in range(4)]
    assert_close(case(logits, target, reduction="none"), torch.stack(each))


@every_case
def test_mean_of_no_mask_and_masks_of_no_pixel_are_zero(case):
    logits, target = example(case)
    for part in (logits[:0], target[:0]), (logits[..., :0], target[..., :0]):
        value, slope = value_and_gradient(case, *part)
        assert_close(value, torch.tensor(0.0, dtype=torch.float64), rtol=0, atol=0)
        assert slope.shape == part[0].shape


@every_case
def test_the_kind_of_the_target_does_not_matter_and_it_takes_no_gradient(case):
    logits, target = example(case)
    kinds = [torch.int32, torch.uint8] if case.of_classes else [torch.bool, torch.int32, torch.float32, torch.float64]
    for kind in kinds:
        assert_close(case(logits, target.to(kind)), case(logits, target), rtol=0, atol=0)
    if not case.of_classes:
        truth = target.double().requires_grad_()
        assert not case(logits, truth).requires_grad


@every_case
def test_inputs_are_left_as_they_were(case):
    logits, target = example(case)
    before = logits.clone(), target.clone()
    value_and_gradient(case, logits, target)
    assert_close((logits, target), before, rtol=0, atol=0)


@every_case
@hypothesis.settings(max_examples=15)
@hypothesis.given(data=st.data())
def test_value_and_gradient_are_finite_for_every_float32(case, data):
    pixels = 12 if case.of_classes else data.draw(st.integers(1, 6))
    row = data.draw(st.lists(st.floats(-1e4, 1e4, width=32), min_size=pixels, max_size=pixels))
    labels = st.integers(0, 2 if case.of_classes else 1)
    size = 4 if case.of_classes else pixels
    target = torch.tensor([data.draw(st.lists(labels, min_size=size, max_size=size))])
    logits = torch.tensor([row]).view(1, 3, 4) if case.of_classes else torch.tensor([row])
    value, slope = value_and_gradient(case, logits, target)
    assert bool(value.isfinite() & (value >= 0))
    assert bool(slope.isfinite().all())


# Errors.


@mask_case
def test_logits_of_masks_have_two_axes_or_more(case):
    with pytest.raises(ValueError, match=r"logits must have shape \(N, d1, \.\.\.\), one mask for each .*, got \(3"):
        case(torch.zeros(3), torch.zeros(3))


@class_case
def test_logits_of_class_maps_have_three_axes_or_more(case):
    with pytest.raises(ValueError, match=r"logits must have shape \(N, K, d1, \.\.\.\), got \(2, 3\)"):
        case(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"with K of at least 2, got \(2, 1, 4\)"):
        case(torch.zeros(2, 1, 4), torch.zeros(2, 4, dtype=torch.int64))


@mask_case
def test_shapes_are_never_broadcast(case):
    with pytest.raises(ValueError, match=r"target must have the shape of logits \(2, 1, 3\), got \(2, 3\)"):
        case(torch.zeros(2, 1, 3), torch.zeros(2, 3))


@class_case
def test_class_targets_must_fit_the_logits(case):
    with pytest.raises(ValueError, match=r"target must have shape \(2, 4\), that of logits \(2, 3, 4\) without its cl"):
        case(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"must be a class from 0 to 2, got 3"):
        case(torch.zeros(1, 3, 2), torch.tensor([[0, 3]]))
    with pytest.raises(TypeError, match=r"target must hold integer class indices, got torch\.float32"):
        case(torch.zeros(1, 3, 2), torch.zeros(1, 2))


@mask_case
@pytest.mark.parametrize("bad", [-1.0, 0.5, 2.0, math.nan], ids=str)
def test_soft_masks_are_an_error(case, bad):
    with pytest.raises(ValueError, match=rf"every target must be 0 or 1, got {bad}"):
        case(torch.zeros(1, 2), torch.tensor([[0.0, bad]]))


@every_case
def test_the_wrong_type_is_an_error(case):
    logits, target = example(case)
    with pytest.raises(TypeError, match=r"logits must have a floating dtype, got torch\.int64"):
        case(logits.long(), target)
    with pytest.raises(TypeError, match=r"logits must be a torch\.Tensor, got list"):
        case(logits.tolist(), target)
    with pytest.raises(TypeError, match=r"target must be a torch\.Tensor, got list"):
        case(logits, target.tolist())
    with pytest.raises(ValueError, match=r'reduction must be "none", "mean" or "sum", got \'all\''):
        case(logits, target, reduction="all")


@pytest.mark.parametrize("loss", [lossbook.softmax_dice_loss, lossbook.lovasz_softmax_loss])
def test_classes_are_present_or_all(loss):
    with pytest.raises(ValueError, match=r'classes must be "present" or "all", got \[0\]'):
        loss(*maps(2), classes=[0])


@smooth_case
@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan], ids=str)
def test_smooth_must_be_finite_and_not_negative(loss, bad):
    inputs = maps(2) if loss is lossbook.softmax_dice_loss else masks(2)
    with pytest.raises(ValueError, match=rf"smooth must be in \[0, inf\), got {bad}"):
        loss(*inputs, smooth=bad)


@pytest.mark.parametrize("loss", [lossbook.tversky_loss, lossbook.focal_tversky_loss])
def test_prices_and_powers_are_checked(loss):
    with pytest.raises(ValueError, match=r"alpha must be in \[0, inf\), got -0\.1"):
        loss(*masks(2), alpha=-0.1)
    with pytest.raises(ValueError, match=r"beta must be in \(0, inf\), got 0"):
        loss(*masks(2), beta=0)
    with pytest.raises(ValueError, match=r"gamma must be in \(0, inf\), got 0"):
        lossbook.focal_tversky_loss(*masks(2), gamma=0)
    with pytest.raises(TypeError, match="beta must be a number, got Tensor"):
        loss(*masks(2), beta=torch.tensor(0.3))


@pytest.mark.parametrize("bad", [-0.1, 1.1], ids=str)
def test_the_share_of_cross_entropy_is_in_0_1(bad):
    with pytest.raises(ValueError, match=rf"weight must be in \[0, 1\], got {bad}"):
        lossbook.combo_loss(*masks(2), weight=bad)


# Worked examples and edge cases.

HUNDRED = torch.full((1, 100), -1e4)  # surely 95 pixels of ground, 3 of the object of 4, and 2 too many
HUNDRED[0, :5] = 1e4
OBJECT = torch.zeros(1, 100)
OBJECT[0, 2:6] = 1


def test_the_hundred_pixels_of_the_chapter():
    assert ((HUNDRED > 0) == (OBJECT > 0)).double().mean().item() == pytest.approx(1 - 3 / 100)
    assert_close(lossbook.dice_loss(HUNDRED, OBJECT), torch.tensor(1 - 2 / 3))
    assert_close(lossbook.jaccard_loss(HUNDRED, OBJECT), torch.tensor(1 - 1 / 2))
    tversky_score = 3 / (3 + 0.3 * 2 + 0.7 * 1)
    assert_close(lossbook.tversky_loss(HUNDRED, OBJECT, alpha=0.3, beta=0.7), torch.tensor(1 - tversky_score))
    assert_close(lossbook.focal_tversky_loss(HUNDRED, OBJECT, alpha=0.3, beta=0.7, gamma=2.0),
                 torch.tensor((1 - tversky_score) ** 2))


def test_defaults_are_dice_without_smoothing():
    z, t = masks(3)
    assert_close(lossbook.tversky_loss(z, t), lossbook.dice_loss(z, t))
    assert_close(lossbook.tversky_loss(z, t), lossbook.tversky_loss(z, t, alpha=0.5, beta=0.5, smooth=0))
    assert_close(lossbook.focal_tversky_loss(z, t, reduction="none"),
                 lossbook.dice_loss(z, t, reduction="none") ** 0.75)
    assert_close(lossbook.combo_loss(z, t), lossbook.combo_loss(z, t, weight=0.5, smooth=0))


def test_dice_and_jaccard_are_tversky_at_one_half_and_one():
    z, t = masks(3)
    assert_close(lossbook.tversky_loss(z, t, smooth=0.6), lossbook.dice_loss(z, t, smooth=1.2))
    assert_close(lossbook.tversky_loss(z, t, alpha=1, beta=1, smooth=0.6), lossbook.jaccard_loss(z, t, smooth=0.6))
    assert_close(lossbook.focal_tversky_loss(z, t, alpha=0.2, gamma=1), lossbook.tversky_loss(z, t, alpha=0.2))


def test_dice_and_jaccard_order_masks_alike():
    z, t = masks(5)
    d = lossbook.dice_loss(z, t, reduction="none")
    assert_close(lossbook.jaccard_loss(z, t, reduction="none"), 2 * d / (1 + d))


def test_combo_is_dice_at_weight_0_and_cross_entropy_at_weight_1():
    z, t = masks(3)
    assert_close(lossbook.combo_loss(z, t, weight=0, smooth=2), lossbook.dice_loss(z, t, smooth=2))
    assert_close(lossbook.combo_loss(z, t, weight=1), lossbook.binary_cross_entropy_with_logits(z, t))


def test_combo_of_masks_of_one_pixel_is_the_sum_of_its_two_losses():
    z, t = torch.tensor([[0.7], [-1.2]]), torch.tensor([[1], [1]])
    q = torch.sigmoid(-z[:, 0])  # where FN is q, TP is 1 - q
    assert_close(lossbook.combo_loss(z, t, weight=0.3, reduction="none"), -0.3 * (1 - q).log() + 0.7 * q / (2 - q))


def test_dice_gradient_is_the_closed_form_of_the_docstring():
    z, t = masks(1)
    _, slope = value_and_gradient(lossbook.dice_loss, z, t, smooth=0.8)
    p, loss = z.sigmoid(), lossbook.dice_loss(z, t, smooth=0.8)
    assert_close(slope, (1 - 2 * t - loss) / ((p + t).sum() + 0.8) * p * (1 - p))


def test_jaccard_and_tversky_gradients_are_the_closed_forms_of_the_docstrings():
    z, t = masks(1)
    p = z.sigmoid()
    tp, fp, fn = (t * p).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()
    _, slope = value_and_gradient(lossbook.jaccard_loss, z, t, smooth=0.8)
    whole, loss = tp + fp + fn + 0.8, lossbook.jaccard_loss(z, t, smooth=0.8)
    assert_close(slope, torch.where(t == 1, -1, 1 - loss) / whole * p * (1 - p))
    options = {"alpha": 0.3, "beta": 0.9, "smooth": 0.8}
    _, slope = value_and_gradient(lossbook.tversky_loss, z, t, **options)
    whole, loss = tp + 0.3 * fp + 0.9 * fn + 0.8, lossbook.tversky_loss(z, t, **options)
    assert_close(slope, torch.where(t == 1, -(0.9 + loss * 0.1), 0.3 * (1 - loss)) / whole * p * (1 - p))


@pytest.mark.parametrize("loss", [lossbook.dice_loss, lossbook.jaccard_loss, lossbook.tversky_loss,
                                  lossbook.focal_tversky_loss])
@pytest.mark.parametrize("logit", [2.0, -3.0, -30.0, -80.0])
def test_an_empty_mask_costs_1_without_a_gradient(loss, logit):
    value, slope = value_and_gradient(loss, torch.full((1, 9), logit), torch.zeros(1, 9))
    assert_close(value, torch.tensor(1.0))
    assert_close(slope, torch.zeros(1, 9), rtol=0, atol=0)


@smooth_case
def test_with_smooth_an_empty_mask_pulls(loss):
    if loss is lossbook.softmax_dice_loss:
        logits, target = torch.zeros(1, 3, 4), torch.tensor([[0, 0, 1, 1]])
        _, slope = value_and_gradient(loss, logits, target, smooth=1.0, classes="all")
        slope = slope[:, 2]
    else:
        _, slope = value_and_gradient(loss, torch.zeros(1, 4), torch.zeros(1, 4), smooth=1.0)
    assert bool((slope > 1e-3).all())


@pytest.mark.parametrize("logit", [-88.0, -95.0, -104.0, -1e4])
def test_an_empty_mask_where_p_has_rounded_to_0_costs_nothing_or_1_and_is_finite(logit):
    for loss in (lossbook.dice_loss, lossbook.jaccard_loss, lossbook.tversky_loss, lossbook.focal_tversky_loss):
        value, slope = value_and_gradient(loss, torch.full((1, 2), logit), torch.zeros(1, 2))
        assert value.item() in {0.0, 1.0}
        assert_close(slope, torch.zeros(1, 2), rtol=0, atol=0)
    assert lossbook.dice_loss(torch.full((1, 2), -1e4), torch.zeros(1, 2)) == 0


@pytest.mark.parametrize("gamma", [0.25, 0.75, 1.0, 2.0])
def test_a_perfect_mask_costs_nothing_and_has_a_finite_gradient(gamma):
    t = torch.tensor([[1, 0, 1, 0]])
    for size in (20.0, 1e4):
        _, slope = value_and_gradient(lossbook.focal_tversky_loss, (2 * t - 1) * size, t, gamma=gamma)
        assert bool(slope.isfinite().all())
    assert_close(slope, torch.zeros(1, 4), rtol=0, atol=0)
    assert lossbook.focal_tversky_loss((2 * t - 1) * 1e4, t, gamma=gamma) == 0


def test_a_loss_below_the_rounding_of_1_is_kept():
    t = torch.tensor([[1, 0]])
    q = 1 / (1 + math.exp(30))
    assert_close(lossbook.dice_loss((2 * t - 1) * 30.0, t), torch.tensor(2 * q / 2), rtol=1e-6, atol=0)


def test_a_pixel_whose_logit_is_infinite_is_sure():
    z, t = torch.tensor([[math.inf, 0.3, -math.inf]]), torch.tensor([[1, 0, 0]])
    p = torch.tensor(0.3).sigmoid()
    value, slope = value_and_gradient(lossbook.dice_loss, z, t)
    assert_close(value, p / (2 + p))
    assert_close(slope, torch.tensor([[0, (1 - value) / (2 + p) * p * (1 - p), 0]]))


def test_dice_is_not_proper():
    truth = torch.tensor([[1, 1, 1, 0, 0]])
    beliefs = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    risks = torch.stack([lossbook.dice_loss(b.logit().expand(1, 5), truth) for b in beliefs])
    assert bool((risks.diff() < 0).all())  # the frequency is 0.6, and 0.99 is best


def test_the_best_threshold_for_dice_is_half_the_best_dice():
    p = torch.tensor([0.95, 0.8, 0.6, 0.45, 0.35, 0.3, 0.2, 0.1, 0.05], dtype=torch.float64)  # calibrated

    def score(threshold):
        kept = p >= threshold
        return 2 * p[kept].sum() / (kept.sum() + p.sum())

    best = max(p.tolist(), key=score)
    half = score(best).item() / 2
    assert best >= half > p[p < best].max()


# Classes.


def test_an_absent_class_is_left_out_or_counts_as_an_empty_mask():
    logits = torch.tensor([[[2.0, -1.0], [0.5, 0.3], [-0.2, 0.7]]], dtype=torch.float64)
    target = torch.tensor([[0, 0]])
    p = logits.softmax(1)[0]
    dice_0 = (1 - p[0]).sum() / (p[0].sum() + 2)
    assert_close(lossbook.softmax_dice_loss(logits, target), dice_0)
    assert_close(lossbook.softmax_dice_loss(logits, target, classes="all"), (dice_0 + 1 + 1) / 3)
    smooth = [p[k].sum() / (p[k].sum() + 1) for k in (1, 2)]
    assert_close(lossbook.softmax_dice_loss(logits, target, classes="all", smooth=1.0),
                 ((1 - p[0]).sum() / (p[0].sum() + 2 + 1) + sum(smooth)) / 3)
    lovasz_0 = (1 - p[0]).sum() / 2  # all pixels are of the class, so every step is 1/2
    assert_close(lossbook.lovasz_softmax_loss(logits, target), lovasz_0)
    assert_close(lossbook.lovasz_softmax_loss(logits, target, classes="all"), (lovasz_0 + p[1].max() + p[2].max()) / 3)


def test_an_absent_class_has_no_gradient_unless_smooth_pulls():
    logits, target = torch.tensor([[[2.0, -1.0], [0.5, 0.3], [-0.2, 0.7]]], dtype=torch.float64), torch.tensor([[0, 0]])
    _, alone = value_and_gradient(lossbook.softmax_dice_loss, logits, target)
    _, among = value_and_gradient(lossbook.softmax_dice_loss, logits, target, classes="all")
    assert_close(among, alone / 3)
    _, pulled = value_and_gradient(lossbook.softmax_dice_loss, logits, target, classes="all", smooth=1.0)
    assert bool((pulled[:, 1:] > alone[:, 1:] / 3).all())


def test_two_classes_are_dice_of_the_difference_of_their_logits():
    z, t = masks(3)
    two = torch.stack([torch.zeros_like(z), z], 1)
    both = (lossbook.dice_loss(z, t, reduction="none") + lossbook.dice_loss(-z, 1 - t, reduction="none")) / 2
    assert_close(lossbook.softmax_dice_loss(two, t, classes="all", reduction="none"), both)


@pytest.mark.parametrize("loss", [lossbook.softmax_dice_loss, lossbook.lovasz_softmax_loss])
def test_class_losses_do_not_see_a_shift_of_all_logits_nor_the_names_of_the_classes(loss):
    logits, target = maps(3)
    for classes in ("present", "all"):
        each = loss(logits, target, classes=classes, reduction="none")
        assert_close(loss(logits + 30, target, classes=classes, reduction="none"), each)
        assert_close(loss(logits[:, [2, 0, 1]], (target + 1) % 3, classes=classes, reduction="none"), each)


# Lovász.


def test_lovasz_hinge_where_a_mask_is_sure_is_the_jaccard_loss_times_its_error():
    z = torch.where(HUNDRED > 0, 1.0, -1.0)
    assert_close(lossbook.lovasz_hinge_loss(z, OBJECT), torch.tensor(2 * (1 - 1 / 2)))  # an error is 2, else 0


def test_lovasz_softmax_of_sure_classes_is_their_mean_jaccard_loss():
    y, target = torch.tensor([[0, 0, 1, 1, 1]]), torch.tensor([[0, 1, 1, 1, 2]])
    logits = 1e4 * torch.nn.functional.one_hot(y, 3).movedim(-1, 1).float()
    jaccards = [1 - 1 / 2, 1 - 2 / 4, 1 - 0]
    assert_close(lossbook.lovasz_softmax_loss(logits, target), torch.tensor(sum(jaccards) / 3))


def test_lovasz_hinge_of_one_pixel_is_the_hinge_loss():
    z, t = torch.tensor([[0.4], [-2.0], [3.0], [0.4]]), torch.tensor([[1], [1], [1], [0]])
    assert_close(lossbook.lovasz_hinge_loss(z, t, reduction="none"),
                 lossbook.hinge_loss(z, t, reduction="none")[:, 0])


def test_lovasz_hinge_of_an_empty_mask_is_its_largest_hinge_loss():
    z = torch.tensor([[0.4, -2.0, 1.5]], requires_grad=True)
    loss = lossbook.lovasz_hinge_loss(z, torch.zeros(1, 3))
    loss.backward()
    assert_close(loss, torch.tensor(2.5))
    assert_close(z.grad, torch.tensor([[0.0, 0, 1]]))


def test_lovasz_steps_of_a_million_pixels_leave_none_inside_the_margin_without_a_gradient():
    n = 2**20
    t = (torch.arange(n) % 10 == 0).view(1, n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    z = (order + t / 4) / 2**19 - 1  # so that no two errors are equal, and float32 holds each
    _, slope = value_and_gradient(lossbook.lovasz_hinge_loss, z, t)
    _, wide = value_and_gradient(lossbook.lovasz_hinge_loss, z.double(), t)
    inside = (2 * t - 1) * z < 1
    assert_close(slope[inside] != 0, wide[inside] != 0)  # after the last pixel of the object a mistake costs no more
    assert (wide[inside] != 0).sum() > 0.99 * inside.sum()
    assert_close(slope, wide.float(), rtol=1e-5, atol=0)


def test_lovasz_losses_at_ties_are_those_of_any_order():
    z, t = torch.zeros(1, 4), torch.tensor([[1, 0, 1, 0]])
    value, slope = value_and_gradient(lossbook.lovasz_hinge_loss, z, t)
    assert_close(value, torch.tensor(1.0))  # all four wrong, and each error is 1
    assert_close(-((2 * t - 1) * slope).sum(), torch.tensor(1.0))


@pytest.mark.parametrize("loss", [lossbook.lovasz_hinge_loss, lossbook.dice_loss, lossbook.jaccard_loss])
def test_the_truth_costs_nothing(loss):
    z, t = masks(4)
    assert_close(loss((2 * t - 1) * (z.abs() + 1e4), t, reduction="none"), torch.zeros(4, dtype=torch.float64))
