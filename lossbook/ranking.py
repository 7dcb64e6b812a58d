r"""Losses for ranking: what comes before what.

Losses of pairs take the scores of two items. Losses of lists take ``scores`` and ``relevance`` of shape (N, L): N lists
of L items, and a grade for each item, at least 0, the larger the further up the item belongs. All depend on differences
of scores alone, and a list whose grades are all equal orders nothing: it is left out. Half precision is computed and
returned in float32.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._stable import soft_cross_entropy


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""What one score lacks to be larger than another by a margin.

    With :math:`a` = ``input1``, :math:`b` = ``input2``, :math:`y` = ``target``, 1 if a shall be the larger and -1 if b
    shall, and :math:`m` = ``margin``,

    .. math:: \mathrm{MR} = \max(0,\; -y\, (a - b) + m)

    and the gradient in a is :math:`-y` where the pair is not yet in order, else 0. Any scores in the right order, a
    margin apart, minimise it. At a margin of 0 two equal scores cost nothing, and so does a model that gives all items
    the same score.

    Peers: torch takes any number as ``target``, also 0 or 3, and broadcasts.

    Args:
        input1: scores, any shape.
        input2: scores of the same shape.
        target: 1 or -1, of the same shape.
        margin: at least 0, in the unit of the scores.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``input1``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not 1 or -1, or an option is outside its range.

    Example:
        >>> a, b, y = torch.tensor([2.0, 2.0, 2.0]), torch.tensor([1.5, 1.5, 1.9]), torch.tensor([1, -1, 1])
        >>> margin_ranking_loss(a, b, y, margin=0.25, reduction="none")
        tensor([0.0000, 0.7500, 0.1500])

    References:
        Herbrich, Graepel and Obermayer, 2000, Advances in Large Margin Classifiers, for ordering by margins of pairs.
    """
    a, b = _checks.floats("input1", input1), _checks.floats("input2", input2)
    _checks.same_shape("input2", b, "input1", a)
    m = _checks.number("margin", margin, "[0, inf)")
    y = _checks.sign_target(target, a, "input1")
    return _checks.reduce((m - y * (a - b)).relu(), reduction)


def pairwise_logistic_loss(
    scores: Tensor, relevance: Tensor, *, weight: str | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Logistic loss of differences of scores, over all pairs whose order is known (RankNet, LambdaRank).

    With :math:`s` = ``scores``, :math:`r` = ``relevance`` and :math:`\sigma` the sigmoid,

    .. math:: \mathrm{PL} = -\sum_{i, j:\; r_i > r_j} w_{ij} \log \sigma(s_i - s_j)

    Without ``weight`` every :math:`w_{ij}` is 1: RankNet. With "ndcg" it is what nDCG would change by if the items i
    and j changed places in the order of the scores as they are, LambdaRank: with the gains :math:`g = 2^r - 1`, the
    discounts :math:`d = 1 / \log_2(1 + \text{place})` and the best possible sum :math:`Z = \max \sum g d`,

    .. math:: w_{ij} = |g_i - g_j|\, |d_i - d_j| / Z

    held constant. The gradient in :math:`s_i - s_j` is :math:`-w_{ij}\, \sigma(s_j - s_i)`. It is minimised where the
    odds that i comes before j are :math:`e^{s_i - s_j}`. It needs memory for L² pairs of each list.

    Peers: Rax takes the mean over the pairs of all lists; TF-Ranking reads a grade below 0 as a place that is empty.

    Args:
        scores: shape (N, L), a row for each list.
        relevance: grades, integer or floating, at least 0, shape (N, L).
        weight: None or "ndcg". Equal scores take their places in the order of the input.
        reduction: "none" (0 for a list that orders nothing), "mean" (over the others) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a grade is negative or not finite, or an option is unknown.

    Example:
        >>> scores, grades = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[2, 0, 0]])
        >>> pairwise_logistic_loss(scores, grades)  # log(1 + e) + log(1 + exp(-0.5))
        tensor(1.7873)

    References:
        Burges, Shaked, Renshaw and others, 2005, ICML (doi:10.1145/1102351.1102363).
        Burges, Ragno and Le, 2006, NeurIPS, for the weights of LambdaRank.
    """
    s, r, kept = _lists(scores, relevance)
    if not (weight is None or (isinstance(weight, str) and weight == "ndcg")):
        raise ValueError(f'weight must be None or "ndcg", got {weight!r}')
    ordered = r.unsqueeze(2) > r.unsqueeze(1)  # of entry i, j: i belongs before j
    cost = -logsigmoid(s.unsqueeze(2) - s.unsqueeze(1))
    if weight == "ndcg":
        cost = cost * _ndcg_changes(s, r)
    return _checks.reduce(torch.where(ordered, cost, 0).sum((1, 2)), reduction, kept.to(s.dtype))


def list_net_loss(scores: Tensor, relevance: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Cross-entropy between two distributions over the items of a list: from the grades, and from the scores.

    With :math:`s` = ``scores`` and :math:`r` = ``relevance``,

    .. math:: \mathrm{LN} = -\sum_i q_i \log p_i, \qquad q = \mathrm{softmax}(r), \quad p = \mathrm{softmax}(s)

    q and p are the probabilities to come first. The gradient is :math:`p - q`; it is minimised by the grades
    themselves, plus any number, and falls to the entropy of q, not to 0. For two items it is the logistic loss with
    the target :math:`\sigma(r_1 - r_2)`.

    Peers: allRank agrees, up to what it adds inside the logarithm; optax and Rax weigh by the grades as they are, by
    r instead of q.

    Args:
        scores: shape (N, L), a row for each list.
        relevance: grades, integer or floating, at least 0, shape (N, L): a grade larger by 1 counts e times as much.
        reduction: "none" (0 for a list that orders nothing), "mean" (over the others) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, or a grade is negative or not finite.

    Example:
        >>> scores, grades = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[2, 0, 0]])
        >>> list_net_loss(scores, grades)
        tensor(1.4111)

    References:
        Cao, Qin, Liu, Tsai and Li, 2007, ICML (doi:10.1145/1273496.1273513).
    """
    s, r, kept = _lists(scores, relevance)
    loss = soft_cross_entropy(s, r.to(s.dtype).softmax(1))
    return _checks.reduce(torch.where(kept, loss, 0), reduction, kept.to(s.dtype))


