"""Cross-entropy of a linear layer against cross-entropy of all its logits, and the z-loss against its formula."""

import functools

import pytest
import references
import torch
from compare import PROMISE, compare, leaf, precisions, refusals
from mpmath import mp
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import lossbook

MASKED = -100


def problem(n=11, *, dtype=torch.float64, scale=1.0):
    """Return features, weights and classes, with an example to leave out in the first and in the last chunk."""
    rng = torch.Generator().manual_seed(0)
    features, weight = torch.randn(n, 4, generator=rng, dtype=dtype), torch.randn(7, 4, generator=rng, dtype=dtype)
    target = torch.randint(0, 7, (n,), generator=rng)
    target[[1, -1]] = MASKED
    return scale * features, weight, target


def whole(features, weight, target, **options):
    return lossbook.cross_entropy(features @ weight.T, target, **options)


def value_and_slopes(loss, features, weight, target, **options):
    features, weight = features.clone().requires_grad_(), weight.clone().requires_grad_()
    value = loss(features, weight, target, **options)
    factor = torch.arange(1, len(value) + 1).to(value) if value.ndim else 1
    return value.detach(), *torch.autograd.grad((factor * value).sum(), (features, weight))


@pytest.mark.parametrize("chunk", [1, 3, 4, 11, 128], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_chunks_change_neither_the_loss_nor_its_gradients(reduction, chunk):
    found = value_and_slopes(lossbook.linear_cross_entropy, *problem(), chunk=chunk, reduction=reduction)
    expected = value_and_slopes(whole, *problem(), reduction=reduction)
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning")  # torch, of itself
@pytest.mark.parametrize("moved", [0, 1], ids=["features", "weight"])
def test_in_forward_mode_one_input_may_move_alone(moved):
    *inputs, target = problem()
    with torch.autograd.forward_ad.dual_level():
        direction = inputs[moved].flip(0)
        inputs[moved] = torch.autograd.forward_ad.make_dual(inputs[moved], direction)
        found = torch.autograd.forward_ad.unpack_dual(lossbook.linear_cross_entropy(*inputs, target)).tangent
    slopes = value_and_slopes(whole, *problem())[1:]
    assert_close(found, (slopes[moved] * direction).sum())


@precisions
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_it_is_the_formula_also_for_logits_of_thousands(reduction, dtype):
    def loss(features, target, **_):
        value = lossbook.linear_cross_entropy(features, weight, target.long(), chunk=2, reduction=reduction)
        return value if reduction == "none" else value.expand(1)

    def formula(x, target):
        logits = [sum(a * b for a, b in zip(row, x, strict=True)) for row in weight.tolist()]
        return references.cross_entropy(logits, int(target[0]))

    # Products of powers of two and small integers, so that the logits are exact.
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]], dtype=dtype)
    for row in ([0.5, -1.25], [8192.0, 4096.0], [-30.0, 16.0], [2.0**-20, 0.0]):
        for y in range(3):
            compare(loss, formula, [torch.tensor([row], dtype=dtype)], PROMISE[dtype], [torch.tensor([y])])


def test_two_classes_are_enough():
    features, weight, target = problem()
    target = target % 2
    found = lossbook.linear_cross_entropy(features, weight[:2], target)
    assert_close(found, lossbook.cross_entropy(features @ weight[:2].T, target))


def test_torch_gives_the_same_loss_and_gradients():
    def theirs(features, weight, target):
        return torch.nn.functional.cross_entropy(features @ weight.T, target)

    for a, b in zip(value_and_slopes(lossbook.linear_cross_entropy, *problem()),
                    value_and_slopes(theirs, *problem()), strict=True):
        assert_close(a, b)


def test_the_mean_is_over_the_examples_that_are_kept():
    features, weight, target = problem()
    each = lossbook.linear_cross_entropy(features, weight, target, reduction="none")
    assert (each[1], each[-1]) == (0, 0)
    assert_close(lossbook.linear_cross_entropy(features, weight, target), each.sum() / 9)
    assert_close(lossbook.linear_cross_entropy(features, weight, target, reduction="sum"), each.sum())


