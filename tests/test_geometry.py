"""The losses of boxes and clouds against many digits, enumeration, and what transport must be."""

import functools
import math
from fractions import Fraction

import hypothesis
import hypothesis.strategies as st
import pytest
import references_geometry as references
import torch
from mpmath import mp, mpf
from rows_geometry import ROWS, boxes, clouds
from torch.testing import assert_close

import lossbook
from lossbook import _transport, geometry

BOXES = {
    lossbook.box_iou_loss: references.iou, lossbook.giou_loss: references.giou, lossbook.diou_loss: references.diou,
    lossbook.ciou_loss: references.ciou,
}
CLOUDS = {
    "chamfer": (lossbook.chamfer_loss, references.chamfer, {}),
    "chamfer norm 1": (lossbook.chamfer_loss, references.chamfer, {"norm": 1}),
    "emd": (lossbook.emd_loss, references.emd, {}),
    "emd squared": (lossbook.emd_loss, references.emd, {"cost": "squared euclidean"}),
    "sinkhorn": (lossbook.sinkhorn_loss, references.sinkhorn, {"reg": 6.0}),
    "sinkhorn euclidean": (lossbook.sinkhorn_loss, references.sinkhorn, {"reg": 1.5, "cost": "euclidean"}),
    "sinkhorn divergence": (lossbook.sinkhorn_divergence, references.divergence, {"blur": 2.5}),
}
every_box_loss = pytest.mark.parametrize("loss", list(BOXES), ids=lambda loss: loss.__name__)
every_cloud_loss = pytest.mark.parametrize(("loss", "reference", "options"), list(CLOUDS.values()), ids=list(CLOUDS))
cloud_loss = pytest.mark.parametrize("loss", [
    lossbook.chamfer_loss, lossbook.emd_loss, functools.partial(lossbook.sinkhorn_loss, reg=0.5),
    functools.partial(lossbook.sinkhorn_divergence, blur=0.75),
], ids=["chamfer", "emd", "sinkhorn", "divergence"])
precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)

UP = 1 + 2**-20
PAIRS = [  # no two sides on one line
    [0, 0, 2, 3, 1, -1, 4, 2.5], [0, 0, 8, 2, 0.25, 0.125, 4, 4], [1, 1, 2, 2, 0, 0, 3, 4], [0, 0, 5, 4, 1, 1, 2, 1.5],
    [0, 0, 1, 1, 3, 0.25, 4, 1.5], [0, 0, 1, 1, 3, 5, 4.5, 7], [5, -2, 5.5, 9, -3, 1, -1, 1.125],
    [0, 0.125, 1, 2, -0.125, -1e4, 1.125, 1e4], [100, 100, 100.5, 103, 100.25, 101, 102, 102.5],
    [1, 1, 2, 3, UP, 1 - 2**-20, 2 - 2**-20, 3 + 2**-20], [1, 1, 2, 3, UP, UP, 2 + 2**-20, 3 + 2**-20],
    [1e-4, 2e-4, 3e-4, 6e-4, 1.5e-4, 1e-4, 4e-4, 5e-4], [1e-15, 2e-15, 3e-15, 6e-15, 1.5e-15, 1e-15, 4e-15, 5e-15],
    [1e15, 2e15, 3e15, 6e15, 1.5e15, 1e15, 4e15, 5e15], [0, 0, 1e-6, 1e6, -1e-7, 1, 1e-3, 2e5],
    [0, 0, 1e-3, 2e-3, 1e3, 1e2, 1e3 + 0.5, 1e2 + 0.25],
]


def wide(values):
    """Return mpmath numbers as a tensor."""
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


def grid(dtype):
    pairs = torch.tensor(PAIRS).to(dtype)
    return pairs[:, :4].clone().requires_grad_(), pairs[:, 4:].clone().requires_grad_()


@functools.cache
def exact(loss):
    rows = [[mpf(value) for value in row] for row in torch.tensor(PAIRS).tolist()]
    slope = references.ciou_gradient if loss is lossbook.ciou_loss else functools.partial(
        references.gradient, BOXES[loss])
    return wide(map(BOXES[loss], rows)), torch.stack([wide(slope(row)) for row in rows])


@precisions
@every_box_loss
def test_box_losses_are_their_formulas_at_every_scale(loss, dtype):
    found = loss(*grid(dtype), reduction="none")
    assert_close(found, exact(loss)[0].to(dtype), rtol=1e-5 if dtype == torch.float32 else 1e-11, atol=0)


@precisions
@every_box_loss
def test_box_gradients_are_those_of_the_formulas_at_every_scale(loss, dtype):
    first, second = grid(dtype)
    loss(first, second, reduction="sum").backward()
    found, expected = torch.cat([first.grad, second.grad], 1).double(), exact(loss)[1]
    scale = expected.abs().amax(1, keepdim=True).clamp(min=1)  # a gradient has the unit of one over a length
    digits = 1e-5 if dtype == torch.float32 else 1e-9
    assert_close(found / scale, expected / scale, rtol=digits, atol=digits / 100)


@pytest.mark.parametrize("side", [1e2, 1.0, 1e-2, 1e-4, 1e-12])
@every_box_loss
def test_equal_boxes_cost_nothing_however_small(loss, side):
    first = torch.tensor([[1.0, 2.0, 1.5, 4.0]]) * side
    first.requires_grad_()
    value = loss(first, first.detach().clone())
    value.backward()
    assert_close(value, torch.tensor(0.0), rtol=0, atol=0)
    assert_close(first.grad, torch.zeros(1, 4), rtol=0, atol=0)


