"""CTC against the enumeration of all alignments, against forward and backward sums at 230 digits, and its refusals."""

import functools
import itertools
import math

import pytest
import torch
from compare import PROMISE, leaf, precisions, refusals
from hypothesis import given, strategies as st
from mpmath import mp, mpf
from references import gradient
from torch.nn.functional import ctc_loss as torch_ctc_loss
from torch.testing import assert_close

import lossbook
from lossbook import sequence


def labelling(alignment, blank):
    """Return what an alignment says: repeats merged, then blanks dropped."""
    return [label for label, _ in itertools.groupby(alignment) if label != blank]


def by_enumeration(log_p, target, blank=0):
    """Return the loss of one sequence: a list of frames, each a list of log-probabilities."""
    frames, classes = len(log_p), len(log_p[0])
    total = sum(
        mp.exp(sum(log_p[t][k] for t, k in enumerate(alignment)))
        for alignment in itertools.product(range(classes), repeat=frames)
        if labelling(alignment, blank) == target
    )
    return -mp.log(total)


def by_sums(log_p, target, blank=0):
    """Return the loss and its derivatives, from sums of products over the beginnings and ends of alignments."""
    p = [[mp.exp(value) for value in frame] for frame in log_p]
    frames, places = len(p), [blank, *itertools.chain(*((label, blank) for label in target))]

    def walk(frame_order, places):
        sums, rows = None, []
        for t in frame_order:
            if sums is None:
                came = [mpf(i < 2) for i in range(len(places))]
            else:
                came = [sums[i] + (sums[i - 1] if i > 0 else 0) +
                        (sums[i - 2] if i > 1 and places[i] not in (blank, places[i - 2]) else 0)
                        for i in range(len(places))]
            sums = [value * p[t][k] for value, k in zip(came, places, strict=True)]
            rows.append(came)
        return rows

    forward = walk(range(frames), places)
    backward = [row[::-1] for row in walk(range(frames)[::-1], places[::-1])][::-1]
    total = sum(a * b * p[0][k] for a, b, k in zip(forward[0], backward[0], places, strict=True))
    shares = [[mpf(0)] * len(p[0]) for _ in p]
    for t in range(frames):
        for a, b, k in zip(forward[t], backward[t], places, strict=True):
            shares[t][k] += a * b * p[t][k] / total
    return -mp.log(total), [[-share for share in frame] for frame in shares]


def rows_of(log_probs, i, length):
    return [[mpf(value) for value in frame] for frame in log_probs[:length, i].tolist()]


def check(log_probs, targets, input_lengths, target_lengths, tolerance, *, blank=0, loss=lossbook.ctc_loss):
    log_probs = log_probs.clone().requires_grad_()
    each = loss(log_probs, targets, input_lengths, target_lengths, blank=blank, reduction="none")
    (slope,) = torch.autograd.grad(each.sum(), log_probs)
    exact, slopes = torch.zeros_like(each), torch.zeros_like(log_probs)
    for i, (frames, labels) in enumerate(zip(input_lengths.tolist(), target_lengths.tolist(), strict=True)):
        value, by = by_sums(rows_of(log_probs.detach(), i, frames), targets[i, :labels].tolist(), blank)
        exact[i] = float(value)
        slopes[:frames, i] = torch.tensor([[float(part) for part in frame] for frame in by], dtype=slopes.dtype)
    assert_close(each.detach(), exact.detach(), **tolerance)
    assert_close(slope, slopes, **tolerance)


def plain(log_probs, *arguments, blank, reduction):
    assert reduction == "none"
    return sequence._over_alignments(log_probs, *arguments, blank)


