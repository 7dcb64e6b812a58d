r"""Losses for predicting classes: cross-entropy in its three shapes, and the hinge.

Class losses take logits (N, K) or (N, K, d1, …), integer targets (N,) or (N, d1, …), or one distribution per
example in the shape of the logits. Binary and multi-label losses take one number per element and targets of the
same shape. With weights, "mean" divides by the sum of the weights. Half precision is computed and returned in
float32. Logits may be as large as 1e4: value and gradient stay exact. For class losses a logit may also be -inf: it
masks a class, whose p is 0; where the target gives that class a share, the loss is infinite.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._fast import elementwise, with_slope
from lossbook._stable import log_odds_against, per_class, soft_cross_entropy


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Minus the log of the probability that softmax gives to the true class.

    With :math:`z` = ``logits``, :math:`p = \mathrm{softmax}(z)`, :math:`w` = ``weight`` and :math:`y` = ``target``,
    a class,

    .. math:: \mathrm{CE} = -w_y \log p_y, \qquad p_j = e^{z_j} / \textstyle\sum_k e^{z_k}

    or, for a ``target`` that is a distribution :math:`y_k`, or a class mixed with the uniform distribution by
    :math:`\varepsilon` = ``label_smoothing``,

    .. math:: \mathrm{CE} = -\sum_k w_k\, y'_k \log p_k, \qquad y'_k = (1 - \varepsilon)\, y_k + \varepsilon / K

    Its gradient without weights is :math:`p - y'`. It is minimised by the true probabilities of the classes
    (without smoothing and weights), and an untrained model starts at about :math:`\log K`.

    Peers: torch agrees for classes, up to rounding (it returns 0 where 1 - p_y is below 1e-7), gives NaN when all
    are ignored, and divides a weighted mean over distributions by N, where here the weight of an example is
    :math:`\sum_k w_k y_k`.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,) or (N, d1, …); or floating probabilities in the shape
            of ``logits`` that sum to 1 over the classes.
        weight: one factor per class, shape (K,), each at least 0; None is all ones.
        ignore_index: a class target that leaves its example out of sum and mean, whatever its logits are. A target of
            probabilities has no such class, and takes no other value than -100 here.
        label_smoothing: share of the uniform distribution in the target, in [0, 1].
        reduction: "none", "mean" (weighted, over the examples that are kept) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,) or (N, d1, …).

    Raises:
        TypeError: if an argument has the wrong type, for instance integer logits.
        ValueError: if shapes do not fit, a class does not exist, probabilities do not sum to 1, or an option is
            outside its range.

    Example:
        >>> logits = torch.tensor([[0.1, 0.7, 0.2]]).log()
        >>> cross_entropy(logits, torch.tensor([1]))
        tensor(0.3567)

    References:
        Good, 1952, Journal of the Royal Statistical Society B 14(1), for the logarithmic score.
        Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, 2016, CVPR, section 7, for label smoothing.
    """
    logits = _checks.class_logits(logits)
    epsilon = _checks.number("label_smoothing", label_smoothing, "[0, 1]")
    class_weight = _checks.class_weight(weight, logits)
    w = per_class(class_weight, logits)
    ignore_index = _checks.integer("ignore_index", ignore_index)
    if isinstance(target, Tensor) and target.is_floating_point():
        y = _checks.distribution_target(target, logits)
        if ignore_index != -100:
            raise ValueError(f"ignore_index needs a target of classes, got {ignore_index} and probabilities")
        w_y, keep = (w * y).sum(1), logits.new_ones((), dtype=torch.bool)
        loss = soft_cross_entropy(logits, w * y)
    else:
        y, keep = _checks.class_target(target, logits, ignore_index)
        w_y = class_weight[y] * keep
        logits = _checks.only_kept(logits, keep)
        r = torch.where(keep, log_odds_against(logits, y), 0)
        loss = -w_y * logsigmoid(-r)
    if epsilon > 0:
        uniform = (w / logits.shape[1]).expand_as(logits)
        loss = (1 - epsilon) * loss + epsilon * torch.where(keep, soft_cross_entropy(logits, uniform), 0)
    return _checks.reduce(loss, reduction, w_y)


