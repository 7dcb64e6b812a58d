"""The losses for ranking: exact values and gradients, what they ask for, and what they refuse."""

import functools
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import references
import references_ranking
import torch
from hypothesis import given
from mpmath import mpf
from sklearn.metrics import ndcg_score
from torch.nn import functional as F
from torch.testing import assert_close

import lossbook


@dataclass(frozen=True)
class Case:
    """A loss, its options, the formula for one pair or list, and what it takes."""

    name: str
    loss: Any
    reference: Any
    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *inputs, **more):
        return self.loss(*inputs, **self.options, **more)


CASES = [
    Case("margin ranking", lossbook.margin_ranking_loss, references_ranking.margin_ranking, "signs"),
    Case("margin ranking margin", lossbook.margin_ranking_loss, references_ranking.margin_ranking, "signs",
         {"margin": 1.3}),
    Case("RankNet", lossbook.pairwise_logistic_loss, references_ranking.pairwise, "lists"),
    Case("LambdaRank", lossbook.pairwise_logistic_loss, references_ranking.pairwise, "lists", {"weight": "ndcg"}),
    Case("ListNet", lossbook.list_net_loss, references_ranking.list_net, "lists"),
    Case("ListMLE", lossbook.list_mle_loss, references_ranking.list_mle, "lists"),
    Case("preference", lossbook.preference_loss, references_ranking.preference, "pairs"),
    Case("DPO", lossbook.dpo_loss, references_ranking.dpo, "answers"),
    Case("DPO beta", lossbook.dpo_loss, references_ranking.dpo, "answers", {"beta": 1.5}),
]
DETACHED = {"answers": 2}  # how many of the last tensors get no gradient

SIZES = [0, 1e-6, 0.1, 0.7, 3, 17.5, 90, 104, 1e3, 1e4]
LINE = [sign * size for size in SIZES for sign in (-1, 1)]
LISTS = [
    ([0.3, -1.2, 0.7, 0.1], [2, 0, 1, 3]), ([0.3, -1.2, 0.7, 0.1], [0, 1, 1, 0]), ([0.5, 0.5, 0.5, 0.5], [1, 4, 0, 2]),
    ([1, 0.5, 0.5, -3], [0, 2, 0, 2]), ([1e-6, 0, -1e-6, 3e-6], [0, 1, 2, 0]), ([20, -20, 16.5, 0], [3, 0, 1, 0]),
    ([90, 0, -90, 104], [0, 1, 2, 5]), ([1e3, -1e3, 1e3 + 0.25, 7], [1, 0, 2, 2]), ([1e4, 1e4, 1e4, 1e4], [0, 0, 1, 2]),
    ([1e4, 9999.5, 0.25, 0], [1, 2, 0, 3]), ([-1e4, 0.375, 1e4, -9999.25], [4, 3, 0, 1]),
    ([0, -9999.5, -1e4, -9999], [3, 1, 0, 2]), ([5, 4, 3, 2], [3, 2, 1, 0]), ([40, 20.5, 0, -19], [7, 2, 1, 0]),
    ([1.5, -0.5, 2, 0.25], [2, 2, 2, 2]), ([1.5, -0.5, 2, 0.25], [0, 0, 0, 0]),
]


def cases(*kinds):
    return pytest.mark.parametrize("case", [case for case in CASES if case.kind in kinds], ids=lambda case: case.name)


every_case = cases("signs", "lists", "pairs", "answers")
list_case = cases("lists")
precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@functools.cache
def grid(kind, dtype):
    """Return the tensors of floats that a kind of loss is checked on, ordinary and extreme, and what goes with them."""
    if kind == "lists":
        scores, grades = zip(*LISTS, strict=True)
        return (torch.tensor(scores, dtype=dtype),), torch.tensor(grades)
    a = torch.tensor(LINE, dtype=dtype).repeat_interleave(3)
    b = torch.tensor([0, 0.75, -250], dtype=dtype).repeat(len(LINE))
    if kind == "answers":
        return (a, b, torch.full_like(a, -3.25), torch.full_like(a, 0.5)), None
    if kind == "pairs":
        return (a, b), None
    return (torch.cat([a, a]), torch.cat([b, b])), torch.tensor([1, -1]).repeat_interleave(len(a))