def logits(frames, examples, classes, *, scale=1.0, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(frames, examples, classes, generator=rng, dtype=torch.float64)


TARGETS = [[1], [2, 1], [2, 2], [], [1, 2, 1], [1, 1]]
LENGTHS = [3, 5, 4, 2, 3, 3]


def small(dtype=torch.float64, *, scale=1.0):
    """Return four classes in up to five frames, with repeats, with nothing to say, and with no frame to spare."""
    targets = torch.tensor([row + [0] * (3 - len(row)) for row in TARGETS])
    lengths = torch.tensor([len(row) for row in TARGETS])
    return logits(5, 6, 3, scale=scale).to(dtype).log_softmax(2), targets, torch.tensor(LENGTHS), lengths


def test_the_sums_agree_with_the_enumeration_of_all_alignments():
    log_probs, targets, frames, lengths = small()
    for i in range(len(targets)):
        rows, target = rows_of(log_probs, i, frames[i]), targets[i, : lengths[i]].tolist()
        value, slopes = by_sums(rows, target)
        assert abs(value - by_enumeration(rows, target)) < mpf(10) ** -200

        def flat(z, target=target):
            return by_enumeration([z[at : at + 3] for at in range(0, len(z), 3)], target)

        found = gradient(flat, [value for frame in rows for value in frame])
        flattened = [slope for frame in slopes for slope in frame]
        assert max(abs(a - b) for a, b in zip(found, flattened, strict=True)) < mpf(10) ** -70


@precisions
@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
@pytest.mark.parametrize("scale", [1.0, 20.0, 1e4], ids=str)
def test_ctc_is_the_sum_over_all_alignments_and_its_gradient_their_shares(scale, loss, dtype):
    arguments = small(dtype, scale=scale)
    tolerance = PROMISE[dtype]
    if loss is plain:  # which is called in float64
        arguments, tolerance = (arguments[0].double(), *arguments[1:]), PROMISE[torch.float32]
    check(*arguments, tolerance, loss=loss)


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
def test_any_class_may_be_the_blank(blank, loss):
    log_probs, targets, frames, lengths = small()
    check(log_probs, (targets + blank) % 3, frames, lengths, PROMISE[torch.float64], blank=blank, loss=loss)


LONG = [(100, 12, 1.0), (300, 20, 8.0)]


def long(frames, labels, scale, dtype=torch.float32):
    rng = torch.Generator().manual_seed(1)
    targets = torch.randint(1, 8, (2, labels), generator=rng)
    arguments = targets, torch.tensor([frames, frames - 7]), torch.tensor([labels, labels - 3])
    return logits(frames, 2, 8, scale=scale).to(dtype).log_softmax(2), *arguments


@pytest.mark.parametrize("case", LONG, ids=str)
def test_ctc_keeps_its_digits_over_hundreds_of_frames(case):
    check(*long(*case), PROMISE[torch.float32])


def test_torch_loses_the_digits_of_the_gradient_over_hundreds_of_frames():
    log_probs, *arguments = long(300, 20, 8.0)
    wide = log_probs.double().requires_grad_()
    narrow = log_probs.requires_grad_()
    found = torch.autograd.grad(torch_ctc_loss(narrow, *arguments, reduction="sum"), narrow)[0]
    exact = torch.autograd.grad(torch_ctc_loss(wide, *arguments, reduction="sum"), wide)[0]
    assert (found - exact).abs().max() > 1e-4


@pytest.mark.parametrize(("frames", "labels"), [(3, 1), (6, 2), (7, 4), (5, 0), (9, 9)])
def test_labels_without_repeats_have_a_binomial_number_of_alignments(frames, labels):
    classes = labels + 2
    log_probs = torch.full((frames, 1, classes), 1 / classes).double().log()
    target = torch.arange(1, labels + 1)[None]
    loss = lossbook.ctc_loss(log_probs, target, torch.tensor([frames]), torch.tensor([labels]))
    assert_close(loss.item(), -math.log(math.comb(frames + labels, 2 * labels)) + frames * math.log(classes))


@given(frames=st.integers(1, 5), classes=st.integers(2, 4), data=st.data())
def test_it_counts_the_alignments_of_equal_probability_and_refuses_where_there_is_none(frames, classes, data):
    target = data.draw(st.lists(st.integers(1, classes - 1), max_size=4))
    alignments = itertools.product(range(classes), repeat=frames)
    count = sum(labelling(alignment, 0) == target for alignment in alignments)
    log_probs = torch.full((frames, 1, classes), 1 / classes).double().log()
    arguments = log_probs, torch.tensor([target]).long(), torch.tensor([frames]), torch.tensor([len(target)])
    if count == 0:
        with pytest.raises(ValueError, match=rf"for row 0 of targets, got {frames}"):
            lossbook.ctc_loss(*arguments)
    else:
        assert_close(lossbook.ctc_loss(*arguments).item(), frames * math.log(classes) - math.log(count))


def test_one_letter_in_three_frames_has_six_alignments_of_eight():
    half = torch.full((3, 1, 2), 0.5).log()
    assert_close(lossbook.ctc_loss(half, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1])).item(),
                 -math.log(6 / 8), rtol=1e-6, atol=0)