def list_mle_loss(scores: Tensor, relevance: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Minus the log-probability of the right order, if items are drawn one by one by a softmax of scores.

    With :math:`s` = ``scores``, and :math:`\pi` the items in the order of falling ``relevance`` :math:`r`,

    .. math:: \mathrm{LM} = -\sum_{i=1}^{L} \log \frac{e^{s_{\pi_i}}}{\sum_{k \ge i} e^{s_{\pi_k}}}

    Each term is the cross-entropy of choosing :math:`\pi_i` among what is left, and the gradient is the sum of theirs:
    the probabilities of all choices that an item took part in, less 1. It is minimised by the true probabilities of
    the orders, if they are of this form (Plackett and Luce). Items of one grade are taken in the order of the input,
    and their order is learned as if it were meant: shuffle them, or break ties on purpose.

    Peers: TF-Ranking and allRank break ties at random; Rax does if it is given a key, else it is as here.

    Args:
        scores: shape (N, L), a row for each list.
        relevance: grades, integer or floating, at least 0, shape (N, L): only their order counts.
        reduction: "none" (0 for a list that orders nothing), "mean" (over the others) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, or a grade is negative or not finite.

    Example:
        >>> scores, grades = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[2, 0, 1]])
        >>> list_mle_loss(scores, grades)
        tensor(3.1658)

    References:
        Xia, Liu, Wang, Zhang and Li, 2008, ICML (doi:10.1145/1390156.1390306).
    """
    s, r, kept = _lists(scores, relevance)
    s = s.gather(1, r.argsort(dim=1, descending=True, stable=True))
    # Of place i, the log of the sum over k > i: in float64, where scores of 1e4 leave digits enough to a difference.
    rest = _wide(s).flip(1).logcumsumexp(1).flip(1).narrow(1, 1, s.shape[1] - 1)
    loss = -logsigmoid(_wide(s).narrow(1, 0, s.shape[1] - 1) - rest).sum(1).to(s.dtype)
    return _checks.reduce(torch.where(kept, loss, 0), reduction, kept.to(s.dtype))


def preference_loss(chosen: Tensor, rejected: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Minus the log-probability that the chosen of two was chosen, by the difference of their scores.

    With :math:`a` = ``chosen``, :math:`b` = ``rejected`` and :math:`\sigma` the sigmoid,

    .. math:: \mathrm{BT} = -\log \sigma(a - b)

    and the gradient in a is :math:`-\sigma(b - a)`, in b the opposite. It is minimised where the odds of being chosen
    are :math:`e^{a - b}`: scores are known up to a number that is added to all. It trains reward models.

    Peers: written as ``-log(sigmoid(a - b))`` it is infinite at a difference of -200, and its gradient NaN.

    Args:
        chosen: scores of what was preferred, any shape.
        rejected: scores of the other, of the same shape.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``chosen``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, or ``reduction`` is unknown.

    Example:
        >>> preference_loss(torch.tensor([1.0, -200.0]), torch.tensor([1.0, 0.0]), reduction="none")
        tensor([  0.6931, 200.0000])

    References:
        Bradley and Terry, 1952, Biometrika 39(3/4) (doi:10.2307/2334029).
    """
    a, b = _checks.floats("chosen", chosen), _checks.floats("rejected", rejected)
    _checks.same_shape("rejected", b, "chosen", a)
    return _checks.reduce(-logsigmoid(a - b), reduction)


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    *,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    r"""Preference loss in which the score of an answer is what its log-probability has gained on a reference.

    With the log-probabilities :math:`\log \pi(y_w)` = ``chosen``, :math:`\log \pi(y_l)` = ``rejected``, those of the
    reference model, ``ref_chosen`` and ``ref_rejected``, and :math:`\beta` = ``beta``,

    .. math:: \mathrm{DPO} = -\log \sigma \Bigl( \beta \log \frac{\pi(y_w)}{\pi_{\mathrm{ref}}(y_w)}
        - \beta \log \frac{\pi(y_l)}{\pi_{\mathrm{ref}}(y_l)} \Bigr)

    The gradient in ``chosen`` is :math:`-\beta\, \sigma(\cdot)` of the opposite difference; the reference has none.
    It starts at log 2, and is minimised by :math:`\pi \propto \pi_{\mathrm{ref}}\, e^{r / \beta}`, r the scores that
    minimise ``preference_loss``. It sees a difference alone: both probabilities may fall, and an answer that is in no
    pair may gain what they lose.

    Peers: TRL sums the log-probabilities of the tokens of an answer, as one should here; means would favour long ones.

    Args:
        chosen: log-probability of the preferred answer under the model, any shape.
        rejected: that of the other answer, of the same shape.
        ref_chosen: that of the preferred answer under the reference, of the same shape; no gradient flows into it.
        ref_rejected: that of the other answer under the reference, likewise.
        beta: above 0; the smaller, the farther the model may go from the reference.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``chosen``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, or an option is outside its range.

    Example:
        >>> start = torch.tensor([-20.0]), torch.tensor([-30.0])
        >>> dpo_loss(torch.tensor([-18.0]), torch.tensor([-31.0]), *start)  # log(1 + exp(-0.1 * 3))
        tensor(0.5544)

    References:
        Rafailov, Sharma, Mitchell, Ermon, Manning and Finn, 2023, NeurIPS (arXiv:2305.18290).
    """
    a, b = _checks.floats("chosen", chosen), _checks.floats("rejected", rejected)
    ref_a = _checks.floats("ref_chosen", ref_chosen).detach()
    ref_b = _checks.floats("ref_rejected", ref_rejected).detach()
    for name, value in (("rejected", b), ("ref_chosen", ref_a), ("ref_rejected", ref_b)):
        _checks.same_shape(name, value, "chosen", a)
    beta = _checks.number("beta", beta, "(0, inf)")
    return _checks.reduce(-logsigmoid(beta * ((a - ref_a) - (b - ref_b))), reduction)