def ordinary(kind, n=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    if kind == "lists":
        return (torch.randn(n, 6, generator=generator, dtype=dtype),), torch.randint(0, 4, (n, 6), generator=generator)
    count = {"signs": 2, "pairs": 2, "answers": 4}[kind]
    floats = tuple(torch.randn(count, n, generator=generator, dtype=dtype))
    return floats, 1 - 2 * (torch.arange(n) % 2) if kind == "signs" else None


def joined(floats, rest):
    return floats if rest is None else (*floats, rest)


def value_and_slopes(case, floats, rest, **more):
    floats = [tensor.clone().requires_grad_() for tensor in floats]
    value = case(*joined(floats, rest), **more)
    value.sum().backward()
    return value.detach(), [tensor.grad for tensor in floats]


def exact(name, dtype):
    """Return the values and the gradients of the named case over its grid, in float64, worked out once."""
    if (name, dtype) not in references.KNOWN:
        references.KNOWN[name, dtype] = work_out(name, dtype)
    return references.KNOWN[name, dtype]


def work_out(name, dtype):
    case = next(case for case in CASES if case.name == name)
    floats, rest = grid(case.kind, dtype)
    rows = floats[0].tolist() if case.kind == "lists" else torch.stack(floats, 1).tolist()
    others = [None] * len(rows) if rest is None else rest.tolist()
    values, slopes = [], []
    for row, other in zip(rows, others, strict=True):
        numbers, held = [mpf(x) for x in row], {"at": row} if "weight" in case.options else {}
        one = functools.partial(case.reference, **case.options, **held)
        values.append(float(one(numbers, other)))
        slopes.append([float(slope) for slope in references.gradient(lambda z, y=other, f=one: f(z, y), numbers)])
    slopes = torch.tensor(slopes, dtype=torch.float64)
    return torch.tensor(values, dtype=torch.float64), [slopes] if case.kind == "lists" else list(slopes.T)


@precisions
@every_case
def test_value_and_gradient_are_those_of_the_formula(case, dtype):
    value, slopes = value_and_slopes(case, *grid(case.kind, dtype), reduction="none")
    expected, expected_slopes = exact(case.name, dtype)
    close = {"rtol": 1e-5, "atol": 1e-7} if dtype == torch.float32 else {"rtol": 1e-11, "atol": 1e-14}
    at_kink = case.kind == "signs" and case.options == {}  # equal scores: the reference takes half the slope
    assert_close(value.double(), expected, **close)
    for k, (slope, wanted) in enumerate(zip(slopes, expected_slopes, strict=True)):
        if k >= len(slopes) - DETACHED.get(case.kind, 0):
            assert slope is None
            continue
        keep = (grid(case.kind, dtype)[0][0] != grid(case.kind, dtype)[0][1]) if at_kink else slice(None)
        assert_close(slope[keep].double(), wanted[keep], **close)


@pytest.mark.parametrize("name", ["preference", "DPO", "RankNet", "ListMLE"])
def test_a_loss_that_is_small_keeps_its_digits(name):
    case = next(case for case in CASES if case.name == name)
    value, slopes = value_and_slopes(case, *grid(case.kind, torch.float32), reduction="none")
    expected, expected_slopes = exact(name, torch.float32)
    small = (expected > 1e-37) & (expected < 1e-6)
    assert small.any()
    assert_close(value[small].double(), expected[small], rtol=1e-5, atol=0)
    assert_close(slopes[0][small].double(), expected_slopes[0][small], rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_case
def test_half_precision_is_computed_and_returned_in_float32(case, dtype):
    floats, rest = ordinary(case.kind)
    floats = [tensor.to(dtype) for tensor in floats]
    value, slopes = value_and_slopes(case, floats, rest, reduction="none")
    wide, wide_slopes = value_and_slopes(case, [tensor.float() for tensor in floats], rest, reduction="none")
    assert_close(value, wide, rtol=0, atol=0)
    for slope, wide_slope in zip(slopes, wide_slopes, strict=True):
        if wide_slope is not None:
            assert_close(slope, wide_slope.to(dtype), rtol=0, atol=0)


@every_case
def test_gradient_passes_gradcheck_twice(case):
    floats, rest = ordinary(case.kind)
    free = len(floats) - DETACHED.get(case.kind, 0)

    def loss(*some):
        return case(*joined((*some, *floats[free:]), rest))

    some = [tensor.clone().requires_grad_() for tensor in floats[:free]]
    assert torch.autograd.gradcheck(loss, some) is True
    assert torch.autograd.gradgradcheck(loss, some) is True


@every_case
def test_sum_and_mean_reduce_what_none_returns(case):
    inputs = joined(*ordinary(case.kind))
    each = case(*inputs, reduction="none")
    assert each.shape == (5,)
    assert_close(case(*inputs, reduction="sum"), each.sum())
    assert_close(case(*inputs, reduction="mean"), each.mean())
    assert_close(case(*inputs), each.mean())
    with pytest.raises(ValueError, match="""reduction must be "none", "mean" or "sum", got 'average'"""):
        case(*inputs, reduction="average")


@every_case
def test_a_batch_without_examples_costs_nothing(case):
    value, slopes = value_and_slopes(case, *ordinary(case.kind, n=0))
    assert value == 0
    assert slopes[0].numel() == 0


@every_case
def test_only_differences_of_scores_count(case):
    floats, rest = ordinary(case.kind)
    shifted = [tensor + 2.5 for tensor in floats]
    assert_close(case(*joined(shifted, rest)), case(*joined(floats, rest)))


@every_case
def test_strided_inputs_give_the_same(case):
    inputs = joined(*ordinary(case.kind))
    strided = [torch.stack([tensor, tensor], dim=-1)[..., 0] for tensor in inputs]
    assert not strided[0].is_contiguous()
    assert_close(case(*strided), case(*inputs))


# Lists.


@list_case
def test_a_list_whose_grades_are_all_equal_is_left_out(case):
    (scores,), grades = ordinary("lists")
    some = case(scores, grades)
    for bad in (0.0, math.nan, math.inf):
        more = torch.cat([scores, torch.full((2, 6), bad, dtype=torch.float64)]).requires_grad_()
        value = case(more, torch.cat([grades, torch.tensor([[0] * 6, [3] * 6])]))
        assert_close(value, some)
        assert_close(torch.autograd.grad(value, more)[0][5:], torch.zeros(2, 6).double(), rtol=0, atol=0)
    alone = torch.randn(3, 1, requires_grad=True)
    assert case(alone, torch.ones(3, 1)) == 0
    assert case(alone, torch.ones(3, 1), reduction="none").shape == (3,)


@list_case
def test_items_may_stand_in_any_order_if_no_two_are_alike(case):
    scores = torch.tensor([[0.3, -1.2, 0.7, 0.1, 2.0]])
    grades = torch.tensor([[2, 0, 1, 4, 3]])
    order = torch.tensor([3, 0, 4, 1, 2])
    assert_close(case(scores[:, order], grades[:, order]), case(scores, grades))


@list_case
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.uint16, torch.float16, torch.float64],
                         ids=str)
