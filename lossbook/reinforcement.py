r"""Losses for agents that learn from what follows.

Axis 0 is steps. What a loss compares with (advantages, values that come later, the policy that acted) is a constant:
no gradient goes through it. The discount belongs to a step: 0 where the episode ended by itself, and not where a
limit of time cut it off. Half precision is computed and returned in float32.
"""

import math

import torch
from torch import Tensor

from lossbook import _checks, regression
from lossbook._stable import log_softmax
from lossbook.classification import cross_entropy


def policy_gradient_loss(
    logits: Tensor, actions: Tensor, advantages: Tensor, *, reduction: str = "mean"
) -> Tensor:
    r"""Cross-entropy with the actions taken, each weighted by how much better than expected it turned out.

    With :math:`\pi = \mathrm{softmax}(` ``logits`` :math:`)`, :math:`a` = ``actions`` and :math:`A` = ``advantages``,

    .. math:: L = -A \log \pi_a

    and the gradient is :math:`A\, (\pi - \mathbb{1}_a)`. Its value says nothing: only the mean of its gradient does,
    over actions drawn from :math:`\pi`, which is minus the gradient of the expected return. Any number that does not
    depend on the action may be taken off the advantages; that changes the variance and not the mean.

    Peers: rlax has the same; torch.distributions leaves the product with the advantage to you.

    Args:
        logits: of the policy, shape (N, K); minus infinity for an action that is not allowed.
        actions: those that were taken, integers from 0 to K - 1, shape (N,).
        advantages: returns less a baseline, finite, of the shape of ``actions``; a constant here.
        reduction: "none", "mean" (over steps) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, an action does not exist, an advantage is not finite, or ``reduction`` is
            unknown.

    Example:
        >>> logits = torch.tensor([[0.2, 0.3, 0.5]]).log()
        >>> policy_gradient_loss(logits, torch.tensor([2]), torch.tensor([2.0]))  # 2 log 2
        tensor(1.3863)

    References:
        Williams, 1992, Machine Learning 8 (DOI 10.1007/BF00992696).
    """
    logits = _rows("logits", logits)
    actions = _actions("actions", actions, logits)
    advantages = _constant("advantages", advantages, "actions", actions, logits.dtype)
    return _checks.reduce(advantages * cross_entropy(logits, actions, reduction="none"), reduction)