@every_box_loss
def test_box_losses_do_not_see_scale_place_reflection_or_order(loss):
    first, second = boxes(5)
    each = loss(first, second, reduction="none")
    assert_close(loss(7 * first, 7 * second, reduction="none"), each)
    shift = torch.tensor([3.0, -2.0, 3.0, -2.0], dtype=torch.float64)
    assert_close(loss(first + shift, second + shift, reduction="none"), each)
    assert_close(loss(-first[:, [2, 3, 0, 1]], -second[:, [2, 3, 0, 1]], reduction="none"), each)
    assert_close(loss(second, first, reduction="none"), each)
    if loss is not lossbook.ciou_loss:
        swapped = [part[:, [1, 0, 3, 2]] for part in (first, second)]
        assert_close(loss(*swapped, reduction="none"), each)


def test_iou_and_giou_keep_their_value_when_the_axes_are_stretched():
    first, second = boxes(5)
    stretch = torch.tensor([3.0, 0.25, 3.0, 0.25], dtype=torch.float64)
    for loss in (lossbook.box_iou_loss, lossbook.giou_loss):
        assert_close(loss(stretch * first, stretch * second), loss(first, second))
    assert abs(lossbook.diou_loss(stretch * first, stretch * second) - lossbook.diou_loss(first, second)) > 1e-3


def test_the_boxes_of_the_chapter():
    here, there = torch.tensor([0.0, 0, 1, 1]), torch.tensor([3.0, 0, 4, 1])
    found = [loss(here, there) for loss in (lossbook.box_iou_loss, lossbook.giou_loss, lossbook.diou_loss)]
    assert_close(torch.stack(found), torch.tensor([1, 1 + (4 - 2) / 4, 1 + 3**2 / (4**2 + 1)]))
    v = 4 / math.pi**2 * (math.atan(4 / 4) - math.atan(8 / 2)) ** 2
    iou = 8 / (16 + 16 - 8)
    expected = 1 - iou + (2**2 + 1**2) / (8**2 + 4**2) + v / (1 - iou + v) * v
    found = lossbook.ciou_loss(torch.tensor([0.0, 0, 8, 2]), torch.tensor([0.0, 0, 4, 4]))
    assert_close(found, torch.tensor(expected))
    assert found.item() == pytest.approx(0.747, abs=5e-4)


def test_four_boxes_of_one_l1_error_have_four_ious():
    target = torch.tensor([0.0, 0, 10, 10]).repeat(4, 1)
    four = torch.tensor([[0.0, 0, 2, 2], [4, 4, 14, 14], [0, 0, 18, 18], [4, 4, 6, 6]])
    assert_close((four - target).abs().sum(1), torch.full((4,), 16.0))
    expected = torch.tensor([4 / 100, 36 / 164, 100 / 324, 4 / 100])
    assert_close(1 - lossbook.box_iou_loss(four, target, reduction="none"), expected)


def test_apart_the_iou_loss_has_no_gradient_and_the_others_have_one():
    for loss in BOXES:
        first = torch.tensor([0.0, 0, 1, 2], requires_grad=True)
        loss(first, torch.tensor([3.0, 3, 4, 4])).backward()
        assert bool(first.grad.any()) == (loss is not lossbook.box_iou_loss)


def test_giou_is_the_iou_loss_where_one_box_is_inside_the_other():
    inner, outer = torch.tensor([1.0, 1, 2, 3]), torch.tensor([0.0, 0, 4, 4])
    assert_close(lossbook.giou_loss(inner, outer), lossbook.box_iou_loss(inner, outer), rtol=0, atol=0)


FLAT = [[1.0, 1, 1, 3], [1.0, 1, 3, 1], [2.0, 2, 2, 2]]


@pytest.mark.parametrize("flat", FLAT, ids=str)
@every_box_loss
def test_a_flat_box_costs_nothing_beside_itself_and_else_is_finite(loss, flat):
    others = [flat, [0.0, 0, 4, 4], [1.0, 2, 1, 4], [2.0, 1, 5, 1], [5.0, 5, 5, 5], [1.0, 1, 3, 3], [9.0, 9, 11, 10]]
    first = torch.tensor([flat] * len(others), requires_grad=True)
    second = torch.tensor(others, requires_grad=True)
    each = loss(first, second, reduction="none")
    each.sum().backward()
    assert each[0] == 0
    assert bool((each[1:] >= 1).all() & (each <= 3).all())
    assert bool(first.grad.isfinite().all() & second.grad.isfinite().all())
    assert_close(loss(second, first, reduction="none"), each)


@pytest.mark.parametrize("side", [1e-19, 1e-22, 1e-30, 1e-38])
@every_box_loss
def test_boxes_too_small_for_an_area_are_finite(loss, side):
    first = torch.tensor([[0, 0, side, side], [0, 0, side, 2 * side], [0, 0, side, side]], requires_grad=True)
    second = torch.tensor([[0, 0, side, side], [0, 0, 1, 1], [1, 1, 1 + side, 1 + side]], requires_grad=True)
    each = loss(first, second, reduction="none")
    each.sum().backward()
    assert each[0] == 0
    assert bool((each[1:] >= 1).all() & (each <= 3).all())
    assert bool(first.grad.isfinite().all() & second.grad.isfinite().all())


def test_the_factor_of_the_shape_is_held_constant():
    first, second = torch.tensor([0.0, 0, 8, 2], requires_grad=True), torch.tensor([0.5, 0.25, 4, 4])
    (slope,) = torch.autograd.grad(lossbook.ciou_loss(first, second), first)
    z = [mpf(value) for value in (*first.tolist(), *second.tolist())]
    held, free = references.ciou_gradient(z), references.gradient(references.ciou, z)
    assert_close(slope, torch.tensor([float(part) for part in held[:4]]))
    assert abs(float(held[2] - free[2])) > 1e-3