def test_two_equal_letters_need_three_frames():
    half = torch.full((3, 1, 2), 0.5).double().log()
    twice = torch.tensor([[1, 1]])
    assert_close(lossbook.ctc_loss(half, twice, torch.tensor([3]), torch.tensor([2])).item(), math.log(8))
    with pytest.raises(ValueError, match=r"3 for row 0 of targets, got 2"):
        lossbook.ctc_loss(half, twice, torch.tensor([2]), torch.tensor([2]))


def test_the_gradient_on_logits_is_softmax_less_the_shares_of_alignments():
    log_probs, *arguments = small()
    z = logits(5, 6, 3).requires_grad_()
    found = torch.autograd.grad(lossbook.ctc_loss(z.log_softmax(2), *arguments, reduction="sum"), z)[0]
    direct = log_probs.clone().requires_grad_()
    shares = -torch.autograd.grad(lossbook.ctc_loss(direct, *arguments, reduction="sum"), direct)[0]
    used = (torch.arange(5)[:, None] < arguments[1]).unsqueeze(2)
    assert_close(found, torch.where(used, log_probs.exp() - shares, 0))
    assert_close(shares.sum(2), used.squeeze(2).double())


def test_torch_gives_the_same_value_and_the_same_gradient_on_logits():
    z = logits(5, 6, 3).requires_grad_()
    _, *arguments = small()
    ours = lossbook.ctc_loss(z.log_softmax(2), *arguments, reduction="none")
    theirs = torch_ctc_loss(z.log_softmax(2), *arguments, reduction="none")
    assert_close(ours, theirs)
    assert_close(*(torch.autograd.grad(loss.sum(), z)[0] for loss in (ours, theirs)))


def test_mean_is_over_sequences_and_not_over_labels():
    arguments = small()
    each = lossbook.ctc_loss(*arguments, reduction="none")
    assert_close(lossbook.ctc_loss(*arguments), each.sum() / 6)
    assert_close(lossbook.ctc_loss(*arguments, reduction="sum"), each.sum())
    labels = arguments[3].clamp(min=1)
    assert_close(torch_ctc_loss(*arguments), (each / labels).mean())


@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
def test_what_is_impossible_in_a_frame_has_gradient_0_there(loss):
    log_probs, *arguments = small()
    log_probs = log_probs.clone()
    log_probs[0, :, 2] = -math.inf
    log_probs = log_probs.log_softmax(2).requires_grad_()
    each = loss(log_probs, *arguments, blank=0, reduction="none")
    (slope,) = torch.autograd.grad(each.sum(), log_probs)
    assert slope.isfinite().all()
    assert slope[0, :, 2].abs().max() == 0
    check(log_probs.detach(), *arguments, PROMISE[torch.float64], loss=loss)


@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
def test_a_labelling_of_probability_0_costs_infinity_and_has_gradient_0(loss):
    log_probs = torch.tensor([[[0.5, 0.5, 0.0]], [[0.25, 0.75, 0.0]]]).double().log().requires_grad_()
    arguments = torch.tensor([[2]]), torch.tensor([2]), torch.tensor([1])
    value = loss(log_probs, *arguments, blank=0, reduction="none").sum()
    assert value == math.inf
    assert torch.autograd.grad(value, log_probs)[0].abs().max() == 0


@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
@pytest.mark.parametrize("padding", [-1, 1000, 1])
def test_what_stands_beyond_the_lengths_is_not_looked_at(padding, loss):
    log_probs, targets, frames, lengths = small()
    dirty, others = log_probs.clone(), targets.clone()
    dirty[torch.arange(5)[:, None] >= frames] = math.nan
    others[torch.arange(3) >= lengths[:, None]] = padding
    found, expected = dirty.requires_grad_(), log_probs.clone().requires_grad_()
    values = [loss(z, labels, frames, lengths, blank=0, reduction="none")
              for z, labels in ((found, others), (expected, targets))]
    assert_close(*values)
    assert_close(*(torch.autograd.grad(value.sum(), z)[0] for value, z in zip(values, (found, expected), strict=True)))


@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
def test_where_no_sequence_says_anything_all_frames_are_blank(loss):
    log_probs, nothing = logits(4, 2, 3).log_softmax(2), torch.zeros(2).long()
    found = loss(log_probs, torch.zeros(2, 0).long(), torch.tensor([4, 3]), nothing, blank=1, reduction="none")
    assert_close(found, -torch.stack([log_probs[:4, 0, 1].sum(), log_probs[:3, 1, 1].sum()]))