def entropy_bonus(logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The entropy of a policy: how undecided it is.

    With :math:`\pi = \mathrm{softmax}(` ``logits`` :math:`)`,

    .. math:: H = -\textstyle\sum_k \pi_k \log \pi_k

    in nats, from 0 to :math:`\log K`, and the gradient is :math:`-\pi_k (\log \pi_k + H)`. Taken off a policy's loss,
    times a small factor, it keeps the policy from settling too soon: it is largest for the uniform policy.

    Peers: torch.distributions and rlax agree; a sum of p log p as it stands is NaN where a logit is minus infinity.

    Args:
        logits: of the policy, shape (N, K); minus infinity for an action that is not allowed.
        reduction: "none", "mean" (over steps) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,). It is no loss: subtract it from one.

    Raises:
        TypeError: if ``logits`` is no floating tensor.
        ValueError: if it is not of shape (N, K), or ``reduction`` is unknown.

    Example:
        >>> entropy_bonus(torch.tensor([[0.0, 0.0, -torch.inf], [0.0, 5.0, 0.0]]), reduction="none")
        tensor([0.6931, 0.0799])

    References:
        Williams and Peng, 1991, Connection Science 3(3), for entropy as a term of the objective.
        Mnih and others, 2016, ICML (arXiv:1602.01783).
    """
    log_pi = log_softmax(_rows("logits", logits))
    allowed = log_pi > -math.inf  # where it is not, 0 times infinity is left out
    return _checks.reduce(-(log_pi.exp() * torch.where(allowed, log_pi, 0)).sum(1), reduction)


def td_error(value: Tensor, reward: Tensor, discount: Tensor, next_value: Tensor) -> Tensor:
    r"""How much better a step turned out than was expected: the temporal-difference error.

    With :math:`V` = ``value``, :math:`r` = ``reward``, :math:`\gamma` = ``discount`` and :math:`V'` = ``next_value``,

    .. math:: \delta = r + \gamma V' - V

    and the gradient is -1 for ``value`` and none for ``next_value``, a constant here. Its square is the loss of a
    value, minimised by the mean of :math:`r + \gamma V'`; the error itself is an advantage for a policy's loss.

    Peers: rlax agrees, and takes ``stop_target_gradients`` where a gradient through the target is wanted.

    Args:
        value: what was expected of the step, any shape.
        reward: what it gave, finite, of the shape of ``value``.
        discount: in [0, 1], of the shape of ``value``: 0 where the episode ended by itself.
        next_value: what is expected of the next step, finite, of the shape of ``value``; a constant here.

    Returns:
        The errors, in the shape of ``value``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a discount is outside [0, 1], or a reward or ``next_value`` is not finite.

    Example:
        >>> discount = torch.tensor([0.5, 0.0])  # the second step was the last
        >>> td_error(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0]), discount, torch.tensor([4.0, 4.0]))
        tensor([3., 1.])

    References:
        Sutton and Barto, 2018, Reinforcement Learning, 2nd edition, section 6.1.
    """
    value = _checks.floats("value", value)
    next_value = _constant("next_value", next_value, "value", value, value.dtype)
    return _target(reward, discount, next_value, "value", value) - value


def q_learning_error(
    q: Tensor,
    action: Tensor,
    reward: Tensor,
    discount: Tensor,
    next_q: Tensor,
    *,
    delta: float | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The error of an action's value, when the best next action is taken for granted.

    With :math:`a` = ``action``, :math:`Q_a` its entry in ``q``, :math:`r` = ``reward``, :math:`\gamma` = ``discount``
    and :math:`Q'` = ``next_q``,

    .. math:: L = (Q_a - y)^2, \qquad y = r + \gamma \max_k Q'_k

    and the gradient is :math:`2 (Q_a - y)` for the action taken, 0 for the others and for ``next_q``, a constant here.
    With :math:`\delta` = ``delta`` it is Huber's loss of the same error, whose gradient stays within
    :math:`\pm \delta`. It is minimised by the mean of y; the maximum over noisy estimates makes y too large.

    Peers: rlax returns the error without the square; the paper clips the error to [-1, 1], which is ``delta`` 1.

    Args:
        q: values of all actions, shape (N, K).
        action: the actions that were taken, integers from 0 to K - 1, shape (N,).
        reward: what they gave, finite, shape (N,).
        discount: in [0, 1], shape (N,): 0 where the episode ended by itself.
        next_q: values of all actions in the next state, shape (N, K), often from an older copy of the network; minus
            infinity for an action that is not allowed there.
        delta: where squared turns to linear, above 0; None keeps the square.
        reduction: "none", "mean" (over steps) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, an action does not exist, or a number is outside its range.

    Example:
        >>> q, next_q = torch.tensor([[1.0, 5.0]]), torch.tensor([[2.0, 4.0]])
        >>> q_learning_error(q, torch.tensor([0]), torch.tensor([1.0]), torch.tensor([0.5]), next_q)  # y is 3
        tensor(4.)

    References:
        Sutton and Barto, 2018, Reinforcement Learning, 2nd edition, section 6.5.
        Mnih and others, 2015, Nature 518 (DOI 10.1038/nature14236); its first form is arXiv:1312.5602.
    """
    q = _rows("q", q)
    action = _actions("action", action, q)
    next_q = _checks.floats("next_q", next_q)
    _checks.same_shape("next_q", next_q, "q", q)
    best = next_q.detach().amax(1).to(q.dtype)
    _checks.within(best, -math.inf, math.inf, "the largest next_q of every step must be finite")
    target = _target(reward, discount, best, "action", action)
    chosen = q.gather(1, action.unsqueeze(1)).squeeze(1)
    if delta is None:
        return regression.mse_loss(chosen, target, reduction=reduction)
    return regression.huber_loss(chosen, target, delta=delta, reduction=reduction)