def test_a_descent_on_giou_joins_boxes_that_are_apart_and_iou_does_not():
    ends = []
    for loss in (lossbook.box_iou_loss, lossbook.giou_loss):
        box, target = torch.tensor([0.0, 0, 1, 1], requires_grad=True), torch.tensor([2.0, 0.5, 4, 2])
        optimiser = torch.optim.Adam([box], lr=0.05)
        for _ in range(300):
            optimiser.zero_grad()
            loss(box, target).backward()
            optimiser.step()
        ends.append(lossbook.box_iou_loss(box, target).item())
    assert ends[0] == 1
    assert ends[1] < 0.2


@every_box_loss
@hypothesis.settings(max_examples=40)
@hypothesis.given(sides=st.lists(st.floats(0, 1e6, width=32), min_size=4, max_size=4),
                  corners=st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
@hypothesis.example(sides=[2.0**-140, 0, 0, 0], corners=[0] * 4)
@hypothesis.example(sides=[2.0**-126, 0, 0, 0], corners=[0] * 4)
@hypothesis.example(sides=[2.0**-127, 2.0**-127, 0, 0], corners=[0] * 4)
@hypothesis.example(sides=[0] * 4, corners=[0, 0, 16, 2.0**-130])
@hypothesis.example(sides=[16, 2.0**-130, 8, 2.0**-130], corners=[0] * 4)
@hypothesis.example(sides=[1e6, 2.0**-126, 8, 2.0**-126], corners=[0] * 4)
def test_box_losses_are_finite_and_in_their_range(loss, sides, corners):
    low, size = torch.tensor(corners).view(2, 2), torch.tensor(sides).view(2, 2)
    first, second = torch.cat([low, low + size], 1).requires_grad_()
    value = loss(first, second)
    (slope,) = torch.autograd.grad(value, first)
    assert 0 <= value.item() <= 3 + 1e-5
    assert bool(slope.isfinite().all())


# Errors of boxes.

GOOD = torch.tensor([[0.0, 0, 1, 1], [0, 0, 2, 1]])


@every_box_loss
@pytest.mark.parametrize(("bad", "got"), [
    ([3.0, 0, 1, 1], r"tensor\(\[3\., 0\., 1\., 1\.\]\) in row 1"), ([0, 2.0, 1, 1], r"\[0\., 2\., 1\., 1\.\]"),
    ([0, 0, math.nan, 1], "nan"), ([0, 0, math.inf, 1], "inf"), ([-math.inf, 0, 1, 1], "inf"), ([0, 0, 1, 3e18], "3"),
], ids=str)
def test_an_inverted_or_infinite_box_is_an_error(loss, bad, got):
    broken = torch.stack([GOOD[0], torch.tensor(bad)])
    for name, pair in (("boxes1", (broken, GOOD)), ("boxes2", (GOOD, broken))):
        with pytest.raises(ValueError, match=rf"{name} must have x1 <= x2 and y1 <= y2, within 2e\+18 of 0, .*{got}"):
            loss(*pair)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_box_reaches_as_far_as_its_area_stays_finite_and_no_further(dtype):
    most = torch.tensor(torch.finfo(dtype).max ** 0.5 / 8, dtype=dtype)
    far = torch.stack([-most, -most, most, most])
    for side in range(4):
        box = 0.999 * far
        assert lossbook.giou_loss(box, box) == 0
        box[side] = far[side]
        with pytest.raises(ValueError, match="boxes1 must have x1 <= x2 and y1 <= y2, within"):
            lossbook.giou_loss(box, 0.999 * far)


@every_box_loss
def test_shapes_and_types_of_boxes_are_checked(loss):
    with pytest.raises(ValueError, match=r"boxes1 must have shape \(\.\.\., 4\), got \(2, 3\)"):
        loss(GOOD[:, :3], GOOD)
    with pytest.raises(ValueError, match=r"boxes2 must have shape \(\.\.\., 4\), got \(\)"):
        loss(GOOD, torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"boxes2 must have the shape of boxes1 \(2, 4\), got \(1, 4\)"):
        loss(GOOD, GOOD[:1])
    with pytest.raises(TypeError, match=r"boxes1 must have a floating dtype, got torch\.int64"):
        loss(GOOD.long(), GOOD)
    with pytest.raises(TypeError, match=r"boxes2 must be a torch\.Tensor, got list"):
        loss(GOOD, GOOD.tolist())
    with pytest.raises(ValueError, match=r'reduction must be "none", "mean" or "sum", got None'):
        loss(GOOD, GOOD, reduction=None)


# What all have in common.


@every_row
def test_gradient_passes_gradcheck_twice(row):
    inputs = row.inputs(3)
    wanted = [part.clone().requires_grad_() for k, part in enumerate(inputs) if k in row.differentiable]

    def loss(*parts):
        parts = iter(parts)
        return row(*(next(parts) if k in row.differentiable else part for k, part in enumerate(inputs)))

    if row.twice:
        assert torch.autograd.gradcheck(loss, wanted, fast_mode=True) is True
        assert torch.autograd.gradgradcheck(loss, wanted, fast_mode=True) is True


@every_row
def test_sum_and_mean_reduce_what_none_returns(row):
    inputs = row.inputs(3)
    each = row(*inputs, reduction="none")
    assert each.shape == ((3,) if row.examples else ())
    assert_close(row(*inputs, reduction="sum"), each.sum())
    assert_close(row(*inputs), each.mean())
    if row.examples:
        assert_close(torch.stack([row(*(part[i] for part in inputs)) for i in range(3)]), each)


@every_row
def test_mean_of_no_pair_is_zero(row):
    if row.examples:
        inputs = [part.requires_grad_() for part in row.inputs(0)]
        value = row(*inputs)
        value.backward()
        assert_close(value, torch.tensor(0.0, dtype=torch.float64))
        assert row(*inputs, reduction="none").shape == (0,)


@every_row
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_and_returned_in_float32(row, dtype):
    inputs = [part.to(dtype).requires_grad_(k in row.differentiable) for k, part in enumerate(row.inputs(2))]
    wide = [part.detach().float().requires_grad_(part.requires_grad) for part in inputs]
    found, expected = row(*inputs), row(*wide) if row.examples else row(*inputs)
    assert found.dtype == torch.float32
    assert_close(found, expected, rtol=0, atol=0)
    found.backward()
    if row.examples:
        expected.backward()
        for narrow, part in zip(inputs, wide, strict=True):
            assert_close(narrow.grad, part.grad.to(dtype), rtol=0, atol=0)


@every_row
def test_two_precisions_give_the_wider(row):
    first, *others = row.inputs(2)
    found = row(first.float(), *others)
    assert found.dtype == torch.float64
    assert_close(found, row(first, *others), rtol=1e-5, atol=1e-6)


@every_row
def test_inputs_are_left_as_they_were_and_need_not_be_contiguous(row):
    inputs = row.inputs(3)
    before = [part.clone() for part in inputs]
    strided = [torch.stack([part, part], -1)[..., 0] for part in inputs]
    assert_close(row(*strided), row(*inputs))
    assert_close(list(inputs), before, rtol=0, atol=0)


# Clouds.

THREE, FOUR = [[0.25, 1.0], [1.5, -0.5], [-1.0, 0.75]], [[0.5, 0.5], [2.0, 1.25], [-0.25, -1.5], [0.125, 3.0]]


@functools.cache
def exact_cloud(reference, *options):
    """Return the loss of three points and four, which are the same in both precisions, and its slopes."""
    def formula(z):
        return reference(references.points(z[:6], 2), references.points(z[6:], 2), **dict(options))

    z = [mpf(value) for point in (*THREE, *FOUR) for value in point]
    with mp.workdps(30):
        return float(formula(z)), [float(slope) for slope in references.gradient(formula, z)]


@pytest.mark.parametrize("far", [0.0, 128.0], ids=["near the origin", "far from it"])
@precisions
@every_cloud_loss
def test_cloud_losses_are_their_formulas(loss, reference, options, dtype, far):
    x, y = (torch.tensor(part, dtype=dtype).add(far).requires_grad_() for part in (THREE, FOUR))
    found = loss(x, y, **options)
    found.backward()

    expected, slopes = exact_cloud(reference, *options.items())
    tolerance = {"rtol": 1e-5 if dtype == torch.float32 else 1e-9, "atol": 1e-7 if dtype == torch.float32 else 1e-11}
    assert_close(found, torch.tensor(expected, dtype=dtype), **tolerance)
    assert_close(torch.cat([x.grad, y.grad]), torch.tensor(slopes, dtype=dtype).view(7, 2), **tolerance)


def test_small_differences_far_from_the_origin_keep_their_digits():
    x = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)) + 1000
    y = x + 2.0**-10 * torch.tensor([1.0, -1.0, 1.0])
    squared = ((x - y).double() ** 2).sum(1).mean()
    assert_close(lossbook.chamfer_loss(x, y), 2 * squared.float())
    assert_close(lossbook.emd_loss(x, y, cost="squared euclidean"), squared.float())


