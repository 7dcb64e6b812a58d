"""The losses of reinforcement learning against their formulas, what they mean on small problems, what they refuse."""

import functools
import math

import pytest
import references
import torch
from compare import PROMISE, TIGHT, compare, leaf, precisions, refusals
from mpmath import mp, mpf
from torch.testing import assert_close

import lossbook
from lossbook.scenes import cliff_walk

ROWS = [
    [0.3, -1.2, 0.7], [0, 0, 0], [1e-6, 0, -1e-6], [5, -3, 2], [16.6, 0.1, -17], [30, 29.5, 0.25], [80, 1, 79],
    [90, 0, -90], [104, 103.9, 1], [1e3, -1e3, 1e3 + 0.25], [1e4, 9999.5, 0.3], [-1e4, 0.37, 1e4],
]


def policy_gradient(z, action, advantage):
    return -advantage[0] * references.log_softmax(z)[int(action[0])]


def entropy(z):
    return -sum(p * q for p, q in zip(references.softmax(z), references.log_softmax(z), strict=True))


def q_learning(q, action, reward, discount, next_q, *, delta=None):
    e = q[int(action[0])] - (reward[0] + discount[0] * max(next_q))
    return e**2 if delta is None else references.huber([e], 0, delta=delta)


def ppo(log_prob, old, advantage, *, clip):
    ratio = mp.exp(log_prob[0] - old[0])
    held = min(max(ratio, 1 - mpf(clip)), 1 + mpf(clip))
    return -min(ratio * advantage[0], held * advantage[0])


def grid(dtype):
    """Return logits, actions and advantages: every row with every action."""
    logits = torch.tensor(ROWS, dtype=dtype).repeat_interleave(3, 0)
    actions = torch.arange(len(logits)) % 3
    advantages = torch.tensor([1.0, -2.5, 0.3, 0.0, 40.0], dtype=dtype).repeat(len(logits))[: len(logits)]
    return logits, actions, advantages


@precisions
def test_policy_gradient_loss_is_its_formula_however_sure_the_policy(dtype):
    logits, *constants = grid(dtype)
    compare(lossbook.policy_gradient_loss, policy_gradient, [logits], TIGHT[dtype], constants)


@precisions
def test_entropy_bonus_is_its_formula_however_sure_the_policy(dtype):
    compare(lossbook.entropy_bonus, entropy, [torch.tensor(ROWS, dtype=dtype)], PROMISE[dtype])


@precisions
@pytest.mark.parametrize("delta", [None, 1.0, 2.5], ids=str)
def test_q_learning_error_is_its_formula_squared_or_hubers(delta, dtype):
    q = torch.tensor([[1.0, 5.0, -2.0], [0.3, 0.25, 1e3], [7.0, -1e3, 0.0], [2.0, 3.0, 1.0]], dtype=dtype)
    action, reward = torch.tensor([0, 2, 1, 1]), torch.tensor([-1.0, 3.5, 0.25, 0.0], dtype=dtype)
    discount = torch.tensor([0.9, 0.0, 1.0, 0.5], dtype=dtype)
    next_q = torch.tensor([[0.5, 2.0, -7.0], [9.0, 8.0, 9.5], [-3.0, -2.0, -4.0], [1.0, 0.0, 6.0]], dtype=dtype)
    loss = functools.partial(lossbook.q_learning_error, delta=delta)
    compare(loss, functools.partial(q_learning, delta=delta), [q], PROMISE[dtype], [action, reward, discount, next_q])


LOG_RATIOS = [0.0, 0.05, -0.05, 0.3, -0.3, 3.0, -3.0, 60.0, -60.0, 87.0, -87.0]


@precisions
@pytest.mark.parametrize("clip", [0.2, 0.6], ids=str)
def test_ppo_loss_is_its_formula_on_all_four_sides(clip, dtype):
    old = torch.linspace(-3, 0, len(LOG_RATIOS), dtype=dtype).repeat(5)
    log_probs = (torch.tensor(LOG_RATIOS, dtype=dtype).repeat(5) + old)
    advantages = torch.tensor([2.0, -2.0, 0.0, -0.3, 0.5], dtype=dtype).repeat_interleave(len(LOG_RATIOS))
    compare(functools.partial(lossbook.ppo_loss, clip=clip), functools.partial(ppo, clip=clip), [log_probs],
            TIGHT[dtype], [old, advantages])


