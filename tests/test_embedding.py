"""The losses for embeddings: exact values and gradients, what they do not depend on, and what they refuse."""

import functools
import itertools
import math
import re
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
import references_embedding as references
import torch
from hypothesis import given
from references import KNOWN
from torch.nn import functional as F
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import lossbook
from lossbook import embedding, metrics


@dataclass(frozen=True)
class Case:
    """A loss, its options, the formula for it, and what it takes."""

    name: str
    loss: Any
    reference: Any
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    stretch: float = 1.0  # by how much a similarity is multiplied, and with it what float32 has rounded off

    def __call__(self, *inputs, **more):
        return self.loss(*inputs, **self.options, **more)


CASES = [
    Case("contrastive", lossbook.contrastive_loss, references.contrastive, "pairs"),
    Case("contrastive margin", lossbook.contrastive_loss, references.contrastive, "pairs", {"margin": 2.5}),
    Case("triplet", lossbook.triplet_loss, references.triplet, "triplets"),
    Case("triplet options", lossbook.triplet_loss, references.triplet, "triplets",
         {"margin": 0.3, "p": 1.0, "swap": True}),
    Case("triplet soft", lossbook.triplet_loss, references.triplet, "triplets", {"soft": True}),
    Case("triplet soft options", lossbook.triplet_loss, references.triplet, "triplets",
         {"soft": True, "margin": 0.7, "p": 3.0}),
    Case("batch all", lossbook.batch_all_triplet_loss, references.batch_all, "labels"),
    Case("batch all soft", lossbook.batch_all_triplet_loss, references.batch_all, "labels",
         {"margin": 0.3, "soft": True}),
    Case("angular", lossbook.angular_loss, references.angular, "directions", stretch=6),
    Case("angular 70", lossbook.angular_loss, references.angular, "directions", {"angle": 70}, 60),
    Case("angular 70.5", lossbook.angular_loss, references.angular, "directions", {"angle": 70.5}, 64),
    Case("angular 89", lossbook.angular_loss, references.angular, "directions", {"angle": 89.0}, 26e3),
    Case("NT-Xent", lossbook.nt_xent_loss, references.nt_xent, "partners", {"temperature": 0.2}, 5),
    Case("NT-Xent cold", lossbook.nt_xent_loss, references.nt_xent, "partners", {"temperature": 0.01}, 100),
    Case("NT-Xent hot", lossbook.nt_xent_loss, references.nt_xent, "partners", {"temperature": 50}),
    Case("SupCon", lossbook.sup_con_loss, references.sup_con, "directions", {"temperature": 0.2}, 5),
    Case("SupCon cold", lossbook.sup_con_loss, references.sup_con, "directions", {"temperature": 0.01}, 100),
    Case("ArcFace", lossbook.arcface_loss, references.arcface, "cosines"),
    Case("ArcFace options", lossbook.arcface_loss, references.arcface, "cosines", {"margin": 0.3, "scale": 3.0}),
    Case("ArcFace wide", lossbook.arcface_loss, references.arcface, "cosines", {"margin": 2.5, "scale": 1.0}),
]
DIRECTIONS = {"directions", "partners"}  # the kinds whose losses do not see lengths
TENSORS = {"pairs": 2, "triplets": 3, "labels": 1, "directions": 1, "partners": 2, "cosines": 1}
LABELS = torch.tensor([4, -1, 4, 7, -1, 4])  # three of one, two of another, one alone


def cases(*kinds):
    return pytest.mark.parametrize("case", [case for case in CASES if case.kind in kinds], ids=lambda case: case.name)


every_case = cases(*TENSORS)
precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def inputs(kind, batch="ordinary", n=6):
    """Return the tensors of n examples, in float32, with the peculiarity that ``batch`` names."""
    generator = torch.Generator().manual_seed(sum(map(ord, kind)))
    count, n = TENSORS[kind], min(n, 4) if kind == "partners" else n
    tensors = torch.randn(count, n, 3, generator=generator)
    if kind == "cosines":
        angles = math.pi * torch.rand(n, 3, generator=generator)
        return (2 * angles / math.pi - 1 if batch == "ordinary" else angles.cos()), torch.arange(n) % 3
    match batch:
        case "far":
            tensors = tensors / 128 + 1000
        case "near":  # each its neighbour's, up to a ten-thousandth
            tensors = tensors[:1, :1] + tensors / 8192
        case "tiny":  # among all distances squares are formed, which leave float32 below 1e-19
            tensors = tensors * 2.0 ** (-50 if kind == "labels" else -100)
        case "large":
            tensors = tensors * 2.0**50
        case "equal":  # some rows, within a tensor and across tensors
            tensors[:, 2] = tensors[:, 0]
            tensors[-1, 1] = tensors[0, 1]
    more = {"pairs": (torch.arange(n) % 2,), "labels": (LABELS[:n],), "directions": (LABELS[:n],)}
    return *tensors, *more.get(kind, ())