def test_the_nearest_neighbour_is_that_of_the_norm():
    x, y = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 0.0], [2.0, 2.0]])
    assert_close(lossbook.chamfer_loss(x, y, norm=1), torch.tensor(3 + (3 + 4) / 2))
    assert_close(lossbook.chamfer_loss(x, y), torch.tensor(8 + (9 + 8) / 2))


def test_chamfer_does_not_count_how_often_a_point_comes_and_emd_does():
    x, y = torch.tensor([[0.0], [1]]), torch.tensor([[0.0], [0], [0], [1]])
    assert lossbook.chamfer_loss(x, y) == 0
    assert_close(lossbook.emd_loss(x, y), torch.tensor(0.25))


@cloud_loss
def test_cloud_losses_do_not_see_order_place_or_rotation(loss):
    x, y = clouds(2)
    value, turn = loss(x, y), torch.tensor([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]]).double()
    assert_close(loss(x[:, [2, 0, 3, 1]], y[:, [1, 2, 0]]), value)
    assert_close(loss(x + 5, y + 5), value)
    assert_close(loss(x @ turn, y @ turn), value)
    assert_close(loss(y, x), value)


@pytest.mark.parametrize("loss", [
    lossbook.chamfer_loss, functools.partial(lossbook.chamfer_loss, norm=1), lossbook.emd_loss,
    functools.partial(lossbook.emd_loss, cost="squared euclidean"),
    functools.partial(lossbook.sinkhorn_divergence, blur=0.5),
    functools.partial(lossbook.sinkhorn_divergence, blur=0.01),
], ids=["chamfer", "chamfer 1", "emd", "emd squared", "divergence", "divergence, sharp"])
def test_identical_clouds_cost_nothing_and_feel_no_pull(loss):
    x = clouds(1)[0][0].float()
    for y in (x, x[[2, 0, 3, 1]], x.repeat_interleave(2, 0)):
        here, there = x.clone().requires_grad_(), y.clone().requires_grad_()
        value = loss(here, there)
        value.backward()
        assert_close(value, torch.tensor(0.0), rtol=0, atol=1e-9)
        assert_close(here.grad, torch.zeros_like(here), rtol=0, atol=1e-7)
        assert_close(there.grad, torch.zeros_like(there), rtol=0, atol=1e-7)