def test_grades_may_be_of_any_real_type(case, dtype):
    (scores,), grades = ordinary("lists", dtype=torch.float32)
    assert_close(case(scores, grades.to(dtype)), case(scores, grades))
    assert_close(case(scores, (grades > 1)), case(scores, (grades > 1).long()))


def test_grades_keep_the_digits_that_tell_them_apart():
    grades = torch.tensor([[2**40 + 1, 2**40]])
    scores = torch.tensor([[0.2, 0.5]])
    expected = torch.tensor(math.log(1 + math.exp(0.3)))
    assert_close(lossbook.pairwise_logistic_loss(scores, grades), expected)
    assert_close(lossbook.list_mle_loss(scores, grades), expected)
    assert_close(lossbook.list_mle_loss(scores, grades.double()), expected)


def test_two_items_make_a_logistic_loss():
    scores, grades = torch.tensor([[0.3, 1.1], [2.0, -1.0]]), torch.tensor([[2, 0], [0, 1]])
    difference = torch.tensor([0.3 - 1.1, -1 - 2.0])
    expected = lossbook.preference_loss(difference, torch.zeros(2), reduction="none")
    assert_close(lossbook.pairwise_logistic_loss(scores, grades, reduction="none"), expected)
    assert_close(lossbook.list_mle_loss(scores, grades, reduction="none"), expected)
    share = (grades[:, 0] - grades[:, 1]).double().sigmoid().float()
    logistic = lossbook.binary_cross_entropy_with_logits(scores[:, 0] - scores[:, 1], share, reduction="none")
    assert_close(lossbook.list_net_loss(scores, grades, reduction="none"), logistic)