def test_it_is_smallest_where_one_alignment_is_sure_or_where_many_share():
    sure = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]).log()  # "a", then blank
    assert lossbook.ctc_loss(sure, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1])) == 0
    shared = torch.tensor([[[0.0, 1.0]], [[0.5, 0.5]]]).log()  # "a" once or held
    assert_close(lossbook.ctc_loss(shared, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1])).item(), 0.0,
                 rtol=0, atol=1e-7)


def test_the_gradient_of_one_sequence_is_weighted_by_what_its_loss_is_multiplied_with():
    log_probs, *arguments = small()
    z = log_probs.clone().requires_grad_()
    weight = torch.tensor([1.0, 0.0, -2.5, 3.0, 0.5, 1.0]).double()
    found = torch.autograd.grad(weight @ lossbook.ctc_loss(z, *arguments, reduction="none"), z)[0]
    each = torch.autograd.grad(lossbook.ctc_loss(z, *arguments, reduction="sum"), z)[0]
    assert_close(found, weight[:, None] * each)


@pytest.mark.parametrize("loss", [lossbook.ctc_loss, plain], ids=["kernel", "plain"])
def test_gradient_passes_gradcheck_twice(loss):
    _, *arguments = small()
    z = logits(5, 6, 3).requires_grad_()

    def total(z):
        return loss(z.log_softmax(2), *arguments, blank=0, reduction="none").sum()

    assert torch.autograd.gradcheck(total, z) is True
    assert torch.autograd.gradgradcheck(total, z) is True


def test_frames_may_lie_in_any_order_in_memory():
    log_probs, *arguments = small()
    by_example = log_probs.transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    plain_order = log_probs.clone().requires_grad_()
    found, expected = (torch.autograd.grad(lossbook.ctc_loss(z, *arguments), z)[0] for z in (by_example, plain_order))
    assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_and_returned_in_float32(dtype):
    log_probs, *arguments = small(torch.float32)
    half = log_probs.to(dtype).requires_grad_()
    value = lossbook.ctc_loss(half, *arguments, reduction="none")
    assert value.dtype == torch.float32
    value.sum().backward()
    assert half.grad.dtype == dtype
    wide = sequence._over_alignments(half.detach().double(), *arguments, 0)
    assert_close(value.detach(), wide.float())


def test_it_can_be_measured_without_gradients():
    arguments = small()
    expected = lossbook.ctc_loss(*arguments)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert_close(lossbook.ctc_loss(*arguments), expected)


def test_no_sequences_cost_nothing():
    nothing = torch.zeros(0).long()
    log_probs = torch.zeros(4, 0, 3, requires_grad=True)
    value = lossbook.ctc_loss(log_probs, torch.zeros(0, 2).long(), nothing, nothing)
    assert value == 0
    assert torch.autograd.grad(value, log_probs)[0].shape == (4, 0, 3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32], ids=str)
def test_labels_and_lengths_may_be_integers_of_any_width(dtype):
    log_probs, *arguments = small()
    found = lossbook.ctc_loss(log_probs, *(part.to(dtype) for part in arguments))
    assert_close(found, lossbook.ctc_loss(log_probs, *arguments))