def test_the_entropic_loss_of_a_cloud_with_itself_is_not_0():
    x = clouds(1)[0][0]
    assert lossbook.sinkhorn_loss(x, x, reg=0.5) > 0.1


def test_a_tie_of_neighbours_goes_to_the_first():
    x, y = torch.tensor([[0.0]], requires_grad=True), torch.tensor([[-1.0], [1.0]])
    lossbook.chamfer_loss(x, y).backward()
    assert_close(x.grad, torch.tensor([[2.0 + 0]]))  # from the first, at -1; those of the two that come back cancel


def test_emd_in_one_dimension_is_the_area_between_the_distribution_functions():
    x, y = torch.tensor([0.3, 2.0, 0.5, 5.0, 1.1]), torch.tensor([1.0, 4.0, 0.1])
    at = torch.cat([x, y]).sort().values
    gap = [abs((x <= s).double().mean() - (y <= s).double().mean()) for s in at[:-1]]
    area = (torch.stack(gap) * at.diff()).sum()
    assert_close(lossbook.emd_loss(x[:, None], y[:, None]), area.float())


def test_emd_of_shifted_clouds_is_the_shift():
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    shift = torch.tensor([3.0, 4.0], dtype=torch.float64)
    value = lossbook.emd_loss(x, x.detach() + shift)
    value.backward()
    assert_close(value, torch.tensor(5.0, dtype=torch.float64))
    assert_close(x.grad, (-shift / 5 / 20).expand(20, 2))


@pytest.mark.parametrize("a", [[3, 2, 1], [0, 6, 0], [1, 1, 4]], ids=str)
def test_emd_of_masses_is_the_cheapest_of_all_ways_to_move_them(a):
    b, costs = [1, 1, 2, 2], [[0.5, 2.0, 1.25, 3.0], [1.0, 0.75, 4.0, 0.25], [2.5, 1.5, 0.125, 1.0]]
    flat = [mpf(value) for row in costs for value in row]
    expected = references.cheapest(flat, [Fraction(n, 6) for n in a], [Fraction(n, 6) for n in b])
    for size in (1.0, 6.0, 1e-8, 1e6):
        x, y = (torch.tensor(part, dtype=torch.float64) / 6 * size for part in (a, b))
        for unit in (1.0, 1e-9, 1e9):
            found = lossbook.emd_loss(x, y, cost=unit * torch.tensor(costs).double())
            assert_close(found, torch.tensor(float(expected) * size * unit, dtype=torch.float64), rtol=1e-9, atol=0)


def test_emd_gradients_are_the_plan_and_the_prices():
    costs = torch.tensor([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.6, 0.4], dtype=torch.float64, requires_grad=True)
    value = lossbook.emd_loss(x, y, cost=costs)
    value.backward()
    plan = torch.tensor([[0.5, 0], [0.1, 0.2], [0, 0.2]], dtype=torch.float64)
    assert_close(value, (plan * costs.detach()).sum())
    assert_close(costs.grad, plan)
    with torch.no_grad():
        for gradient, mass in ((x.grad, x), (y.grad, y)):
            step = torch.zeros_like(mass)
            step[0], step[1] = 0.01, -0.01
            moved = (x + step, y) if mass is x else (x, y + step)
            assert_close(lossbook.emd_loss(*moved, cost=costs) - value, (gradient * step).sum())


# Sinkhorn.


@pytest.mark.parametrize("reg", [1e-3, 0.02, 0.3, 10.0, 1e6])
@pytest.mark.parametrize("b", [0.25, 0.625, 0.9])
def test_sinkhorn_of_two_masses_and_two_is_the_root_of_a_quadratic(reg, b):
    costs = torch.tensor([[0.25, 1.0], [0.75, 1.125]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.5, 0.5], dtype=torch.float64)
    y = torch.tensor([b, 1 - b], dtype=torch.float64, requires_grad=True)
    value = lossbook.sinkhorn_loss(x, y, cost=costs, reg=reg)
    by_cost, by_y = torch.autograd.grad(value, (costs, y))

    def formula(z):
        return references.sinkhorn_two_by_two(z[:4], mpf(0.5), z[4], reg)

    z = [mpf(part) for part in (*costs.flatten().tolist(), b)]
    with mp.workdps(900):  # exp(-1/reg) is one of 1 - k
        expected, slopes = formula(z), references.gradient(formula, z)
    assert_close(value, torch.tensor(float(expected), dtype=torch.float64), rtol=1e-9, atol=0)
    found = torch.cat([by_cost.flatten(), (by_y[0] - by_y[1]).view(1)])
    assert_close(found, wide(slopes), rtol=1e-7, atol=1e-10)


def test_where_nothing_connects_two_masses_the_gradient_is_a_price_between_those_on_either_side():
    costs = torch.tensor([[0.25, 1.0], [0.75, 1.125]], dtype=torch.float64)
    x, y = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.5, 0.5]).double().requires_grad_()
    (slope,) = torch.autograd.grad(lossbook.sinkhorn_loss(x, y, cost=costs, reg=1e-3), y)
    # One unit more to the first y comes from the second x, one less leaves room for the first x elsewhere.
    assert 0.25 - 1.0 <= (slope[0] - slope[1]).item() <= 0.75 - 1.125