def test_untrained_values_are_those_of_equal_scores():
    scores, grades = torch.zeros(1, 4), torch.tensor([[3, 1, 1, 0]])
    assert_close(lossbook.pairwise_logistic_loss(scores, grades), torch.tensor(5 * math.log(2)))  # 6 pairs, one tied
    assert_close(lossbook.list_net_loss(scores, grades), torch.tensor(math.log(4)))
    assert_close(lossbook.list_mle_loss(scores, grades), torch.tensor(math.log(4 * 3 * 2)))


def test_ranknet_gradient_is_that_of_the_docstring():
    scores = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    lossbook.pairwise_logistic_loss(scores, torch.tensor([[2, 1, 0]])).backward()
    s = scores.detach()[0]
    first, second, third = (s[1] - s[0]).sigmoid(), (s[2] - s[0]).sigmoid(), (s[2] - s[1]).sigmoid()
    assert_close(scores.grad[0], torch.stack([-first - second, first - third, second + third]))


def test_lambda_weights_are_the_changes_of_ndcg():
    scores, grades = torch.tensor([[0.2, 0.9, 0.5]]), torch.tensor([[2, 0, 1]])
    gain, discount = [3, 0, 1], [1 / math.log2(4), 1 / math.log2(2), 1 / math.log2(3)]
    best = 3 / math.log2(2) + 1 / math.log2(3)
    expected = 0.0
    for i, j in ((0, 1), (0, 2), (2, 1)):
        weight = abs(gain[i] - gain[j]) * abs(discount[i] - discount[j]) / best
        expected += weight * math.log(1 + math.exp(scores[0, j] - scores[0, i]))
    assert_close(lossbook.pairwise_logistic_loss(scores, grades, weight="ndcg"), torch.tensor(expected))


def test_lambda_weights_are_the_changes_of_the_ndcg_that_the_chapters_measure():
    (scores,), grades = ordinary("lists", n=1)
    gains = 2.0**grades - 1
    before = ndcg_score(gains, scores)
    expected = 0.0
    for i, j in itertools.permutations(range(6), 2):
        if grades[0, i] > grades[0, j]:
            swapped = scores.clone()
            swapped[0, [i, j]] = scores[0, [j, i]]
            expected += abs(ndcg_score(gains, swapped) - before) * math.log1p(math.exp(scores[0, j] - scores[0, i]))
    assert lossbook.pairwise_logistic_loss(scores, grades, weight="ndcg").item() == pytest.approx(expected)


def test_the_ndcg_of_scikit_learn_is_the_mean_over_the_orders_of_equal_scores():
    grades, scores = [[3.0, 0, 1, 2]], [[0.5, 0.5, 0.9, 0.5]]
    untied = [[[s + order[i] * 1e-6 for i, s in enumerate(scores[0])]] for order in itertools.permutations(range(4))]
    for k in (2, None):
        each = [ndcg_score(grades, order, k=k) for order in untied]
        assert ndcg_score(grades, scores, k=k) == pytest.approx(sum(each) / len(each))


def test_lambda_weights_are_held_constant():
    scores = torch.tensor([[0.2, 0.9]], requires_grad=True)
    lossbook.pairwise_logistic_loss(scores, torch.tensor([[1, 0]]), weight="ndcg").backward()
    weight = (1 / math.log2(2) - 1 / math.log2(3)) / 1
    assert_close(scores.grad, weight * torch.tensor([[-1.0, 1.0]]) / (1 + math.exp(0.2 - 0.9)))


@pytest.mark.parametrize("grade", [200, 2000])
def test_lambda_weights_of_large_grades_are_finite(grade):
    found = lossbook.pairwise_logistic_loss(torch.zeros(1, 2), torch.tensor([[grade, 0]]), weight="ndcg")
    assert_close(found, torch.tensor((1 - 1 / math.log2(3)) * math.log(2)))