@pytest.mark.parametrize("log_ratio", [89.0, 1e4, 1e30], ids=str)
def test_ppo_is_finite_where_it_is_cut_off_however_large_the_ratio(log_ratio):
    log_probs = torch.tensor([log_ratio, -log_ratio, log_ratio], requires_grad=True)
    loss = lossbook.ppo_loss(log_probs, torch.zeros(3), torch.tensor([2.0, -2.0, 0.0]), clip=0.2, reduction="sum")
    assert_close(loss, torch.tensor(-2 * 1.2 + 2 * 0.8))
    assert torch.autograd.grad(loss, log_probs)[0].tolist() == [0, 0, 0]


def test_ppo_pulls_back_what_has_gone_the_wrong_way():
    log_probs = leaf([math.log(1.5), math.log(1.5), math.log(0.5), math.log(0.5)])
    advantages = torch.tensor([2.0, -2.0, 2.0, -2.0]).double()
    loss = lossbook.ppo_loss(log_probs, torch.zeros(4).double(), advantages, reduction="none")
    assert_close(loss.detach(), torch.tensor([-2.4, 3.0, -1.0, 1.6]).double())
    slope = torch.autograd.grad(loss.sum(), log_probs)[0]
    assert_close(slope, torch.tensor([0.0, 3.0, -1.0, 0.0]).double())  # -A r, or 0


def test_ppo_at_ratio_1_has_the_policy_gradient():
    logits, actions, advantages = (part[:12] for part in grid(torch.float64))
    logits = logits.requires_grad_()
    log_probs = logits.log_softmax(1).gather(1, actions[:, None]).squeeze(1)
    found = torch.autograd.grad(lossbook.ppo_loss(log_probs, log_probs, advantages), logits)[0]
    expected = torch.autograd.grad(lossbook.policy_gradient_loss(logits, actions, advantages), logits)[0]
    assert_close(found, expected)


def three_arms(baseline):
    """Return the mean and the summed variance of the gradient over actions drawn from the policy."""
    pi, rewards = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([10.0, 11.0, 12.0]).double()
    logits = pi.log().expand(3, 3).clone().requires_grad_()
    loss = lossbook.policy_gradient_loss(logits, torch.arange(3), rewards - baseline, reduction="sum")
    each = torch.autograd.grad(loss, logits)[0]
    mean = pi @ each
    return mean, pi @ ((each - mean) ** 2).sum(1)


@pytest.mark.parametrize("baseline", [0.0, 11.3, 7.0], ids=str)
def test_the_mean_policy_gradient_is_that_of_the_expected_return_with_any_baseline(baseline):
    logits = torch.tensor([0.2, 0.3, 0.5]).double().log().requires_grad_()
    value = logits.softmax(0) @ torch.tensor([10.0, 11.0, 12.0]).double()
    expected = -torch.autograd.grad(value, logits)[0]
    assert_close(expected, -torch.tensor([-0.26, -0.09, 0.35]).double())  # pi_k (r_k - 11.3)
    assert_close(three_arms(baseline)[0], expected)


def test_a_baseline_changes_the_variance_of_the_gradient():
    # The sum over actions of pi (r - b)² |1_a - pi|² less |mean|², with pi 0.2, 0.3, 0.5 and r 10, 11, 12.
    pi, r = (0.2, 0.3, 0.5), (10.0, 11.0, 12.0)
    for baseline in (0.0, 11.3):
        squares = [sum(((a == k) - p) ** 2 for k, p in enumerate(pi)) for a in range(3)]
        second = sum(p * (x - baseline) ** 2 * s for p, x, s in zip(pi, r, squares, strict=True))
        expected = second - (0.26**2 + 0.09**2 + 0.35**2)
        assert_close(three_arms(baseline)[1].item(), expected)
    assert three_arms(0.0)[1] > 100 * three_arms(11.3)[1]


def test_policy_gradient_is_weighted_cross_entropy():
    logits, actions, advantages = grid(torch.float64)
    expected = (advantages * lossbook.cross_entropy(logits, actions, reduction="none")).mean()
    assert_close(lossbook.policy_gradient_loss(logits, actions, advantages), expected)


@pytest.mark.parametrize("size", [2, 7])
def test_the_uniform_policy_has_the_largest_entropy(size):
    logits = torch.full((1, size), 3.0, dtype=torch.float64, requires_grad=True)
    value = lossbook.entropy_bonus(logits)
    assert_close(value.item(), math.log(size))
    assert_close(torch.autograd.grad(value, logits)[0], torch.zeros(1, size).double())