def test_a_mean_of_means_is_another_number():
    # Losses of 2 and 4 on average, over 10 and 90 tokens.
    assert_close((10 * 2 + 90 * 4) / 100, 3.8)
    features, weight, target = problem(10)
    target = target.clamp(min=0)
    parts = [lossbook.linear_cross_entropy(features[a:b], weight, target[a:b]) for a, b in [(0, 1), (1, 10)]]
    joint = lossbook.linear_cross_entropy(features, weight, target)
    assert_close((parts[0] + 9 * parts[1]) / 10, joint)
    assert abs((parts[0] + parts[1]) / 2 - joint) > 0.1


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_what_is_left_out_may_hold_anything(reduction):
    features, weight, target = problem()
    broken = features.clone()
    broken[1], broken[-1] = torch.nan, torch.inf
    found = value_and_slopes(lossbook.linear_cross_entropy, broken, weight, target, reduction=reduction, chunk=2)
    expected = value_and_slopes(lossbook.linear_cross_entropy, features, weight, target, reduction=reduction, chunk=2)
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("ignore_index", [-100, 3, 255])
def test_any_target_may_mark_what_is_left_out(ignore_index):
    features, weight, target = problem()
    target = torch.where(target == MASKED, ignore_index, target)
    kept = target != ignore_index
    found = lossbook.linear_cross_entropy(features, weight, target, ignore_index=ignore_index, chunk=4)
    assert_close(found, whole(features[kept], weight, target[kept]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nothing_kept_costs_nothing(reduction):
    features, weight, target = problem()
    for n in (11, 0):
        value, *slopes = value_and_slopes(lossbook.linear_cross_entropy, features[:n], weight, target[:n] * 0 + MASKED,
                                          reduction=reduction, chunk=4)
        assert value.abs().sum() == 0
        assert max(slope.abs().sum() for slope in slopes) == 0


@pytest.mark.parametrize("frozen", [0, 1])
def test_what_needs_no_gradient_is_given_none(frozen):
    parts = [part.clone().requires_grad_(k != frozen) for k, part in enumerate(problem()[:2])]
    lossbook.linear_cross_entropy(*parts, problem()[2]).backward()
    expected = value_and_slopes(whole, *problem())[1:]
    assert parts[frozen].grad is None
    assert_close(parts[1 - frozen].grad, expected[1 - frozen])


def test_it_can_be_measured_without_gradients():
    features, weight, target = problem()
    weight.requires_grad_()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert_close(lossbook.linear_cross_entropy(features, weight, target, chunk=3),
                         whole(features, weight, target).detach())


def test_a_second_backward_pass_gives_the_same_gradient():
    features, weight, target = problem()
    features.requires_grad_()
    loss = lossbook.linear_cross_entropy(features, weight, target)
    first, second = (torch.autograd.grad(loss, features, retain_graph=True)[0] for _ in range(2))
    assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradient_passes_gradcheck_twice(reduction):
    features, weight, target = problem(5)

    def total(features, weight):
        each = lossbook.linear_cross_entropy(features, weight, target, chunk=2, reduction=reduction)
        return (each * torch.arange(1, 6)).sum()

    pair = features.requires_grad_(), weight.requires_grad_()
    assert torch.autograd.gradcheck(total, pair) is True
    if reduction == "mean":
        assert torch.autograd.gradgradcheck(total, pair) is True


class Largest(TorchDispatchMode):
    """Notes the most elements that one result has."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(part, torch.Tensor) and part.untyped_storage().size() > 8:
                self.elements = max(self.elements, part.untyped_storage().size() // part.element_size())
        return result


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_no_result_is_larger_than_the_logits_of_one_chunk(reduction):
    rng = torch.Generator().manual_seed(0)
    features, weight = torch.randn(64, 2, generator=rng), torch.randn(500, 2, generator=rng)
    target = torch.randint(0, 500, (64,), generator=rng)
    sizes = []
    for loss, options in [(lossbook.linear_cross_entropy, {"chunk": 8}), (whole, {})]:
        with Largest() as seen:
            value_and_slopes(loss, features, weight, target, reduction=reduction, **options)
        sizes.append(seen.elements)
    assert sizes == [8 * 500, 64 * 500]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_half_precision_is_computed_and_returned_in_float32(reduction, dtype):
    features, weight, target = problem(dtype=torch.float32, scale=30)
    features, weight = features.to(dtype), weight.to(dtype)
    found = value_and_slopes(lossbook.linear_cross_entropy, features, weight, target, chunk=4, reduction=reduction)
    expected = value_and_slopes(whole, features.float(), weight.float(), target, reduction=reduction)
    assert (found[0].dtype, found[1].dtype, found[2].dtype) == (torch.float32, dtype, dtype)
    assert_close(found[0], expected[0])
    for a, b in zip(found[1:], expected[1:], strict=True):
        assert_close(a, b.to(dtype))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_autocast_does_not_touch_the_digits(reduction):
    features, weight, target = problem(dtype=torch.float32)
    def autocast(*inputs, **options):  # the backward pass belongs outside
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return lossbook.linear_cross_entropy(*inputs, **options)

    found, expected = (value_and_slopes(loss, features, weight, target, reduction=reduction)
                       for loss in (autocast, lossbook.linear_cross_entropy))
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)


@precisions
def test_z_loss_is_its_formula_however_large_the_logits(dtype):
    rows = [[0.3, -1.2, 0.7], [5.0, -3.0, 2.0], [80.0, 1.0, 79.0], [-90.0, -91.0, -104.0], [1e4, 9999.5, 0.3],
            [-1e4, 0.37, -20.0], [-1.0, -1.25, -1.0625], [1e-3, -1e3, -1e3]]

    def formula(z):
        return (max(z) + mp.log(sum(mp.exp(value - max(z)) for value in z))) ** 2

    compare(lossbook.z_loss, formula, [torch.tensor(rows, dtype=dtype)], PROMISE[dtype])


def test_z_loss_is_0_where_the_logits_are_log_probabilities_and_grows_as_they_drift():
    log_probs = torch.tensor([[0.25, 0.75]]).double().log()
    for drift in (0.0, 3.0, -2.0):
        assert_close(lossbook.z_loss(log_probs + drift).item(), drift**2)
    z = leaf([[0.3, -1.0, 2.0]])
    (slope,) = torch.autograd.grad(lossbook.z_loss(z), z)
    assert_close(slope, 2 * z.detach().logsumexp(1) * z.detach().softmax(1))


def test_z_loss_is_reduced_over_examples_and_positions():
    z = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    each = lossbook.z_loss(z, reduction="none")
    assert each.shape == (2, 5)
    assert_close(each[1, 4], lossbook.z_loss(z[1:, :, 4]))
    assert_close(lossbook.z_loss(z), each.sum() / 10)
    assert_close(lossbook.z_loss(z, reduction="sum"), each.sum())
    assert lossbook.z_loss(z[:0]) == 0
    assert lossbook.z_loss(z.half()).dtype == torch.float32
    assert_close(lossbook.z_loss(torch.tensor([[0.5, -torch.inf]])).item(), 0.25)  # a class that is masked


def test_z_loss_passes_gradcheck_twice():
    z = leaf([[0.3, -1.0, 2.0], [1.5, 0.0, 0.25]])
    assert torch.autograd.gradcheck(lossbook.z_loss, z) is True
    assert torch.autograd.gradgradcheck(lossbook.z_loss, z) is True


X, W, Y = torch.zeros(2, 3), torch.zeros(5, 3), torch.tensor([4, 0])
call = functools.partial(lossbook.linear_cross_entropy, X)
BAD = [
    (lambda: lossbook.linear_cross_entropy(X.tolist(), W, Y), TypeError, r"features must be a torch.Tensor, got list"),
    (lambda: lossbook.linear_cross_entropy(X.long(), W, Y), TypeError, r"features must have a floating dtype"),
    (lambda: lossbook.linear_cross_entropy(X[0], W, Y), ValueError,
     r"features and weight must have shapes \(N, D\) and \(K, D\) .* got \(3,\) and \(5, 3\)"),
    (lambda: call(W.T, Y), ValueError, r"features and weight must .* got \(2, 3\) and \(3, 5\)"),
    (lambda: call(W[:1], Y * 0), ValueError, r"K of at least 2, got \(2, 3\) and \(1, 3\)"),
    (lambda: call(W[0], Y), ValueError, r"features and weight must"),
    (lambda: call(W.long(), Y), TypeError, r"weight must have a floating dtype"),
    (lambda: call(W, Y.float()), TypeError, r"target must hold integer class indices, got torch.float32"),
    (lambda: call(W, Y[:1]), ValueError, r"target must have shape \(2,\).* got \(1,\)"),
    (lambda: call(W, Y + 1), ValueError, r"every target must be a class from 0 to 4 or ignore_index -100, got 5"),
    (lambda: call(W, Y, chunk=0), ValueError, r"chunk must be in \[1, inf\), got 0"),
    (lambda: call(W, Y, chunk=2.0), TypeError, r"chunk must be an integer, got float"),
    (lambda: call(W, Y, chunk=True), TypeError, r"chunk must be an? .*got"),
    (lambda: call(W, Y, ignore_index=1.0), TypeError, r"ignore_index must be an integer, got float"),
    (lambda: call(W, Y, reduction="average"), ValueError, r"reduction must be"),
    (lambda: lossbook.z_loss(X[0]), ValueError, r"logits must have shape \(N, K\)"),
    (lambda: lossbook.z_loss(X[:, :1]), ValueError, r"K of at least 2"),
    (lambda: lossbook.z_loss(X.long()), TypeError, r"logits must have a floating dtype"),
    (lambda: lossbook.z_loss(X, reduction="max"), ValueError, r"reduction must be"),
]


@refusals(BAD)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