def test_lambda_weights_of_small_grades_are_exact():
    weigh = functools.partial(lossbook.pairwise_logistic_loss, weight="ndcg")
    found = weigh(torch.zeros(1, 3), torch.tensor([[3e-6, 0, 1e-6]]))
    gain, discount = [3, 0, 1], [1, 1 / math.log2(3), 1 / 2]  # 2^r - 1 is r ln 2 there
    changes = [abs(gain[i] - gain[j]) * abs(discount[i] - discount[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert_close(found, torch.tensor(sum(changes) / (3 + 1 / math.log2(3)) * math.log(2)))


def test_list_net_is_least_at_the_grades_plus_any_number():
    grades = torch.tensor([[2.0, 0.0, 1.0, 3.0]], dtype=torch.float64)
    scores = (grades - 7).requires_grad_()
    value = lossbook.list_net_loss(scores, grades)
    value.backward()
    q = grades.softmax(1)
    assert_close(value, -(q * q.log()).sum())
    assert_close(scores.grad, torch.zeros(1, 4).double(), rtol=0, atol=1e-15)


def test_list_mle_probabilities_of_all_orders_sum_to_1():
    scores = torch.tensor([0.3, -1.2, 0.7, 0.1], dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(4))))
    each = lossbook.list_mle_loss(scores.expand(24, 4), orders, reduction="none")
    assert_close((-each).exp().sum(), torch.tensor(1.0).double())


def test_list_mle_is_least_at_the_true_probabilities_of_the_orders():
    true = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    probability = (-lossbook.list_mle_loss(true.expand(6, 3), orders, reduction="none")).exp()
    scores = true.clone().requires_grad_()
    (probability * lossbook.list_mle_loss(scores.expand(6, 3), orders, reduction="none")).sum().backward()
    assert_close(scores.grad, torch.zeros(3).double(), rtol=0, atol=1e-15)


def test_list_mle_learns_the_order_of_the_input_where_grades_are_tied():
    scores = torch.tensor([[0.5, 2.0, -1.0]])
    assert_close(lossbook.list_mle_loss(scores, torch.tensor([[1, 1, 0]])),
                 lossbook.list_mle_loss(scores, torch.tensor([[2, 1, 0]])))


def test_pairwise_losses_do_not_see_pairs_of_one_grade():
    scores = torch.tensor([[0.5, 2.0, -1.0]], requires_grad=True)
    lossbook.pairwise_logistic_loss(scores, torch.tensor([[1, 1, 0]])).backward()
    assert_close(scores.grad[0], torch.tensor([-1, -1, 0]) / (1 + torch.tensor([1.5, 3.0, 0.0]).exp())
                 + torch.tensor([0, 0, 1]) * (1 / (1 + math.exp(1.5)) + 1 / (1 + math.exp(3))))


@hypothesis.settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3)), min_size=2, max_size=5))
def test_any_list_costs_what_the_formula_says(items):
    scores, grades = [score / 2 for score, _ in items], [grade for _, grade in items]
    for case in CASES:
        if case.kind == "lists" and len(set(grades)) > 1:
            found = case(torch.tensor([scores], dtype=torch.float64), torch.tensor([grades]))
            expected = float(case.reference([mpf(score) for score in scores], grades, **case.options))
            assert found.item() == pytest.approx(expected, rel=1e-12)


# Pairs.


def test_margin_ranking_elicits_an_order_and_no_more():
    a, b, y = torch.tensor([3.0, 0.1, 1.0]), torch.tensor([1.0, 0.2, 1.0]), torch.tensor([1, -1, 1])
    assert lossbook.margin_ranking_loss(a, b, y) == 0
    assert lossbook.margin_ranking_loss(a, b, y, margin=0.5).item() == pytest.approx((0 + 0.4 + 0.5) / 3)


def test_margin_ranking_is_torchs():
    (a, b), y = ordinary("signs")
    assert_close(lossbook.margin_ranking_loss(a, b, y, margin=0.4), F.margin_ranking_loss(a, b, y, margin=0.4))