def _lists(scores: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # Scores, grades, and whether a list orders anything: where it does not, its scores become 0, whatever they are.
    s = _checks.floats("scores", scores)
    _checks.tensor("relevance", relevance)
    if s.ndim != 2 or s.shape[1] == 0:
        raise ValueError(f"scores must have shape (N, L) with L of at least 1, got {tuple(s.shape)}")
    _checks.same_shape("relevance", relevance, "scores", s)
    r = _checks.real("relevance", relevance, torch.int64)
    _checks.within(r, 0, torch.inf, "every grade in relevance must be finite and at least 0")
    kept = r.amax(1) > r.amin(1)
    return torch.where(kept.unsqueeze(1), s, 0), r, kept


def _ndcg_changes(s: Tensor, r: Tensor) -> Tensor:
    # By how much nDCG would change if items i and j changed places, shape (N, L, L): places have no gradient.
    r = _wide(r)
    gain = (r - r.amax(1, keepdim=True)).exp2() - (-r.amax(1, keepdim=True)).exp2()  # all by 2^max, which may be large
    place, best_place = (x.argsort(dim=1, descending=True, stable=True).argsort(dim=1) for x in (s, r))
    discount, best_discount = (1 / (place + 2).to(r.dtype).log2() for place in (place, best_place))
    best = (gain * best_discount).sum(1, keepdim=True)
    gain = gain / torch.where(best > 0, best, 1)
    changes = [values.unsqueeze(2) - values.unsqueeze(1) for values in (gain, discount)]
    return (changes[0] * changes[1]).abs().to(s.dtype)


def _wide(value: Tensor) -> Tensor:
    """Return ``value`` in float64, where the device has it."""
    return value.float() if value.device.type == "mps" else value.double()