def binary_cross_entropy(probs: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Minus the log of the probability given to what happened, for two outcomes and from probabilities.

    With :math:`p` = ``probs`` and :math:`y` = ``target``,

    .. math:: \mathrm{BCE} = -y \log p - (1 - y) \log(1 - p)

    and the gradient is :math:`(p - y) / (p (1 - p))`. It is minimised by the true probability. Value and gradient
    are infinite where what happened was given probability 0. If p comes from a sigmoid, take the logits to
    binary_cross_entropy_with_logits: float32 has no number between 1 - 6e-8 and 1, so the digits are gone, and where
    the sigmoid has rounded to 0 or 1 the gradient of the logit is NaN, infinity times 0.

    Peers: torch replaces logarithms below -100 by -100, where value and gradient stop following the formula. Forward
    and backward together hold 3 times the memory of ``probs`` here, 2 times in torch.

    Args:
        probs: probabilities in [0, 1], any shape.
        target: 0, 1 or a probability between, of the shape of ``probs``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``probs``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a probability or target is outside [0, 1], or ``reduction`` is unknown.

    Example:
        >>> binary_cross_entropy(torch.tensor([0.6, 0.1]), torch.tensor([1, 0]), reduction="none")
        tensor([0.5108, 0.1054])

    References:
        Good, 1952, Journal of the Royal Statistical Society B 14(1).
    """
    p = _checks.probabilities(probs)
    y = _checks.binary_target(target, p, name="probs", soft=True)
    return _checks.reduce(_binary_cross_entropy_of_probs(p, y), reduction)


@with_slope(elementwise.binary_cross_entropy_of_probs)
def _binary_cross_entropy_of_probs(p: Tensor, y: Tensor) -> Tensor:
    # Where y is 0 or 1 one term is absent; its logarithm is taken at a place where it is 0 instead of infinite.
    log_p, log_1_minus_p = torch.where(y > 0, p, 1).log(), torch.log1p(-torch.where(y < 1, p, 0))
    return -y * log_p - (1 - y) * log_1_minus_p


def binary_cross_entropy_with_logits(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Minus the log of the probability given to what happened, for two outcomes or many labels, from logits.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`w` = ``weight``, :math:`c` = ``pos_weight`` and
    :math:`\sigma` the sigmoid,

    .. math:: \mathrm{BCE} = -w\, [\, c\, y \log \sigma(z) + (1 - y) \log \sigma(-z) \,]

    and the gradient is :math:`w\, [(1 - y)\, \sigma(z) - c\, y\, \sigma(-z)]`, which is :math:`\sigma(z) - y` when
    all weights are 1. It is then minimised by the true probability; with ``pos_weight``, by one whose log-odds are
    larger by :math:`\log c`.

    Peers: torch's value for targets 0 is 0 below float32 logits of about -14.56, where it is exp(z); its "mean" with
    ``weight`` divides by the number of elements, here by the sum of the weights.

    Args:
        logits: any shape, one independent logit per element.
        target: 0, 1 or a probability between, of the shape of ``logits``.
        weight: one factor per element, in the shape of ``logits``, each at least 0; None is all ones.
        pos_weight: factor of the positive term, at least 0: a scalar tensor, or one per label in the shape of the
            last axis; None is 1.
        reduction: "none", "mean" (weighted, over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``logits``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a target is outside [0, 1], a weight is negative, or ``reduction`` is
            unknown.

    Example:
        >>> binary_cross_entropy_with_logits(torch.tensor([0.0, -20.0]), torch.tensor([1, 0]), reduction="none")
        tensor([6.9315e-01, 2.0612e-09])

    References:
        Cox, 1958, Journal of the Royal Statistical Society B 20(2), for the logistic likelihood.
    """
    z = _checks.floats("logits", logits)
    y = _checks.binary_target(target, z, soft=True)
    w, c = _checks.element_weight("weight", weight, z), _checks.positive_weight(pos_weight, z)
    loss = _binary_cross_entropy(z, y, c)
    return _checks.reduce(loss if w is None else w * loss, reduction, w)


@with_slope(elementwise.binary_cross_entropy)
def _binary_cross_entropy(z: Tensor, y: Tensor, c: Tensor | float) -> Tensor:
    # log(1 - p) = logsigmoid(-z), so no term subtracts two numbers that are nearly equal.
    return -c * y * logsigmoid(z) - (1 - y) * logsigmoid(-z)


def hinge_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""What the margin of a decision lacks to 1.

    With :math:`f` = ``pred``, a decision value whose sign is the class, and :math:`y = 2\,` ``target`` :math:`- 1`,
    which is -1 or 1,

    .. math:: \mathrm{HL} = \max(0,\; 1 - y f)

    and the gradient is :math:`-y` where :math:`y f < 1`, else 0: points beyond the margin say nothing. The value
    that minimises it is the sign of the likelier class, not a probability.

    Peers: scikit-learn and optax take targets -1 and 1; torch's hinge_embedding_loss is another loss.

    Args:
        pred: decision values, any shape.
        target: 0 or 1, of the shape of ``pred``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not 0 or 1, or ``reduction`` is unknown.

    Example:
        >>> hinge_loss(torch.tensor([0.25, 2.0, 2.0]), torch.tensor([1, 1, 0]), reduction="none")
        tensor([0.7500, 0.0000, 3.0000])

    References:
        Cortes and Vapnik, 1995, Machine Learning 20, section 3.
    """
    return _checks.reduce(_margin_shortfall(pred, target), reduction)


def squared_hinge_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The square of what the margin of a decision lacks to 1.

    With :math:`f` = ``pred``, a decision value whose sign is the class, and :math:`y = 2\,` ``target`` :math:`- 1`,
    which is -1 or 1,

    .. math:: \mathrm{SHL} = \max(0,\; 1 - y f)^2

    and the gradient is :math:`-2 y \max(0, 1 - y f)`: it has no corner, and grows with the violation. Where
    positives have probability p it is minimised by :math:`2p - 1`.

    Peers: scikit-learn's LinearSVC uses it by default; keras takes targets -1 and 1, or 0 and 1.

    Args:
        pred: decision values, any shape.
        target: 0 or 1, of the shape of ``pred``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not 0 or 1, or ``reduction`` is unknown.

    Example:
        >>> squared_hinge_loss(torch.tensor([0.5, 2.0, 2.0]), torch.tensor([1, 1, 0]), reduction="none")
        tensor([0.2500, 0.0000, 9.0000])

    References:
        Zhang, 2004, Annals of Statistics 32(1), for the loss and its minimiser.
    """
    return _checks.reduce(_margin_shortfall(pred, target).square(), reduction)


def _margin_shortfall(pred: Tensor, target: Tensor) -> Tensor:
    f = _checks.floats("pred", pred)
    y = 2 * _checks.binary_target(target, f, name="pred") - 1
    return (1 - y * f).relu()