def test_pairs_may_have_any_shape():
    for shape in ((), (2, 3)):
        a, b = torch.randn(shape), torch.randn(shape)
        assert lossbook.preference_loss(a, b, reduction="none").shape == shape
        assert lossbook.margin_ranking_loss(a, b, torch.ones(shape), reduction="none").shape == shape
        assert lossbook.dpo_loss(a, b, b, a, reduction="none").shape == shape


def test_preference_elicits_the_log_odds_of_being_chosen():
    gap = torch.tensor(math.log(0.8 / 0.2), requires_grad=True)
    first, second = gap.expand(10), torch.zeros(10)
    wins = torch.arange(10) < 8
    lossbook.preference_loss(torch.where(wins, first, second), torch.where(wins, second, first)).backward()
    assert gap.grad.item() == pytest.approx(0, abs=1e-7)


def test_dpo_is_the_preference_loss_of_what_was_gained_on_the_reference():
    (a, b, c, d), _ = ordinary("answers")
    assert_close(lossbook.dpo_loss(a, b, c, d, beta=0.4), lossbook.preference_loss(0.4 * (a - c), 0.4 * (b - d)))


def test_dpo_starts_at_log_2_and_its_reference_has_no_gradient():
    floats = [torch.tensor([-20.0, -35.0], requires_grad=True) for _ in range(4)]
    value = lossbook.dpo_loss(*floats)
    value.backward()
    assert_close(value, torch.tensor(math.log(2)))
    assert_close(floats[0].grad, torch.full((2,), -0.1 / 2 / 2))
    assert_close(floats[1].grad, torch.full((2,), 0.1 / 2 / 2))
    assert floats[2].grad is floats[3].grad is None


def test_dpo_is_least_at_the_reference_tilted_by_the_rewards():
    reward, beta = torch.tensor([1.0, 0.2, -0.5, 0.7], dtype=torch.float64), 0.3
    reference = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64).log()
    best = (reference + reward / beta).log_softmax(0).requires_grad_()
    i, j = torch.tensor(list(itertools.permutations(range(4), 2))).T
    often = (reward[i] - reward[j]).sigmoid()  # how often i is preferred
    each = lossbook.dpo_loss(best[i], best[j], reference[i], reference[j], beta=beta, reduction="none")
    (often * each).sum().backward()
    assert_close(best.grad, torch.zeros(4).double(), rtol=0, atol=1e-15)


def test_dpo_does_not_see_whether_both_answers_fall():
    start = torch.tensor([-20.0]), torch.tensor([-30.0])
    up = lossbook.dpo_loss(torch.tensor([-19.0]), torch.tensor([-33.0]), *start)
    down = lossbook.dpo_loss(torch.tensor([-26.0]), torch.tensor([-40.0]), *start)
    assert_close(up, down)


# What they refuse.

S, R = torch.tensor([[0.3, -1.2, 0.7], [1.0, 0.0, 2.0]]), torch.tensor([[1, 0, 2], [0, 0, 1]])
A = torch.tensor([0.5, -0.5])