@pytest.mark.parametrize("reg", [0.3, 10.0])
def test_sinkhorn_of_masses_is_the_formula_and_so_are_its_gradients(reg):
    a, b, costs = [0.5, 0.3, 0.2], [0.25, 0.75], [1.0, 0.25, 0.5, 1.5, 0.75, 0.0]
    x, y, c = (torch.tensor(part, dtype=torch.float64) for part in (a, b, costs))
    x, y, c = 3 * x.requires_grad_(), 3 * y.requires_grad_(), c.view(3, 2).requires_grad_()
    value = lossbook.sinkhorn_loss(x, y, cost=c, reg=reg)
    by_x, by_c = torch.autograd.grad(value, (x, c))

    def formula(z):
        return 3 * references.sinkhorn_of_masses(z, [mpf(part) for part in a], [mpf(part) for part in b], reg)

    def moved(t):
        changed = [mpf(a[0]) + t[0] / 3, mpf(a[1]) - t[0] / 3, mpf(a[2])]
        return 3 * references.sinkhorn_of_masses(list(map(mpf, costs)), changed, [mpf(part) for part in b], reg)

    with mp.workdps(30):
        exact_value, exact_slope = formula(list(map(mpf, costs))), references.gradient(formula, list(map(mpf, costs)))
        (exact_move,) = references.gradient(moved, [mpf(0)])
    assert_close(value, torch.tensor(float(exact_value), dtype=torch.float64), rtol=1e-9, atol=0)
    assert_close(by_c.flatten(), wide(exact_slope), rtol=1e-8, atol=1e-12)
    assert_close(by_x[0] - by_x[1], torch.tensor(float(exact_move), dtype=torch.float64), rtol=1e-8, atol=1e-12)


def test_the_gradient_of_the_sinkhorn_loss_is_not_the_plan():
    x, y = clouds(1)
    costs = (x[0][:, None] - y[0][None]).square().sum(-1).requires_grad_()
    a, b = torch.full((4,), 0.25).double(), torch.full((3,), 1 / 3).double()
    value = lossbook.sinkhorn_loss(a, b, cost=costs, reg=0.3)
    value.backward()
    assert_close(value, lossbook.sinkhorn_loss(x, y, reg=0.3))
    with mp.workdps(15):
        plan = references.scaled([mpf(c) for c in costs.flatten().tolist()], [mpf(1) / 4] * 4, [mpf(1) / 3] * 3, 0.3)
    assert_close(costs.grad.sum(1), a)  # as the rows of the plan do
    assert (costs.grad - torch.tensor([[float(mass) for mass in row] for row in plan])).abs().max() > 1e-3


@pytest.mark.parametrize(("points", "reg", "where"), [(21, 1.0, 0.8), (2, 2.0, 1.2)], ids=["shrunken", "wider"])
def test_what_minimises_the_sinkhorn_loss_is_another_cloud(points, reg, where):
    cloud, factors = torch.linspace(-1, 1, points, dtype=torch.float64)[:, None], [0.6, 0.8, 1.0, 1.2, 1.4]
    losses = [lossbook.sinkhorn_loss(factor * cloud, cloud, reg=reg) for factor in factors]
    divergences = [lossbook.sinkhorn_divergence(factor * cloud, cloud, blur=(reg / 2) ** 0.5) for factor in factors]
    assert factors[int(torch.stack(losses).argmin())] == where
    assert factors[int(torch.stack(divergences).argmin())] == 1.0


@pytest.mark.parametrize("points", [(40, 40), (40, 25)], ids=str)
def test_sinkhorn_goes_from_emd_to_the_mean_cost(points):
    x, y = clouds(1, points)
    squared = (x[0][:, None] - y[0][None]).square().sum(-1)
    emd = lossbook.emd_loss(x, y, cost="squared euclidean")
    assert_close(lossbook.sinkhorn_loss(x, y, reg=1e-5), emd, rtol=1e-3, atol=0)
    for reg in (1e8, 1e100):
        assert_close(lossbook.sinkhorn_loss(x, y, reg=reg), squared.mean(), rtol=1e-6, atol=0)
    regs = [1e-4, 1e-2, 1.0, 100.0]
    values = torch.stack([lossbook.sinkhorn_loss(x, y, reg=reg) for reg in regs])
    assert bool((values.diff() > 0).all())
    assert bool((values >= emd - 1e-9).all())


@pytest.mark.parametrize("points", [(40, 40), (40, 25)], ids=str)
def test_the_divergence_goes_from_half_the_emd_to_half_the_squared_distance_of_the_means(points):
    x, y = clouds(1, points)
    half = lossbook.emd_loss(x, y, cost="squared euclidean") / 2
    means = (x.mean(1) - y.mean(1)).square().sum() / 2
    assert_close(lossbook.sinkhorn_divergence(x, y, blur=0.003), half, rtol=2e-3, atol=0)
    assert_close(lossbook.sinkhorn_divergence(x, y, blur=30.0), means, rtol=2e-3, atol=0)
    for blur in (1e5, 1e9, 1e50):
        assert_close(lossbook.sinkhorn_divergence(x, y, blur=blur), means, rtol=1e-8, atol=0)
        both = torch.func.grad_and_value(lossbook.sinkhorn_divergence)(x, y, blur=blur)
        assert_close(both[1], means, rtol=1e-8, atol=0)
        assert_close(both[0], ((x.mean(1) - y.mean(1)) / points[0]).expand_as(x), rtol=1e-6, atol=0)


def test_the_divergence_of_two_points_is_half_their_squared_distance_at_any_blur():
    x, y = torch.tensor([[1.0, 2.0]], requires_grad=True), torch.tensor([[4.0, 6.0]])
    for blur in (1e-6, 0.1, 1.0, 1e6):
        value = lossbook.sinkhorn_divergence(x, y, blur=blur)
        assert_close(value, torch.tensor(12.5))
        assert_close(torch.autograd.grad(value, x)[0], torch.tensor([[-3.0, -4.0]]))