LP = torch.full((4, 2, 3), 1 / 3).log()
T, IL, TL = torch.tensor([[1, 2], [2, 0]]), torch.tensor([4, 3]), torch.tensor([2, 1])
call = lossbook.ctc_loss
BAD = [
    (lambda: call(LP[0], T, IL, TL), ValueError, r"log_probs must have shape \(T, N, C\) .* got \(2, 3\)"),
    (lambda: call(LP[:0], T, IL, TL), ValueError, r"log_probs must .* at least one frame"),
    (lambda: call(LP[..., :1], T, IL, TL), ValueError, r"log_probs must .* two classes, got \(4, 2, 1\)"),
    (lambda: call(LP.tolist(), T, IL, TL), TypeError, r"log_probs must be a torch.Tensor, got list"),
    (lambda: call(LP.long(), T, IL, TL), TypeError, r"log_probs must have a floating dtype"),
    (lambda: call(LP, T[0], IL, TL), ValueError, r"targets must have shape \(2, S\).* got \(2,\)"),
    (lambda: call(LP, T[:1], IL, TL), ValueError, r"targets must have shape \(2, S\).* got \(1, 2\)"),
    (lambda: call(LP, T.float(), IL, TL), TypeError, r"targets must hold integers, got torch.float32"),
    (lambda: call(LP, T.tolist(), IL, TL), TypeError, r"targets must be a torch.Tensor, got list"),
    (lambda: call(LP, T, [4, 3], TL), TypeError, r"input_lengths must be a torch.Tensor, got list"),
    (lambda: call(LP, T, IL.float(), TL), TypeError, r"input_lengths must hold integers"),
    (lambda: call(LP, T, IL[:1], TL), ValueError, r"input_lengths must have shape \(2,\), .* got \(1,\)"),
    (lambda: call(LP, T, IL, TL[:1]), ValueError, r"target_lengths must have shape \(2,\), .* got \(1,\)"),
    (lambda: call(LP, T, IL + 1, TL), ValueError, r"must be from 1 to 4, the frames of log_probs, got 5"),
    (lambda: call(LP, T, IL - 3, TL * 0), ValueError, r"every input_length must be from 1 to 4, .* got 0"),
    (lambda: call(LP, T, IL, TL + 1), ValueError, r"must be from 0 to 2, the width of targets, got 3"),
    (lambda: call(LP, T, IL, TL - 2), ValueError, r"every target_length must be from 0 to 2, .* got -1"),
    (lambda: call(LP, T + 1, IL, TL), ValueError, r"label in targets must be from 0 to 2 .* got 3 in row 0"),
    (lambda: call(LP, T - 2, IL, TL), ValueError, r"label in targets must be from 0 to 2 .* got -1 in row 0"),
    (lambda: call(LP, T, IL, TL + torch.tensor([0, 1])), ValueError, r"not the blank 0, got 0 in row 1"),
    (lambda: call(LP, T, IL, TL, blank=2), ValueError, r"not the blank 2, got 2 in row 0"),
    (lambda: call(LP, T, torch.tensor([1, 3]), TL), ValueError,
     r"input_lengths must leave a frame for each label .* 2 for row 0 of targets, got 1"),
    (lambda: call(LP, torch.tensor([[1, 2], [2, 2]]), torch.tensor([4, 2]), TL + torch.tensor([0, 1])), ValueError,
     r"3 for row 1 of targets, got 2"),
    (lambda: call(LP, T, IL, TL, blank=3), ValueError, r"blank must be in \[0, 2\], got 3"),
    (lambda: call(LP, T, IL, TL, blank=-1), ValueError, r"blank must be in \[0, 2\], got -1"),
    (lambda: call(LP, T, IL, TL, blank=0.0), TypeError, r"blank must be an integer, got float"),
    (lambda: call(LP, T, IL, TL, blank=False), TypeError, r"blank must be an? .*got"),
    (lambda: call(LP + 1, T, IL, TL), ValueError, r"whose sum is 1 in every frame, got 2.718.* in row 0"),
    (lambda: call(LP.exp(), T, IL, TL), ValueError, r"log_probs must be logarithms of probabilities"),
    (lambda: call(LP * 1.01, T, IL, TL), ValueError, r"log_probs must be logarithms .* got 0.98"),
    (lambda: call(LP * math.nan, T, IL, TL), ValueError, r"log_probs must be logarithms .* got nan"),
    (lambda: call(LP, T, IL, TL, reduction="average"), ValueError, r"reduction must be"),
]


@refusals(BAD)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_only_the_last_row_wrong_is_found():
    late = LP.clone()
    late[2, 1] += 0.1
    with pytest.raises(ValueError, match=r"in row 1"):
        call(late, T, IL, TL)
    late = LP.clone()
    late[3, 1] += 0.1  # a frame beyond the second sequence
    call(late, T, IL, TL)


@pytest.mark.parametrize(("over", "fine"), [(7.5, True), (8.5, False)])
def test_in_half_precision_a_frame_may_miss_1_by_eight_roundings(over, fine):
    share = (1 + over * torch.finfo(torch.float16).eps) / 2
    log_probs = torch.full((3, 1, 2), share).log().half()
    arguments = log_probs, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1])
    if fine:
        assert call(*arguments).isfinite()
    else:
        with pytest.raises(ValueError, match=r"whose sum is 1 in every frame, got 1\.008"):
            call(*arguments)


def test_a_loss_of_a_leaf_has_a_gradient_of_its_dtype():
    z = leaf(LP.tolist(), torch.float32)
    functools.partial(call, z, T, IL, TL)().backward()
    assert z.grad.dtype == torch.float32