@pytest.mark.parametrize("loss", [lossbook.pairwise_logistic_loss, lossbook.list_net_loss, lossbook.list_mle_loss])
def test_lists_are_checked(loss):
    with pytest.raises(TypeError, match=r"scores must be a torch\.Tensor, got list"):
        loss(S.tolist(), R)
    with pytest.raises(TypeError, match=r"scores must have a floating dtype, got torch\.int64"):
        loss(R, R)
    with pytest.raises(TypeError, match=r"relevance must be a torch\.Tensor, got list"):
        loss(S, R.tolist())
    with pytest.raises(TypeError, match=r"relevance must hold real numbers, got torch\.complex64"):
        loss(S, R.cfloat())
    for bad in (S[0], S[None], torch.zeros(2, 0), torch.tensor(1.0)):
        with pytest.raises(ValueError, match=r"scores must have shape \(N, L\) with L of at least 1, got \("):
            loss(bad, torch.zeros(bad.shape))
    for bad in (R[:1], R[:, :1], R[0]):
        with pytest.raises(ValueError, match=r"relevance must have the shape of scores \(2, 3\), got \("):
            loss(S, bad)
    for bad in (-1, math.nan, math.inf):
        grades = R.double()
        grades[1, 0] = bad
        with pytest.raises(ValueError, match=f"every grade in relevance must be finite and at least 0, got {bad}"):
            loss(S, grades)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: lossbook.pairwise_logistic_loss(S, R, weight="NDCG"), ValueError,
     """weight must be None or "ndcg", got 'NDCG'"""),
    (lambda: lossbook.pairwise_logistic_loss(S, R, weight=R.numpy()), ValueError,
     'weight must be None or "ndcg", got array'),
    (lambda: lossbook.margin_ranking_loss(A.tolist(), A, A), TypeError, r"input1 must be a torch\.Tensor, got list"),
    (lambda: lossbook.margin_ranking_loss(A, A.long(), A), TypeError, "input2 must have a floating dtype"),
    (lambda: lossbook.margin_ranking_loss(A, A[:, None], A), ValueError,
     r"input2 must have the shape of input1 \(2,\), got \(2, 1\)"),
    (lambda: lossbook.margin_ranking_loss(A, A, A[:1]), ValueError,
     r"target must have the shape of input1 \(2,\), got \(1,\)"),
    (lambda: lossbook.margin_ranking_loss(A, A, [1, 1]), TypeError, r"target must be a torch\.Tensor, got list"),
    (lambda: lossbook.margin_ranking_loss(A, A, A.cfloat()), TypeError,
     r"target must hold real numbers, got torch\.complex64"),
    (lambda: lossbook.margin_ranking_loss(A, A, torch.tensor([1, 0])), ValueError,
     "every target must be 1 or -1, got 0 in row 1"),
    (lambda: lossbook.margin_ranking_loss(A, A, torch.tensor([-3.0, 1])), ValueError,
     r"every target must be 1 or -1, got -3\.0 in row 0"),
    (lambda: lossbook.margin_ranking_loss(A[0], A[0], torch.tensor(3)), ValueError,
     "every target must be 1 or -1, got 3$"),
    (lambda: lossbook.margin_ranking_loss(A, A, torch.tensor([True, False])), ValueError,
     "every target must be 1 or -1, got False in row 1"),
    (lambda: lossbook.margin_ranking_loss(A, A, torch.tensor([math.nan, 1])), ValueError, "got nan in row 0"),
    (lambda: lossbook.margin_ranking_loss(A, A, A.sign(), margin=-0.1), ValueError,
     r"margin must be in \[0, inf\), got -0\.1"),
    (lambda: lossbook.preference_loss([1.0], A), TypeError, r"chosen must be a torch\.Tensor, got list"),
    (lambda: lossbook.preference_loss(A, A.long()), TypeError, "rejected must have a floating dtype"),
    (lambda: lossbook.preference_loss(A, A[:1]), ValueError,
     r"rejected must have the shape of chosen \(2,\), got \(1,\)"),
    (lambda: lossbook.dpo_loss(A, A, A, A[:1]), ValueError,
     r"ref_rejected must have the shape of chosen \(2,\), got \(1,\)"),
    (lambda: lossbook.dpo_loss(A, A, A[0], A), ValueError,
     r"ref_chosen must have the shape of chosen \(2,\), got \(\)"),
    (lambda: lossbook.dpo_loss(A, A[:1], A, A), ValueError,
     r"rejected must have the shape of chosen \(2,\), got \(1,\)"),
    (lambda: lossbook.dpo_loss(A, A, A.tolist(), A), TypeError, r"ref_chosen must be a torch\.Tensor, got list"),
    (lambda: lossbook.dpo_loss(A, A, A, A.long()), TypeError, "ref_rejected must have a floating dtype"),
    (lambda: lossbook.dpo_loss(A.long(), A, A, A), TypeError, "chosen must have a floating dtype"),
    (lambda: lossbook.dpo_loss(A, None, A, A), TypeError, r"rejected must be a torch\.Tensor, got NoneType"),
    (lambda: lossbook.dpo_loss(A, A, A, A, beta=0), ValueError, r"beta must be in \(0, inf\), got 0"),
    (lambda: lossbook.dpo_loss(A, A, A, A, beta="0.1"), TypeError, "beta must be a number, got str"),
])
def test_other_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call()