BATCHES = ["ordinary", "far", "near", "tiny", "large", "equal"]
PAIRS = [pytest.param(case, batch, id=f"{case.name}-{batch}") for case in CASES for batch in BATCHES
         if case.kind != "cosines" or batch in {"ordinary", "far"}]  # cosines have no size


def exact(name, batch):
    """Return the values and the gradients of the named case, worked out once."""
    if (name, batch) not in KNOWN:
        case = next(case for case in CASES if case.name == name)
        KNOWN[name, batch] = references.exact(case.reference, inputs(case.kind, batch), **case.options)
    return KNOWN[name, batch]


def value_and_slopes(case, tensors, **more):
    tensors = [tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor for tensor in tensors]
    value = case(*tensors, **more)
    value.sum().backward()
    return value.detach(), [tensor.grad for tensor in tensors if tensor.requires_grad]


def in_dtype(tensors, dtype):
    return [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]


@precisions
@pytest.mark.parametrize(("case", "batch"), PAIRS)
def test_value_and_gradient_are_those_of_the_formula(case, batch, dtype):
    tensors = in_dtype(inputs(case.kind, batch), dtype)
    value, slopes = value_and_slopes(case, tensors, reduction="none")
    expected, expected_slopes = exact(case.name, batch)
    relative = 1e-5 if dtype == torch.float32 else 1e-11
    size = case.stretch / 10 if case.kind in DIRECTIONS | {"cosines"} else expected.abs().max().item()
    assert_close(value.double(), expected, rtol=relative, atol=relative / 100 * max(1, size))
    for slope, wanted, tensor in zip(slopes, expected_slopes, tensors, strict=False):
        rounded = case.stretch * (1 + case.stretch / 100)  # in the logits, then in their probabilities
        one = rounded / tensor.norm(dim=1, keepdim=True).double() if case.kind in DIRECTIONS else 1
        slack = relative * wanted.abs().amax(1, keepdim=True) + relative / 20 * one  # of the row that it belongs to
        worst = ((slope - wanted).abs() / slack).max()
        assert worst <= 1, f"{worst} times what it may be off"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_case
def test_half_precision_is_computed_and_returned_in_float32(case, dtype):
    tensors = in_dtype(inputs(case.kind), dtype)
    value, slopes = value_and_slopes(case, tensors, reduction="none")
    wide, wide_slopes = value_and_slopes(case, in_dtype(tensors, torch.float32), reduction="none")
    assert_close(value, wide, rtol=0, atol=0)
    for slope, wide_slope in zip(slopes, wide_slopes, strict=True):
        assert_close(slope, wide_slope.to(dtype), rtol=0, atol=0)


@every_case
def test_gradient_passes_gradcheck_twice(case):
    tensors = in_dtype(inputs(case.kind), torch.float64)
    tensors = [tensor.requires_grad_() if tensor.is_floating_point() else tensor for tensor in tensors]
    assert torch.autograd.gradcheck(case, tensors) is True
    assert torch.autograd.gradgradcheck(case, tensors) is True


@every_case
def test_sum_and_mean_reduce_what_none_returns(case):
    tensors = in_dtype(inputs(case.kind), torch.float64)
    each = case(*tensors, reduction="none")
    kept = 5 if case.kind in {"labels", "directions"} else len(each)  # one example is alone with its label
    assert each.shape == (8 if case.kind == "partners" else 6,)
    assert_close(case(*tensors, reduction="sum"), each.sum())
    assert_close(case(*tensors, reduction="mean"), each.sum() / kept)
    assert_close(case(*tensors), case(*tensors, reduction="mean"), rtol=0, atol=0)
    with pytest.raises(ValueError, match="""reduction must be "none", "mean" or "sum", got 'average'"""):
        case(*tensors, reduction="average")


@every_case
def test_a_batch_without_examples_costs_nothing(case):
    value, slopes = value_and_slopes(case, [tensor[:0] for tensor in inputs(case.kind)])
    assert value == 0
    assert case(*(tensor[:0] for tensor in inputs(case.kind)), reduction="none").shape == (0,)
    assert all(slope.numel() == 0 for slope in slopes)


@every_case
def test_strided_inputs_give_the_same(case):
    tensors = inputs(case.kind)
    strided = [torch.stack([tensor, tensor], dim=-1)[..., 0] for tensor in tensors]
    assert not strided[0].is_contiguous()
    value, slopes = value_and_slopes(case, strided)
    expected, expected_slopes = value_and_slopes(case, tensors)
    assert_close(value, expected)
    assert_close(slopes, expected_slopes)


def test_the_distances_that_one_reads_are_those_that_are_computed():
    for batch in BATCHES:
        z = inputs("labels", batch)[0].double().requires_grad_()
        up = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        found, plain = embedding._distances(z), embedding._distances.__wrapped__(z)
        assert_close(found, plain)
        assert_close(torch.autograd.grad(found, z, up), torch.autograd.grad(plain, z, up))