def test_what_is_not_allowed_has_no_share_in_entropy_and_policy_gradient():
    masked = torch.tensor([[0.4, -math.inf, -1.3], [-math.inf, 2.0, -math.inf]], requires_grad=True)
    small = torch.tensor([[0.4, -1.3]], requires_grad=True)
    for loss in (lossbook.entropy_bonus,
                 lambda z: lossbook.policy_gradient_loss(z, torch.tensor([0, 1])[: len(z)], torch.ones(len(z)))):
        found = torch.autograd.grad(2 * loss(masked), masked)[0]
        expected = torch.autograd.grad(loss(small), small)[0]
        assert_close(found[0, [0, 2]], expected[0])
        assert found[0, 1] == 0
        assert_close(found[1], torch.zeros(3), rtol=0, atol=1e-37)
    assert_close(lossbook.entropy_bonus(masked, reduction="none")[1].item(), 0.0)


def test_td_error_is_reward_and_discounted_value_less_value():
    value, next_value = leaf([[1.0, -2.0]]), leaf([[4.0, 3.0]])
    reward, discount = leaf([[2.0, 0.5]]), leaf([[0.5, 0.9]])
    error = lossbook.td_error(value, reward, discount, next_value)
    assert_close(error.detach(), torch.tensor([[2 + 2 - 1, 0.5 + 2.7 + 2]]).double())
    error.sum().backward()
    assert value.grad.tolist() == [[-1, -1]]
    assert (reward.grad, discount.grad, next_value.grad) == (None, None, None)


def test_no_gradient_goes_through_what_a_loss_compares_with():
    logits = torch.zeros(2, 3).double().requires_grad_()
    pair, actions = [leaf([0.5, 0.2]) for _ in range(3)], torch.tensor([2, 0])
    q, next_q = torch.zeros(2, 3).double().requires_grad_(), torch.ones(2, 3).double().requires_grad_()
    lossbook.policy_gradient_loss(logits, actions, pair[0]).backward()
    lossbook.ppo_loss(pair[0], pair[1], pair[2]).backward()
    assert pair[1].grad is pair[2].grad is None
    pair[0].grad = None
    lossbook.q_learning_error(q, actions, pair[0], pair[1], next_q).backward()
    assert pair[0].grad is pair[1].grad is next_q.grad is None
    assert q.grad.count_nonzero() == 2


def optimal_values(discount=0.95):
    """Return the values of the best policy of the cliff walk, by value iteration."""
    walk, values = cliff_walk(), torch.zeros(48).double()
    for _ in range(100):
        ahead = values[walk.next_state] * discount * (1 - walk.terminal.double())
        values = (walk.reward + ahead).amax(1)
    return values


def test_the_best_values_of_the_cliff_walk_have_no_td_error():
    values, walk = optimal_values(), cliff_walk()
    best = (walk.reward + 0.95 * (1 - walk.terminal.double()) * values[walk.next_state]).argmax(1, keepdim=True)
    taken = [part.gather(1, best).squeeze(1) for part in (walk.reward, walk.next_state, walk.terminal.double())]
    error = lossbook.td_error(values, taken[0], 0.95 * (1 - taken[2]), values[taken[1]])
    assert_close(error, torch.zeros(48).double())
    assert_close(values[36].item(), -(1 - 0.95**13) / 0.05)  # thirteen steps from the start, along the cliff


def test_q_learning_reaches_the_best_values_of_the_cliff_walk_and_the_full_gradient_does_not():
    walk = cliff_walk()
    action = torch.arange(4).repeat(48)
    reward, next_state = walk.reward.flatten().double(), walk.next_state.flatten()
    discount = 0.95 * (1 - walk.terminal.flatten().double())

    def trained(*, detached):
        q = torch.zeros(48, 4).double().requires_grad_()
        for _ in range(150):
            rows, ahead = q.repeat_interleave(4, 0), q[next_state]
            if detached:
                loss = lossbook.q_learning_error(rows, action, reward, discount, ahead, reduction="sum")
            else:
                chosen = rows.gather(1, action[:, None]).squeeze(1)
                loss = ((reward + discount * ahead.amax(1) - chosen) ** 2).sum()
            (slope,) = torch.autograd.grad(loss, q)
            q = (q - 0.5 * slope if detached else q - 0.1 * slope).detach().requires_grad_()
        return q.amax(1)[36].item()

    best = -(1 - 0.95**13) / 0.05
    assert abs(trained(detached=True) - best) < 0.01
    assert abs(trained(detached=False) - best) > 1