def ppo_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, *, clip: float = 0.2, reduction: str = "mean"
) -> Tensor:
    r"""The policy gradient for steps that an older policy took, which stops pulling once the two are far apart.

    With the ratio :math:`r = e^{d}` of the probabilities of the action, :math:`d` = ``log_probs`` -
    ``old_log_probs``, :math:`A` = ``advantages`` and :math:`c` = ``clip``,

    .. math:: L = -\min(r A,\; \mathrm{clip}(r, 1 - c, 1 + c)\, A) = \begin{cases}
        -A \min(r, 1 + c) & A \ge 0 \\ -A \max(r, 1 - c) & A < 0 \end{cases}

    and the gradient is :math:`-r A`, or 0 where r is cut off. At r = 1 it is the policy gradient. Only the side on
    which the step already gains is cut off: what has gone the wrong way is pulled back with full force.

    Peers: most compute r first and clip it then: beyond a log-ratio of 88 the gradient is NaN on the side that is cut
    off.

    Args:
        log_probs: log-probabilities (or densities) of the actions taken under the policy in training, any shape.
        old_log_probs: the same under the policy that took them, finite; a constant here.
        advantages: how much better than expected they turned out, finite; a constant here.
        clip: how far the ratio may go from 1, in (0, 1).
        reduction: "none", "mean" (over steps) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``log_probs``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a constant is not finite, or an option is outside its range.

    Example:
        >>> log_ratio, advantages = torch.tensor([1.5, 1.5]).log(), torch.tensor([2.0, -2.0])
        >>> ppo_loss(log_ratio, torch.zeros(2), advantages, reduction="none")
        tensor([-2.4000,  3.0000])

    References:
        Schulman, Wolski, Dhariwal, Radford and Klimov, 2017 (arXiv:1707.06347).
    """
    log_probs = _checks.floats("log_probs", log_probs)
    old = _constant("old_log_probs", old_log_probs, "log_probs", log_probs, log_probs.dtype)
    advantages = _constant("advantages", advantages, "log_probs", log_probs, log_probs.dtype)
    _checks.number("clip", clip, "(0, 1)")
    d = log_probs - old
    # Cut off before exp, so that nothing overflows that is cut off.
    ratio = torch.where(advantages >= 0, d.clamp(max=math.log1p(clip)), d.clamp(min=math.log1p(-clip))).exp()
    return _checks.reduce(-advantages * ratio, reduction)


def _rows(name: str, value: Tensor) -> Tensor:
    value = _checks.floats(name, value)
    if value.ndim != 2 or value.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, K), one number for each action, got {tuple(value.shape)}")
    return value


def _target(reward: Tensor, discount: Tensor, next_value: Tensor, name: str, like: Tensor) -> Tensor:
    dtype = next_value.dtype
    reward = _constant("reward", reward, name, like, dtype)
    discount = _constant("discount", discount, name, like, dtype)
    _checks.within(discount, 0, 1, "every discount must be in [0, 1]")
    return reward + discount * next_value


def _constant(name: str, value: Tensor, like_name: str, like: Tensor, dtype: torch.dtype) -> Tensor:
    _checks.tensor(name, value)
    _checks.same_shape(name, value, like_name, like)
    value = _checks.real(name, value.detach(), dtype)
    _checks.within(value, -math.inf, math.inf, f"every entry of {name} must be finite")
    return value.to(dtype)


def _actions(name: str, actions: Tensor, logits: Tensor) -> Tensor:
    actions, top = _checks.labels(name, actions, logits.shape[0]), logits.shape[1] - 1
    _checks.within(actions, 0, top, f"every entry of {name} must be an action from 0 to {top}")
    return actions