class Largest(TorchDispatchMode):
    """Counts the elements of the largest tensor that is made."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **kwargs or {})
        parts = found if isinstance(found, tuple | list) else [found]
        sizes = [part.untyped_storage().nbytes() for part in parts if isinstance(part, torch.Tensor)]
        self.elements = max([self.elements, *(size // 4 for size in sizes)])
        return found


@pytest.mark.parametrize(("loss", "limit"), [
    (lambda z, _: lossbook.nt_xent_loss(z, z.flip(0), temperature=0.1), 64**2 * 4),
    (lambda z, y: lossbook.sup_con_loss(z, y, temperature=0.1), 64**2),
    (lambda z, y: lossbook.angular_loss(z, y), 64**2),
    (lambda z, y: lossbook.batch_all_triplet_loss(z, y), 64**2 * 3),
    (lambda z, y: triplets_of(z, y), 64 * 500),
])
def test_no_tensor_of_size_n_n_d_is_made(loss, limit):
    z = torch.randn(64, 500, requires_grad=True)
    with Largest() as seen:
        loss(z, torch.arange(64) % 16).backward()
    assert seen.elements <= max(limit, 64 * 500 * 2) < 64 * 64 * 500


def triplets_of(z, y):
    a, p, n = lossbook.hardest_triplets(z, y)
    return lossbook.triplet_loss(z[a], z[p], z[n])


# What the losses do not see.


@cases("pairs", "triplets", "labels")
def test_losses_of_distances_do_not_see_a_translation(case):
    tensors = in_dtype(inputs(case.kind), torch.float64)
    moved = [tensor + torch.tensor([3.0, -2, 0.5]) if tensor.is_floating_point() else tensor for tensor in tensors]
    assert_close(case(*moved), case(*tensors))


@cases("directions", "partners")
def test_losses_of_directions_do_not_see_lengths(case):
    tensors = in_dtype(inputs(case.kind), torch.float64)
    scale = torch.tensor([[0.1], [2.0], [1e-30], [5.0], [1e30], [1.0]], dtype=torch.float64)
    scaled = [tensor * scale[:len(tensor)] if tensor.is_floating_point() else tensor for tensor in tensors]
    assert_close(case(*scaled), case(*tensors))


@cases("pairs", "labels", "directions", "partners")
def test_losses_do_not_see_a_rotation_nor_the_order_of_the_examples(case):
    tensors = in_dtype(inputs(case.kind), torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    order = torch.randperm(len(tensors[0]), generator=torch.Generator().manual_seed(1))
    turned = [(tensor @ turn if tensor.is_floating_point() else tensor)[order] for tensor in tensors]
    assert_close(case(*turned), case(*tensors))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.integers(0, 1000))
def test_names_of_labels_do_not_matter(labels, seed):
    z = torch.randn(len(labels), 2, generator=torch.Generator().manual_seed(seed))
    names = [7, -300, 2**40, 0]
    for loss in (lossbook.batch_all_triplet_loss, lossbook.angular_loss,
                 functools.partial(lossbook.sup_con_loss, temperature=0.3)):
        named = loss(z, torch.tensor([names[y] for y in labels]))
        assert_close(named, loss(z, torch.tensor(labels)), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16, torch.uint64],
                         ids=str)
def test_labels_may_be_of_any_integer_type(dtype):
    z, labels = inputs("labels")
    assert_close(lossbook.batch_all_triplet_loss(z, (labels + 1).to(dtype)),
                 lossbook.batch_all_triplet_loss(z, labels), rtol=0, atol=0)


# Equivalences.


def test_nt_xent_is_cross_entropy_of_similarities():
    x, y = in_dtype(inputs("partners"), torch.float64)
    z = F.normalize(torch.cat([x, y]))
    logits = (z @ z.T / 0.2).fill_diagonal_(-torch.inf)
    partner = torch.cat([torch.arange(4, 8), torch.arange(4)])
    found = lossbook.nt_xent_loss(x, y, temperature=0.2, reduction="none")
    assert_close(found, F.cross_entropy(logits, partner, reduction="none"))


def test_sup_con_with_one_partner_each_is_nt_xent():
    x, y = inputs("partners")
    found = lossbook.sup_con_loss(torch.cat([x, y]), torch.arange(4).repeat(2), temperature=0.3, reduction="none")
    assert_close(found, lossbook.nt_xent_loss(x, y, temperature=0.3, reduction="none"))


def test_arcface_without_margin_is_cross_entropy_of_scaled_cosines():
    cosine, target = inputs("cosines")
    assert_close(lossbook.arcface_loss(cosine, target, margin=0, scale=7),
                 lossbook.cross_entropy(7 * cosine, target))


def test_the_soft_triplet_loss_is_the_other_where_the_margin_is_large():
    tensors = inputs("triplets")
    assert_close(lossbook.triplet_loss(*tensors, margin=40, soft=True), lossbook.triplet_loss(*tensors, margin=40))


def test_triplet_margin_is_1_and_0_if_soft():
    tensors = inputs("triplets")
    for soft, margin in ((False, 1), (True, 0)):
        found = lossbook.triplet_loss(*tensors, soft=soft)
        assert_close(found, lossbook.triplet_loss(*tensors, soft=soft, margin=margin))


def test_triplet_loss_is_torchs_up_to_what_torch_adds_to_differences():
    tensors = in_dtype(inputs("triplets"), torch.float64)
    options = {"margin": 0.7, "swap": True, "p": 3.0, "reduction": "none"}
    assert_close(lossbook.triplet_loss(*tensors, **options),
                 F.triplet_margin_loss(*tensors, eps=0, **options))


def test_batch_all_is_the_mean_of_all_triplets():
    z, labels = inputs("labels")
    rows = itertools.product(range(6), repeat=3)
    triplets = [(a, p, n) for a, p, n in rows if labels[a] == labels[p] != labels[n] and a != p]
    a, p, n = torch.tensor(triplets).T
    each = lossbook.triplet_loss(z[a], z[p], z[n], margin=0.4, reduction="none")
    found = lossbook.batch_all_triplet_loss(z, labels, margin=0.4, reduction="none")
    assert_close(found, torch.stack([each[a == i].mean() if i != 3 else torch.tensor(0.0) for i in range(6)]))


def test_batch_all_of_one_triplet_is_its_loss():
    z = inputs("labels")[0][:3]
    found = lossbook.batch_all_triplet_loss(z, torch.tensor([0, 0, 1]), reduction="none")
    expected = lossbook.triplet_loss(z[[0, 1]], z[[1, 0]], z[[2, 2]], reduction="none")
    assert_close(found, torch.cat([expected, torch.zeros(1)]))
    assert_close(lossbook.batch_all_triplet_loss(z, torch.tensor([0, 0, 1])), expected.mean())


# What they ask for.


def test_contrastive_loss_is_0_where_all_that_is_alike_coincides_and_the_rest_is_apart():
    x = torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    other = torch.tensor([[1.0, 2.0], [0.0, 2.0], [3.0, 4.0]])
    value = lossbook.contrastive_loss(x, other, torch.tensor([1, 0, 0]), margin=2.0, reduction="sum")
    assert value == 0
    assert_close(torch.autograd.grad(value, x)[0], torch.zeros(3, 2), rtol=0, atol=0)


def test_contrastive_gradient_is_that_of_the_docstring():
    x, other = torch.tensor([[0.3, 0.4]] * 2, requires_grad=True), torch.zeros(2, 2)
    lossbook.contrastive_loss(x, other, torch.tensor([1, 0]), margin=2.0, reduction="sum").backward()
    assert_close(x.grad, torch.tensor([[0.3, 0.4], [-1.5 * 0.6, -1.5 * 0.8]]))


def test_equal_rows_that_are_not_alike_have_no_direction_in_which_to_part():
    x = torch.ones(1, 2, requires_grad=True)
    value = lossbook.contrastive_loss(x, torch.ones(1, 2), torch.tensor([0]), margin=3.0)
    value.backward()
    assert_close(value, torch.tensor(9 / 2))
    assert_close(x.grad, torch.zeros(1, 2), rtol=0, atol=0)


@pytest.mark.parametrize(("options", "value"), [({}, 1), ({"margin": 0.3}, 0.3), ({"soft": True}, math.log(2))])
def test_a_collapsed_triplet_costs_the_margin_and_stays(options, value):
    x = torch.full((4, 3), 0.7, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    for loss in (lossbook.triplet_loss(x, x, x, **options), lossbook.batch_all_triplet_loss(x, labels, **options)):
        assert_close(loss, torch.tensor(float(value)))
        assert_close(torch.autograd.grad(loss, x)[0], torch.zeros(4, 3), rtol=0, atol=0)


def test_triplet_gradient_is_a_difference_of_unit_vectors_however_far_from_order():
    for far in (2.0, 200.0):
        a = torch.zeros(1, 2, requires_grad=True)
        loss = lossbook.triplet_loss(a, torch.tensor([[3.0 * far, 4 * far]]), torch.tensor([[0.0, 1.0]]))
        assert_close(torch.autograd.grad(loss, a)[0], torch.tensor([[-0.6, -0.8 + 1]]))


def test_the_swap_takes_the_nearer_of_anchor_and_positive():
    a, b, c = torch.tensor([[0.0]]), torch.tensor([[2.0]]), torch.tensor([[2.5]])
    assert_close(lossbook.triplet_loss(a, b, c), torch.tensor(2 - 2.5 + 1))
    assert_close(lossbook.triplet_loss(a, b, c, swap=True), torch.tensor(2 - 0.5 + 1))


def test_a_collapsed_model_pays_log_2n_minus_1_for_nt_xent():
    x = torch.tensor([[3.0, 4.0]]).repeat(512, 1)
    assert_close(lossbook.nt_xent_loss(x, x, temperature=0.1), torch.tensor(math.log(2 * 512 - 1)))


def test_nt_xent_is_least_where_pairs_agree_and_are_spread_evenly():
    def cost(first, second):
        x = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in (0, first)])
        y = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in (second, first + second)])
        return lossbook.nt_xent_loss(x, y, temperature=0.5).item()

    angles = [k * math.pi / 12 for k in range(-11, 13)]
    assert min(itertools.product(angles, angles), key=lambda pair: cost(*pair)) == (math.pi, 0)


def test_small_batches_added_up_are_no_large_batch_for_nt_xent():
    x, y = inputs("partners")
    whole = lossbook.nt_xent_loss(x, y, temperature=0.2)
    halves = [lossbook.nt_xent_loss(x[i], y[i], temperature=0.2) for i in (slice(2), slice(2, 4))]
    assert sum(halves) / 2 < whole - math.log(2) / 2


def test_a_smaller_temperature_looks_at_nearer_negatives():
    x = torch.tensor([[1.0, 0.0]])
    others = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    shares = []
    for temperature in (1.0, 0.1):
        z = torch.cat([x, x + 0.1, others]).requires_grad_()
        lossbook.sup_con_loss(z, torch.tensor([0, 0, 1, 2]), temperature=temperature, reduction="none")[0].backward()
        near, far = z.grad[2:].norm(dim=1)
        shares.append(near / (near + far))
    assert shares[0] < 0.6 < 0.99 < shares[1]


def test_sup_con_falls_to_the_log_of_the_number_of_partners():
    z = torch.eye(3).repeat_interleave(4, 0)
    labels = torch.arange(3).repeat_interleave(4)
    assert_close(lossbook.sup_con_loss(z, labels, temperature=0.02), torch.tensor(math.log(3)))


def test_sup_con_gradient_in_the_logits_is_that_of_the_docstring():
    z = torch.eye(4, dtype=torch.float64).requires_grad_()
    lossbook.sup_con_loss(z, torch.tensor([0, 0, 0, 1]), temperature=0.5, reduction="none")[0].backward()
    shares = torch.tensor([1, 1, 1]) / 3  # all similarities are 0
    expected = (shares - torch.tensor([1 / 2, 1 / 2, 0])) / 0.5
    assert_close(z.grad[0, 1:], expected.double())


def test_angular_loss_is_least_for_classes_that_are_opposed():
    def cost(angle):
        z = torch.tensor([[1.0, 0.0]] * 2 + [[math.cos(angle), math.sin(angle)]] * 2)
        return lossbook.angular_loss(z, torch.tensor([0, 0, 1, 1])).item()

    assert min(range(0, 360, 15), key=lambda degrees: cost(math.radians(degrees))) == 180


def test_arcface_value_at_the_ends_and_beyond_the_turn():
    cosine = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-0.95, 0.0]], requires_grad=True)
    m = 0.5
    found = lossbook.arcface_loss(cosine, torch.zeros(3).long(), margin=m, scale=2.0, reduction="none")
    harder = [math.cos(m), -1 - m * math.sin(m), -0.95 - m * math.sin(m)]
    assert_close(found, torch.tensor([math.log(1 + math.exp(-2 * c)) for c in harder]))
    found.sum().backward()
    slope = [-2 / (1 + math.exp(2 * c)) for c in harder]
    assert_close(cosine.grad[:, 0], torch.tensor([slope[0] * math.cos(m), slope[1], slope[2]]))


def test_arcface_at_the_left_end_without_margin_has_the_slope_of_cross_entropy():
    cosine = torch.tensor([[-1.0, 0.5]], requires_grad=True)
    lossbook.arcface_loss(cosine, torch.tensor([0]), margin=0.0, scale=1.0).backward()
    assert_close(cosine.grad, torch.tensor([[-1.0, 1.0]]) / (1 + math.exp(-1.5)))


@precisions
def test_arcface_follows_the_formula_close_to_the_ends(dtype):
    for near in (1 - 2.0**-20, -1 + 2.0**-20):
        cosine, target = torch.tensor([[near, 0.25]], dtype=dtype), torch.tensor([0])
        for margin in (0.5, 3.1):
            case = Case("", functools.partial(lossbook.arcface_loss, margin=margin, scale=1.0), None, "")
            expected, slopes = references.exact(references.arcface, (cosine, target), margin=margin, scale=1.0)
            value, found = value_and_slopes(case, (cosine, target), reduction="none")
            assert_close(value.double(), expected, rtol=1e-5, atol=1e-7)
            assert_close(found[0].double(), slopes[0], rtol=1e-5, atol=1e-7)


def test_arcface_gradient_is_stretched_as_the_docstring_says():
    cosine = torch.tensor([[0.4, 0.3]], dtype=torch.float64, requires_grad=True)
    theta, m, s = math.acos(0.4), 0.5, 3.0
    lossbook.arcface_loss(cosine, torch.tensor([0]), margin=m, scale=s).backward()
    p = 1 / (1 + math.exp(s * (0.3 - math.cos(theta + m))))
    assert cosine.grad[0, 0].item() == pytest.approx(s * (p - 1) * math.sin(theta + m) / math.sin(theta))


def test_cosines_of_half_precision_may_be_rounded_further():
    top = torch.tensor([[1 + 8 * 2.0**-7, 0.0]], dtype=torch.bfloat16)
    assert bool(lossbook.arcface_loss(top, torch.tensor([0])).isfinite())
    with pytest.raises(ValueError, match=r"every cosine must be in \[-1, 1\], got 1\.0703"):
        lossbook.arcface_loss(top + 2.0**-7, torch.tensor([0]))


def test_rounding_may_take_a_cosine_past_1():
    above = torch.tensor([[1 + 2.0**-22, 0.0], [-1 - 2.0**-22, 0.0]], requires_grad=True)
    ends = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    value = lossbook.arcface_loss(above, torch.tensor([0, 0]))
    assert_close(value, lossbook.arcface_loss(ends, torch.tensor([0, 0])))
    value.backward()
    assert bool(above.grad.isfinite().all())


# Mining.


@given(st.lists(st.integers(0, 2), min_size=2, max_size=8), st.data())
def test_hardest_triplets_are_the_farthest_alike_and_the_nearest_other(labels, data):
    whole = st.lists(st.integers(-3, 3), min_size=2, max_size=2)  # on a lattice, so that there are ties
    z = [data.draw(whole) for _ in labels]
    expected = []
    for a, y in enumerate(labels):
        far = {j: -math.dist(z[a], z[j]) for j in range(len(z)) if j != a and labels[j] == y}
        near = {j: math.dist(z[a], z[j]) for j in range(len(z)) if labels[j] != y}
        if far and near:
            expected.append([a, min(far, key=far.get), min(near, key=near.get)])  # the first among equals
    found = lossbook.hardest_triplets(torch.tensor(z, dtype=torch.float32), torch.tensor(labels))
    assert torch.stack(found, dim=1).tolist() == expected


def test_hardest_triplets_are_found_by_differences_and_not_by_products():
    z = torch.tensor([[1000.0], [1000.25], [1000.0625], [1000.125]]).repeat(1, 30)
    labels = torch.tensor([0, 0, 1, 2]).repeat(8)
    z = torch.cat([z + 1000 * k for k in range(8)])
    _, _, n = lossbook.hardest_triplets(z, labels + 3 * torch.arange(8).repeat_interleave(4))
    assert n[:2].tolist() == [2, 3]


def test_mining_has_no_gradient_and_takes_no_examples_too():
    a, p, n = lossbook.hardest_triplets(torch.zeros(0, 2), torch.zeros(0).int())
    assert a.shape == p.shape == n.shape == (0,)
    assert a.dtype == p.dtype == n.dtype == torch.int64
    assert lossbook.triplet_loss(torch.zeros(4, 2)[a], torch.zeros(4, 2)[p], torch.zeros(4, 2)[n]) == 0
    a, _, _ = lossbook.hardest_triplets(torch.randn(4, 2, requires_grad=True), torch.tensor([0, 0, 1, 2]))
    assert a.tolist() == [0, 1]


@pytest.mark.parametrize(("case", "labels"), [
    pytest.param(case, labels, id=f"{case.name}-{labels}")
    for case in CASES for labels in ([0, 1, 2], [5, 5, 5]) if case.kind in {"labels", "directions"}
    and ("SupCon" not in case.name or labels == [0, 1, 2])  # whose partners are the negatives of one another
])
def test_what_has_no_positive_or_no_negative_is_left_out(case, labels):
    z = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = case(z, torch.tensor(labels))
    value.backward()
    assert value == 0
    assert_close(z.grad, torch.zeros(3, 3), rtol=0, atol=0)


# What they refuse.


Z, Y = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, 1, 1])
COSINE = torch.tensor([[0.1, 0.2, 0.3]])


def replaced(tensors, place, value):
    return [*tensors[:place], value, *tensors[place + 1 :]]


@pytest.mark.parametrize(("loss", "tensors", "names"), [
    (lossbook.contrastive_loss, (Z, Z, Y % 2), ["input1", "input2"]),
    (lossbook.triplet_loss, (Z, Z, Z), ["anchor", "positive", "negative"]),
    (lossbook.hardest_triplets, (Z, Y), ["embeddings"]),
    (lossbook.batch_all_triplet_loss, (Z, Y), ["embeddings"]),
    (lossbook.angular_loss, (Z, Y), ["embeddings"]),
    (functools.partial(lossbook.nt_xent_loss, temperature=1), (Z, Z), ["x", "y"]),
    (functools.partial(lossbook.sup_con_loss, temperature=1), (Z, Y), ["embeddings"]),
])
def test_embeddings_are_checked(loss, tensors, names):
    for place, name in enumerate(names):
        with pytest.raises(TypeError, match=rf"^{name} must be a torch\.Tensor, got list"):
            loss(*replaced(tensors, place, Z.tolist()))
        with pytest.raises(TypeError, match=rf"^{name} must have a floating dtype, got torch\.int64"):
            loss(*replaced(tensors, place, Z.long()))
        for bad in (torch.zeros(4), torch.zeros(4, 0), torch.zeros(4, 3, 1)):
            message = f"{name} must have shape (N, D) with D of at least 1, got {tuple(bad.shape)}"
            with pytest.raises(ValueError, match="^" + re.escape(message)):
                loss(*replaced(tensors, place, bad))
        for bad in (Z[:1], Z[:, :1]):
            if len(names) > 1 and place:
                wanted = rf"^{name} must have the shape of {names[0]} \(4, 3\), got \({len(bad)}, {bad.shape[1]}\)"
                with pytest.raises(ValueError, match=wanted):
                    loss(*replaced(tensors, place, bad))


@pytest.mark.parametrize("loss", [
    lossbook.hardest_triplets, lossbook.batch_all_triplet_loss, lossbook.angular_loss,
    functools.partial(lossbook.sup_con_loss, temperature=1),
])
def test_labels_are_checked(loss):
    with pytest.raises(TypeError, match=r"labels must be a torch\.Tensor, got list"):
        loss(Z, [0, 0, 1, 1])
    for bad in (Y.float(), Y.bool(), Y.cfloat()):
        with pytest.raises(TypeError, match=rf"labels must hold integers, got {bad.dtype}"):
            loss(Z, bad)
    for bad in (Y[:3], Y[:, None], torch.tensor(1)):
        with pytest.raises(ValueError, match=r"labels must have shape \(4,\), one for each example, got \("):
            loss(Z, bad)


@pytest.mark.parametrize("bad", [0.0, math.inf, math.nan])
@pytest.mark.parametrize(("loss", "name"), [
    (lossbook.angular_loss, "embeddings"),
    (functools.partial(lossbook.sup_con_loss, temperature=1), "embeddings"),
    (lambda z, _: lossbook.nt_xent_loss(z, Z, temperature=1), "x"),
    (lambda z, _: lossbook.nt_xent_loss(Z, z, temperature=1), "y"),
])
def test_a_row_without_direction_is_named(loss, name, bad):
    z = Z.clone()
    z[2] = bad
    message = rf"every row of {name} must have a direction, .* finite and above 0, got {bad} in row 2"
    with pytest.raises(ValueError, match=message):
        loss(z, Y)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: lossbook.contrastive_loss(Z, Z, torch.tensor([0, 1, 2, 0])), ValueError,
     "every target must be 0 or 1, got 2"),
    (lambda: lossbook.contrastive_loss(Z, Z, Y[:, None]), ValueError,
     r"target must have the shape of the distances \(4,\), got \(4, 1\)"),
    (lambda: lossbook.contrastive_loss(Z, Z, [0, 1, 1, 0]), TypeError, r"target must be a torch\.Tensor, got list"),
    (lambda: lossbook.contrastive_loss(Z, Z, Y, margin=-1), ValueError, r"margin must be in \[0, inf\), got -1"),
    (lambda: lossbook.contrastive_loss(Z, Z, Y, margin=True), TypeError, "margin must be a number, got bool"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, margin=-0.1), ValueError, r"margin must be in \[0, inf\), got -0\.1"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, margin="soft"), TypeError, "margin must be a number, got str"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, p=0.5), ValueError, r"p must be in \[1, inf\), got 0\.5"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, p=math.inf), ValueError, r"p must be in \[1, inf\), got inf"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, swap=1), TypeError, "swap must be True or False, got int"),
    (lambda: lossbook.triplet_loss(Z, Z, Z, soft="yes"), TypeError, "soft must be True or False, got str"),
    (lambda: lossbook.batch_all_triplet_loss(Z, Y, margin=-1), ValueError, r"margin must be in \[0, inf\), got -1"),
    (lambda: lossbook.batch_all_triplet_loss(Z, Y, soft=0), TypeError, "soft must be True or False, got int"),
    (lambda: lossbook.angular_loss(Z, Y, angle=0), ValueError, r"angle must be in \(0, 90\), got 0"),
    (lambda: lossbook.angular_loss(Z, Y, angle=90.0), ValueError, r"angle must be in \(0, 90\), got 90\.0"),
    (lambda: lossbook.angular_loss(Z, Y, angle="40"), TypeError, "angle must be a number, got str"),
    (lambda: lossbook.nt_xent_loss(Z, Z, temperature=0), ValueError,
     r"temperature must be in \[1e-30, inf\), got 0"),
    (lambda: lossbook.nt_xent_loss(Z, Z, temperature=None), TypeError, "temperature must be a number, got NoneType"),
    (lambda: lossbook.sup_con_loss(Z, Y, temperature=-0.1), ValueError,
     r"temperature must be in \[1e-30, inf\), got -0\.1"),
    (lambda: lossbook.sup_con_loss(Z, Y, temperature=math.inf), ValueError,
     r"temperature must be in \[1e-30, inf\), got inf"),
    (lambda: lossbook.arcface_loss([[1.0, 0.0]], Y), TypeError, r"cosine must be a torch\.Tensor, got list"),
    (lambda: lossbook.arcface_loss(Z.long(), Y), TypeError, r"cosine must have a floating dtype, got torch\.int64"),
    (lambda: lossbook.arcface_loss(COSINE[0], Y), ValueError,
     r"cosine must have shape \(N, K\) with K of at least 2, got \(3,\)"),
    (lambda: lossbook.arcface_loss(COSINE[:, :1], Y[:1]), ValueError,
     r"cosine must have shape \(N, K\) with K of at least 2, got \(1, 1\)"),
    (lambda: lossbook.arcface_loss(COSINE + 0.9, Y[:1]), ValueError, r"every cosine must be in \[-1, 1\], got 1\.1"),
    (lambda: lossbook.arcface_loss(COSINE - 1.2, Y[:1]), ValueError, r"every cosine must be in \[-1, 1\], got -1\.1"),
    (lambda: lossbook.arcface_loss(COSINE, torch.tensor([3])), ValueError,
     "every target must be a class from 0 to 2, got 3"),
    (lambda: lossbook.arcface_loss(COSINE, torch.tensor([-100])), ValueError,
     "every target must be a class from 0 to 2, got -100"),
    (lambda: lossbook.arcface_loss(COSINE, torch.tensor([0.0])), TypeError,
     r"target must hold integer class indices, got torch\.float32"),
    (lambda: lossbook.arcface_loss(COSINE, torch.tensor([[0]])), ValueError, r"target must have shape \(1,\)"),
    (lambda: lossbook.arcface_loss(COSINE, Y[:1], margin=28.6), ValueError,
     r"margin must be in \[0, 3\.141592653589793\), got 28\.6"),
    (lambda: lossbook.arcface_loss(COSINE, Y[:1], margin=-0.1), ValueError,
     r"margin must be in \[0, 3\.141592653589793\), got -0\.1"),
    (lambda: lossbook.arcface_loss(COSINE, Y[:1], scale=0), ValueError, r"scale must be in \(0, 1e30\], got 0"),
    (lambda: lossbook.arcface_loss(COSINE, Y[:1], scale="64"), TypeError, "scale must be a number, got str"),
])
def test_other_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 1e30])
def test_value_and_gradient_are_finite_at_any_temperature(temperature):
    x, y = inputs("partners")
    for loss in (lossbook.nt_xent_loss, lossbook.sup_con_loss):
        case = Case("", loss, None, "", {"temperature": temperature})
        value, slopes = value_and_slopes(case, (x, y if loss is lossbook.nt_xent_loss else LABELS[:4]))
        assert bool(value.isfinite())
        assert all(bool(slope.isfinite().all()) for slope in slopes)


# The metric.


def brute_map_at_r(z, labels):
    scores = []
    for a in range(len(z)):
        others = sorted((j for j in range(len(z)) if j != a), key=lambda j: (math.dist(z[a], z[j]), j))
        hits = [labels[j] == labels[a] for j in others]
        if r := sum(hits):
            scores.append(sum(sum(hits[: i + 1]) / (i + 1) for i in range(r) if hits[i]) / r)
    return sum(scores) / len(scores)


@given(st.lists(st.integers(0, 2), min_size=4, max_size=9), st.integers(0, 1000))
def test_map_at_r_is_its_definition(labels, seed):
    z = torch.randint(-3, 4, (len(labels), 2), generator=torch.Generator().manual_seed(seed))
    assert metrics.map_at_r(z, labels) == pytest.approx(brute_map_at_r(z.tolist(), labels))


def test_map_at_r_takes_what_a_model_returns():
    z = torch.tensor([[0.0], [1.0], [1.5], [4.0]], dtype=torch.bfloat16, requires_grad=True)
    assert metrics.map_at_r(z, torch.tensor([0, 0, 1, 0])) == pytest.approx(1 / 3)


def test_map_at_r_is_1_for_classes_apart_and_about_their_share_squared_by_chance():
    z, labels = torch.randn(900, 2, generator=torch.Generator().manual_seed(0)), torch.arange(900) % 3
    assert metrics.map_at_r(z + 100 * labels[:, None], labels) == 1
    assert metrics.map_at_r(z, labels) == pytest.approx(1 / 9, abs=0.02)


def test_map_at_r_asks_nothing_of_an_example_that_is_alone():
    z = [[0.0], [1.0], [0.4]]
    assert metrics.map_at_r(z, ["a", "a", "b"]) == pytest.approx(0)
    assert metrics.map_at_r(z, ["a", "b", "a"]) == 1


@pytest.mark.parametrize(("z", "labels", "message"), [
    ([0.0, 1.0], [0, 0], r"embeddings must have shape \(N, D\) and labels \(N,\), got \(2,\) and \(2,\)"),
    ([[0.0], [1.0]], [0], r"embeddings must have shape \(N, D\) and labels \(N,\), got \(2, 1\) and \(1,\)"),
    ([[0.0], [math.nan]], [0, 0], "every embedding must be finite, got nan"),
    ([[0.0], [1.0]], [0, 1], "some label must occur twice, got 2 different ones"),
    (torch.zeros(0, 2), torch.zeros(0), "some label must occur twice, got 0 different ones"),
])
def test_map_at_r_checks_its_arguments(z, labels, message):
    with pytest.raises(ValueError, match=message):
        metrics.map_at_r(z, labels)
    with pytest.raises(TypeError, match="embeddings must hold real numbers, got dtype complex64"):
        metrics.map_at_r(torch.ones(2, 2).cfloat(), [0, 0])