def test_a_time_limit_is_not_an_end():
    value, reward, ahead = torch.tensor([-5.0, -5.0]), torch.tensor([-1.0, -1.0]), torch.tensor([-20.0, -20.0])
    ended, cut_off = lossbook.td_error(value, reward, torch.tensor([0.0, 0.9]), ahead).tolist()
    assert_close((ended, cut_off), (4.0, -1.0 - 18.0 + 5.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_and_returned_in_float32(dtype):
    logits, actions, advantages = grid(torch.float32)
    half, a = logits.to(dtype), advantages.to(dtype)
    wide, b = half.float(), a.float()
    share = torch.full_like(b, 0.5)
    for loss, x, y in [
        (lossbook.entropy_bonus, (half,), (wide,)),
        (lossbook.policy_gradient_loss, (half, actions, a), (wide, actions, b)),
        (lossbook.q_learning_error, (half, actions, a, share.to(dtype), half), (wide, actions, b, share, wide)),
        (lossbook.ppo_loss, (a / 50, a / 40, a), (a.div(50).float(), a.div(40).float(), b)),
    ]:
        found = loss(*x, reduction="none")
        assert found.dtype == torch.float32
        assert_close(found, loss(*y, reduction="none"), rtol=0, atol=0)
    assert lossbook.td_error(a, a, share.to(dtype), a).dtype == torch.float32


def batch(n=4):
    """Return logits, actions, and numbers in (0, 1)."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, generator=rng).double(), torch.arange(n) % 3, torch.rand(n, generator=rng).double()


LOSSES = {
    "policy gradient": lambda z, a, u, _, **k: lossbook.policy_gradient_loss(z, a, u, **k),
    "entropy": lambda z, a, u, _, **k: lossbook.entropy_bonus(z, **k),  # noqa: ARG005
    "q": lambda z, a, u, ahead, **k: lossbook.q_learning_error(z, a, u, u, ahead, **k),
    "q delta": lambda z, a, u, ahead, **k: lossbook.q_learning_error(z, a, u, u, ahead, delta=0.5, **k),
    "ppo": lambda z, a, u, ahead, **k: lossbook.ppo_loss(z[:, 0], ahead[:, 0] - 1.1, u - 0.5, clip=0.3, **k),  # noqa: ARG005
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@every_loss
def test_sum_and_mean_reduce_what_none_returns(loss):
    inputs, nothing = batch(), batch(0)
    each = loss(*inputs, inputs[0] + 1, reduction="none")
    assert each.shape == (4,)
    assert_close(loss(*inputs, inputs[0] + 1), each.sum() / 4)
    assert_close(loss(*inputs, inputs[0] + 1, reduction="sum"), each.sum())
    assert loss(*nothing, nothing[0]) == 0


@every_loss
def test_gradient_passes_gradcheck_twice(loss):
    logits, actions, numbers = batch()
    ahead = logits + 1
    logits.requires_grad_()

    def total(z):
        return loss(z, actions, numbers, ahead)

    assert torch.autograd.gradcheck(total, logits) is True
    assert torch.autograd.gradgradcheck(total, logits) is True


Z, A, U = torch.zeros(2, 3), torch.tensor([0, 2]), torch.tensor([0.5, 0.25])
BAD = [
    (lambda: lossbook.policy_gradient_loss(Z[0], A, U), ValueError, r"logits must have shape \(N, K\), .* got \(3,\)"),
    (lambda: lossbook.policy_gradient_loss(Z, A.float(), U), TypeError, r"actions must hold integers, got torch.f"),
    (lambda: lossbook.policy_gradient_loss(Z, [0, 2], U), TypeError, r"actions must be a torch.Tensor, got list"),
    (lambda: lossbook.policy_gradient_loss(Z, A[:1], U), ValueError, r"actions must have shape \(2,\).*got \(1,\)"),
    (lambda: lossbook.policy_gradient_loss(Z, A + 1, U), ValueError,
     r"every entry of actions must be an action from 0 to 2, got 3"),
    (lambda: lossbook.policy_gradient_loss(Z, A - 1, U), ValueError, r"an action from 0 to 2, got -1"),
    (lambda: lossbook.policy_gradient_loss(Z, A, U[:1]), ValueError,
     r"advantages must have the shape of actions \(2,\), got \(1,\)"),
    (lambda: lossbook.policy_gradient_loss(Z, A, U[:, None]), ValueError, r"advantages must have the shape of actions"),
    (lambda: lossbook.policy_gradient_loss(Z, A, U / 0), ValueError, r"entry of advantages must be finite, got inf"),
    (lambda: lossbook.policy_gradient_loss(Z, A, U, reduction="avg"), ValueError, r"reduction must be"),
    (lambda: lossbook.entropy_bonus(Z.long()), TypeError, r"logits must have a floating dtype"),
    (lambda: lossbook.entropy_bonus(U), ValueError, r"logits must have shape \(N, K\)"),
    (lambda: lossbook.entropy_bonus(Z[:, :0]), ValueError, r"logits must have shape \(N, K\), .* got \(2, 0\)"),
    (lambda: lossbook.td_error(U, U, 0.9, U), TypeError, r"discount must be a torch.Tensor, got float"),
    (lambda: lossbook.td_error(U, U, U[:1], U), ValueError, r"discount must have the shape of value \(2,\), got"),
    (lambda: lossbook.td_error(U, U, U + 1, U), ValueError, r"every discount must be in \[0, 1\], got 1.5"),
    (lambda: lossbook.td_error(U, U, U - 1, U), ValueError, r"every discount must be in \[0, 1\], got -0.5"),
    (lambda: lossbook.td_error(U, U[:, None], U, U), ValueError, r"reward must have the shape of value"),
    (lambda: lossbook.td_error(U, U * math.nan, U, U), ValueError, r"every entry of reward must be finite, got nan"),
    (lambda: lossbook.td_error(U, U, U, U / 0), ValueError, r"every entry of next_value must be finite, got inf"),
    (lambda: lossbook.td_error(U, U + 1j, U, U), TypeError, r"reward must hold real numbers, got torch.complex64"),
    (lambda: lossbook.td_error(A, U, U, U), TypeError, r"value must have a floating dtype, got torch.int64"),
    (lambda: lossbook.q_learning_error(Z, A, U, U, Z[:, :2]), ValueError,
     r"next_q must have the shape of q \(2, 3\), got \(2, 2\)"),
    (lambda: lossbook.td_error(U, U, U, U[:1]), ValueError, r"^next_value must have the shape of value \(2,\), got"),
    (lambda: lossbook.q_learning_error(Z, A, U, U, Z.long()), TypeError, r"^next_q must have a floating dtype"),
    (lambda: lossbook.q_learning_error(Z, A + 1, U, U, Z), ValueError, r"every entry of action must be .* got 3"),
    (lambda: lossbook.q_learning_error(Z, A, U[:1], U, Z), ValueError, r"^reward must have the shape of action \(2,\)"),
    (lambda: lossbook.q_learning_error(Z, A, U, U, Z - math.inf), ValueError,
     r"the largest next_q of every step must be finite, got -inf"),
    (lambda: lossbook.q_learning_error(Z, A, U, U, Z, delta=0.0), ValueError, r"delta must be in \(0, inf\), got 0.0"),
    (lambda: lossbook.q_learning_error(Z[:, 0], A, U, U, Z[:, 0]), ValueError, r"q must have shape \(N, K\)"),
    (lambda: lossbook.ppo_loss(U, U[:1], U), ValueError, r"old_log_probs must have the shape of log_probs \(2,\)"),
    (lambda: lossbook.ppo_loss(U, U, U[:1]), ValueError, r"^advantages must have the shape of log_probs \(2,\)"),
    (lambda: lossbook.ppo_loss(U, U - math.inf, U), ValueError, r"entry of old_log_probs must be finite, got -inf"),
    (lambda: lossbook.ppo_loss(U, U, U, clip=1.0), ValueError, r"clip must be in \(0, 1\), got 1.0"),
    (lambda: lossbook.ppo_loss(U, U, U, clip=0), ValueError, r"clip must be in \(0, 1\), got 0"),
    (lambda: lossbook.ppo_loss(A, U, U), TypeError, r"log_probs must have a floating dtype"),
]


@refusals(BAD)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32], ids=str)
def test_actions_may_be_integers_of_any_width(dtype):
    logits, actions, numbers = batch()
    assert_close(lossbook.policy_gradient_loss(logits, actions.to(dtype), numbers),
                 lossbook.policy_gradient_loss(logits, actions, numbers))


def test_an_action_that_is_not_allowed_next_is_never_the_best():
    q, next_q = torch.zeros(1, 2), torch.tensor([[-math.inf, 4.0]])
    found = lossbook.q_learning_error(q, torch.tensor([0]), torch.tensor([1]), torch.tensor([0.5]), next_q)
    assert found == 9  # (0 - (1 + 0.5 * 4))²
