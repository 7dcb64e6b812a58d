r"""Losses for imbalanced classes, and the weights that go with them.

Binary and multi-label losses take logits and targets of one shape, one sigmoid per element. Class losses take
logits (N, K) or (N, K, d1, …) and integer targets (N,) or (N, d1, …). Here :math:`p_t` is the probability
that the model gives to what is true. Half precision is computed and returned in float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._stable import log_odds_against


def class_weights(
    counts: Sequence[float] | Tensor, *, method: str = "balanced", beta: float = 0.999
) -> Tensor:
    r"""One weight per class from how often each class occurs: the rarer, the larger.

    With :math:`n_k` = ``counts``, N their sum and K their number, ``method`` is one of

    - "inverse": :math:`N / n_k`
    - "balanced": :math:`N / (K n_k)`, whose mean over the examples is 1
    - "log": :math:`\ln(N / n_k)`, which tames large ratios; below 1 once :math:`n_k > N / e`
    - "effective": :math:`(1 - \beta) / (1 - \beta^{n_k})` with :math:`\beta` = ``beta``, one over the
      effective number of examples: all weights 1 at ``beta`` 0, in proportion to :math:`1/n_k` as it nears 1.

    Peers: scikit-learn's "balanced" is the same; the authors of "effective" rescale its weights to sum to K.

    Args:
        counts: examples per class, shape (K,), each above 0.
        method: the formula.
        beta: for "effective" only, in [0, 1).

    Returns:
        The weights, shape (K,), in torch's default dtype.

    Raises:
        ValueError: if a count is 0, negative or not finite, ``method`` is unknown, or ``beta`` is outside [0,
            1).

    Example:
        >>> class_weights([80, 10, 10], method="inverse")
        tensor([ 1.2500, 10.0000, 10.0000])

    References:
        King and Zeng, 2001, Political Analysis 9(2), section 4.1, for weighting by class frequency.
        Cui, Jia, Lin, Song and Belongie, 2019, CVPR, proposition 1 and equation 2, for the effective number.
    """
    n = _checks.counts(counts)
    _checks.number("beta", beta, "[0, 1)")
    if method == "inverse":
        weight = n.sum() / n
    elif method == "balanced":
        weight = n.mean() / n
    elif method == "log":
        weight = (n.sum() / n).log()
    elif method == "effective":
        weight = (1 - beta) / (1 - beta**n)
    else:
        raise ValueError(f'method must be "balanced", "inverse", "log" or "effective", got {method!r}')
    return weight.to(torch.get_default_dtype())


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: float | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Binary cross-entropy that turns its attention from easy to hard examples.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`\gamma` = ``gamma``, :math:`\alpha` =
    ``alpha`` and :math:`p_t = \sigma(z)` where :math:`y = 1`, :math:`1 - \sigma(z)` where :math:`y = 0`,

    .. math:: \mathrm{FL} = -\alpha_t (1 - p_t)^\gamma \log p_t, \qquad
        \alpha_t = \begin{cases} \alpha & y = 1 \\ 1 - \alpha & y = 0 \end{cases}

    and :math:`\alpha_t = 1` without ``alpha``. Its gradient is
    :math:`(1 - 2y)\, \alpha_t\, (1 - p_t)^\gamma\, (1 - p_t - \gamma\, p_t \log p_t)`.
    For detection and other sets with very many easy negatives. At ``gamma`` 0 it is binary cross-entropy;
    above, it is no longer minimised by the true probability, but by one nearer to 1/2.

    Peers: torchvision agrees, with alpha=0.25 as its default and -1 for none, and loses value or gradient in
    the tails; the paper divides the sum by the number of foreground boxes, not of all boxes.

    Args:
        logits: any shape, one independent logit per element.
        target: 0 or 1 (any dtype), of the shape of ``logits``.
        gamma: focusing strength, at least 0.
        alpha: weight of the positives in [0, 1], the negatives get 1 - alpha; None weighs both by 1.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``logits``.

    Raises:
        TypeError: if an argument has the wrong type, for instance integer logits.
        ValueError: if shapes differ, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> focal_loss(torch.tensor([0.0, 3.0]), torch.tensor([1, 0]), gamma=2.0, reduction="none")
        tensor([0.1733, 2.7663])

    References:
        Lin, Goyal, Girshick, He and Dollár, 2017, ICCV, equations 4 and 5 (arXiv:1708.02002).
    """
    logits = _checks.floats("logits", logits)
    target = _checks.binary_target(target, logits)
    _checks.number("gamma", gamma, "[0, inf)")
    r = (1 - 2 * target) * logits
    log_p_t, log_1_minus_p_t = logsigmoid(-r), logsigmoid(r)
    loss = -torch.exp(gamma * log_1_minus_p_t) * log_p_t
    if alpha is not None:
        alpha = _checks.number("alpha", alpha, "[0, 1]")
        loss = loss * (alpha * target + (1 - alpha) * (1 - target))
    return _checks.reduce(loss, reduction)


def softmax_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Focal loss for one class out of several.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`p = \mathrm{softmax}(z)`, :math:`\gamma` =
    ``gamma`` and :math:`w` = ``weight``,

    .. math:: \mathrm{FL} = -w_y (1 - p_y)^\gamma \log p_y

    Its gradient with respect to :math:`z_j` is
    :math:`w_y (1 - p_y)^{\gamma - 1} (1 - p_y - \gamma\, p_y \log p_y)(p_j - [j = y])`.
    At ``gamma`` 0 it is cross-entropy, also with ``weight`` and ``ignore_index``.

    Peers: "mean" divides by the weights of the examples that are kept; kornia and MONAI divide by N K, and
    take a scalar alpha in place of ``weight``, which sets class 0 apart from all others.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,) or (N, d1, …).
        gamma: focusing strength, at least 0.
        weight: one factor per class, shape (K,), each at least 0; None is all ones.
        ignore_index: a target value that leaves its example out of sum and mean.
        reduction: "none", "mean" (weighted, over the examples that are kept) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``target``.

    Raises:
        TypeError: if an argument has the wrong type, for instance a target that is not integer.
        ValueError: if shapes do not fit, a class does not exist, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[0.1, 0.7, 0.2]]).log()
        >>> softmax_focal_loss(logits, torch.tensor([1]), gamma=2.0)
        tensor(0.0321)

    References:
        Lin, Goyal, Girshick, He and Dollár, 2017, ICCV, equation 4, which names the extension to several
        classes in section 3 (arXiv:1708.02002).
    """
    logits = _checks.class_logits(logits)
    target, keep = _checks.class_target(target, logits, ignore_index)
    _checks.number("gamma", gamma, "[0, inf)")
    w = _checks.class_weight(weight, logits)[target] * keep
    r = log_odds_against(logits, target)
    log_p_y, log_1_minus_p_y = logsigmoid(-r), logsigmoid(r)
    loss = -w * torch.exp(gamma * log_1_minus_p_y) * log_p_y
    return _checks.reduce(loss, reduction, w)