def test_the_divergence_is_not_negative_and_scales_with_the_clouds():
    generator = torch.Generator().manual_seed(0)
    for blur in (0.02, 0.1, 1.0):
        x, y = (torch.rand(n, 2, generator=generator, dtype=torch.float64) for n in (15, 20))
        value = lossbook.sinkhorn_divergence(x, y, blur=blur)
        assert value > 0
        assert_close(lossbook.sinkhorn_divergence(1000 * x, 1000 * y, blur=1000 * blur), 1e6 * value)


def test_a_point_without_mass_changes_nothing():
    x, y, cost = torch.tensor([0.5, 0.0, 0.5]), torch.tensor([0.25, 0.75, 0.0]), torch.tensor(
        [[1.0, 2.0, 0.0], [0.0, -9.0, -50.0], [3.0, 1.0, 0.5]])
    kept = cost[[0, 2]][:, :2]
    for loss in (lossbook.emd_loss, functools.partial(lossbook.sinkhorn_loss, reg=0.1)):
        costs = cost.clone().requires_grad_()
        mass = x.clone().requires_grad_()
        value = loss(mass, y, cost=costs)
        value.backward()
        assert_close(value, loss(x[[0, 2]], y[:2], cost=kept))
        assert bool(mass.grad.isfinite().all())
        assert_close(costs.grad[1], torch.zeros(3), rtol=0, atol=1e-9)
        assert_close(costs.grad[:, 2], torch.zeros(3), rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", [lossbook.emd_loss, functools.partial(lossbook.sinkhorn_loss, reg=0.5)])
def test_costs_may_all_be_negative(loss):
    x, y = torch.tensor([0.5, 0.0, 1.5]).double(), torch.tensor([0.75, 1.25]).double()
    cost = torch.tensor([[1.0, 2.0], [0.5, 3.0], [4.0, 0.25]]).double()
    assert_close(loss(x, y, cost=cost - 8), loss(x, y, cost=cost) - 8 * x.sum())


def test_masses_close_to_0_and_costs_far_apart_are_exact_too():
    x = torch.tensor([1.0, 1e-20, 1e-3], dtype=torch.float64)
    y = torch.tensor([0.5, 0.501], dtype=torch.float64)
    cost = torch.tensor([[0.0, 700.0], [900.0, 0.5], [1e3, 1.0]], dtype=torch.float64)
    emd = lossbook.emd_loss(x, y, cost=cost)
    assert_close(lossbook.sinkhorn_loss(x, y, cost=cost, reg=1.0), emd, rtol=1e-3, atol=0)


@pytest.mark.parametrize("many", [(), (2,)], ids=str)
def test_the_entropic_cost_that_one_reads_is_the_one_that_is_computed(many):
    generator = torch.Generator().manual_seed(0)
    costs = torch.rand(*many, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    a, b = (torch.rand(*many, n, generator=generator, dtype=torch.float64) for n in (4, 3))
    a, b = a / a.sum(-1, keepdim=True), b / b.sum(-1, keepdim=True)
    found, written = geometry._entropic_cost(costs, a, b, 0.1), geometry._entropic_cost.__wrapped__(costs, a, b, 0.1)
    assert_close(found, written)
    assert_close(*(torch.autograd.grad(value.sum(), costs)[0] for value in (found, written)))


@pytest.mark.parametrize("eps", [0.5, 0.02])  # done before the last sweep, and far from done
def test_many_sweeps_in_one_go_are_as_many_one_by_one(eps):
    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    problem = torch.cdist(x, y), torch.ones(5).double() / 5, torch.tensor([2.0, 4, 6, 3, 5]).double() / 20
    f, start = _transport._sweep(torch.zeros(5).double(), *problem, eps)
    g = start
    for _ in range(_transport.SWEEPS):
        g = _transport._sweep(g, *problem, eps)[1]
    assert_close(start + _transport._scale(f, start, *problem, eps), g)


def test_what_is_made_wide_stays_where_it_is():
    assert geometry._wide(torch.ones(2, device="meta")).device.type == "meta"
    assert geometry._wide(torch.ones(2)).dtype == torch.float64


# Errors of clouds and masses.


@cloud_loss
@pytest.mark.parametrize("shape", [(3,), (0, 2), (2, 0, 2), (3, 0), (1, 2, 3, 4)], ids=str)
def test_clouds_are_points_and_not_empty(loss, shape):
    wanted = r"must have shape \(P, D\) or \(N, P, D\) with P and D of at least 1, got \("
    with pytest.raises(ValueError, match="x " + wanted):
        loss(torch.zeros(shape), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="y " + wanted):
        loss(torch.zeros(3, 2), torch.zeros(shape))


@cloud_loss
@pytest.mark.parametrize("shape", [(3, 1), (1, 3, 2), (3, 3)], ids=str)
def test_clouds_are_never_broadcast(loss, shape):
    with pytest.raises(ValueError, match=r"y must have the shape of x \(4, 2\), up to the number of points, got \("):
        loss(torch.zeros(4, 2), torch.zeros(shape))


@cloud_loss
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
def test_coordinates_are_finite(loss, bad):
    cloud = torch.tensor([[0.0, 1.0], [bad, 2.0]])
    with pytest.raises(ValueError, match=f"every coordinate of x must be finite, got {bad}"):
        loss(cloud, torch.zeros(3, 2))
    with pytest.raises(ValueError, match=f"every coordinate of y must be finite, got {bad}"):
        loss(torch.zeros(3, 2), cloud)


@cloud_loss
def test_types_of_clouds_are_checked(loss):
    with pytest.raises(TypeError, match=r"x must have a floating dtype, got torch\.int64"):
        loss(torch.zeros(2, 2).long(), torch.zeros(2, 2))
    with pytest.raises(TypeError, match=r"y must be a torch\.Tensor, got list"):
        loss(torch.zeros(2, 2), [[0.0, 1.0]])
    with pytest.raises(ValueError, match=r'reduction must be "none", "mean" or "sum", got \'avg\''):
        loss(torch.zeros(2, 2), torch.zeros(2, 2), reduction="avg")


def test_options_of_clouds_are_checked():
    x, y = clouds(1)
    for bad in (0, 3, True, "2", 1.5, None):
        with pytest.raises(ValueError, match=f"norm must be 1 or 2, got {bad!r}"):
            lossbook.chamfer_loss(x, y, norm=bad)
    for loss in (lossbook.emd_loss, functools.partial(lossbook.sinkhorn_loss, reg=1.0)):
        for bad in ("l2", None, 2):
            with pytest.raises(ValueError, match=f'cost must be "euclidean", "squared euclidean" or a .*, got {bad!r}'):
                loss(x, y, cost=bad)
    for bad in (0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"reg must be in \(0, inf\), got {bad}"):
            lossbook.sinkhorn_loss(x, y, reg=bad)
        with pytest.raises(ValueError, match=rf"blur must be in \(0, inf\), got {bad}"):
            lossbook.sinkhorn_divergence(x, y, blur=bad)
    with pytest.raises(TypeError, match="reg must be a number, got Tensor"):
        lossbook.sinkhorn_loss(x, y, reg=torch.tensor(1.0))


def test_a_blur_that_no_float_can_resolve_is_an_error():
    x, y = (torch.rand(12, 2, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    wanted = "reg, or blur squared, must be larger for costs as different as these, by up to "
    with pytest.raises(ValueError, match=wanted + r".*, got 1e-18"):
        lossbook.sinkhorn_loss(x, y, reg=1e-18)
    with pytest.raises(ValueError, match=wanted):
        lossbook.sinkhorn_divergence(x, y, blur=1e-170)


def test_the_error_says_how_different_the_costs_are_between_what_has_a_mass():
    x, y = torch.rand(2, 12, 2, generator=torch.Generator().manual_seed(0)).double()
    costs, mass = torch.full((13, 13), 1e6).double(), torch.tensor([1 / 12] * 12 + [0]).double()
    costs[:12, :12] = 64 + torch.cdist(x, y)
    different = costs[:12, :12].max() - costs[:12, :12].min()
    with pytest.raises(ValueError, match=rf"by up to {different:.3g}, got 1e-18"):
        lossbook.sinkhorn_loss(mass, mass, cost=costs, reg=1e-18)


@pytest.mark.parametrize(("a", "b", "cost", "message"), [
    ([[0.5, 0.5]], [0.5, 0.5], [[1.0, 2], [3, 4]], r"x must have shape \(P,\), P at least 1, beside a .*got \(1, 2\)"),
    ([0.5, 0.5], [], [[1.0, 2], [3, 4]], r"y must have shape \(P,\), P at least 1, beside a .*, got \(0,\)"),
    ([0.5, 0.5], [0.25, 0.75], [[1.0, 2, 3], [3, 4, 5]], r"cost must have shape \(2, 2\), that of the .* got \(2, 3\)"),
    ([1.5, -0.5], [0.25, 0.75], [[1.0, 2], [3, 4]], r"every mass of x must be finite and at least 0, got -0\.5"),
    ([0.5, 0.5], [math.nan, 0.75], [[1.0, 2], [3, 4]], r"every mass of y must be finite and at least 0, got nan"),
    ([0.5, 0.5], [0.25, 0.5], [[1.0, 2], [3, 4]], r"the total of y must be that of x, their ratio 1, got 0\.75"),
    ([0.0, 0.0], [0.0, 0.0], [[1.0, 2], [3, 4]], r"the total of x must be above 0, got 0\.0"),
    ([0.5, 0.5], [0.25, 0.75], [[1.0, math.inf], [3, 4]], r"every cost must be finite, got inf"),
], ids=str)
def test_masses_and_costs_are_checked(a, b, cost, message):
    a, b, cost = torch.tensor(a), torch.tensor(b), torch.tensor(cost)
    for loss in (lossbook.emd_loss, functools.partial(lossbook.sinkhorn_loss, reg=1.0)):
        with pytest.raises(ValueError, match=message):
            loss(a, b, cost=cost)


def test_masses_and_costs_must_be_floating():
    half, cost = torch.tensor([0.5, 0.5]), torch.ones(2, 2)
    for bad in ((half.long(), half, cost), (half, half.long(), cost), (half, half, cost.long())):
        with pytest.raises(TypeError, match=r"(x|y|cost) must have a floating dtype, got torch\.int64"):
            lossbook.emd_loss(bad[0], bad[1], cost=bad[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_totals_may_differ_by_rounding_only(dtype):
    x, y, cost = torch.full((3,), 1 / 3, dtype=dtype), torch.full((7,), 1 / 7, dtype=dtype), torch.ones(3, 7)
    total = x.double().sum()
    assert_close(lossbook.emd_loss(x, y, cost=cost), total.float(), rtol=1e-5, atol=0)
    with pytest.raises(ValueError, match="the total of y must be that of x"):
        lossbook.emd_loss(x, (1 + 20 * torch.finfo(dtype).eps + 3e-5) * y, cost=cost)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_totals_of_half_precision_may_differ_by_eight_roundings(dtype):
    one, cost, rounding = torch.ones(1, dtype=dtype), torch.ones(1, 1), torch.finfo(dtype).eps
    assert lossbook.emd_loss(one, one + 8 * rounding, cost=cost) == 1
    with pytest.raises(ValueError, match=r"the total of y must be that of x, their ratio 1, got 1\.0"):
        lossbook.emd_loss(one, one + 9 * rounding, cost=cost)
