r"""Losses for imbalanced classes, and the weights that go with them.

Binary and multi-label losses take logits and targets of one shape, one sigmoid per element. Class losses take
logits (N, K) or (N, K, d1, …) and integer targets (N,) or (N, d1, …). Here :math:`p_t` is the probability
that the model gives to what is true. Half precision is computed and returned in float32. For class losses a logit may
be -inf: it masks a class, whose p is 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._fast import classes, elementwise, with_backward, with_slope
from lossbook._stable import centred, log_odds_against, log_softmax, per_class, times_log
from lossbook.classification import _binary_cross_entropy


def class_weights(
    counts: Sequence[float] | Tensor, *, method: str = "balanced", beta: float | None = None
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
        beta: for "effective" only, in [0, 1); None is 0.999.

    Returns:
        The weights, shape (K,), in torch's default dtype.

    Raises:
        TypeError: if the counts are not numbers in a row, or ``beta`` is no number.
        ValueError: if a count is 0, negative or not finite, ``method`` is unknown, or ``beta`` is outside [0, 1) or
            given to a method that has none.

    Example:
        >>> class_weights([80, 10, 10], method="inverse")
        tensor([ 1.2500, 10.0000, 10.0000])

    References:
        King and Zeng, 2001, Political Analysis 9(2), for weighting by class frequency.
        Cui, Jia, Lin, Song and Belongie, 2019, CVPR, sections 3 and 4, for the effective number (arXiv:1901.05555).
    """
    n = _checks.counts(counts)
    if beta is not None and method != "effective":
        raise ValueError(f'beta is for the method "effective" alone, got beta {beta} and method {method!r}')
    beta = _checks.number("beta", 0.999 if beta is None else beta, "[0, 1)")
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
        gamma: focusing parameter, at least 0.
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
    gamma = _checks.number("gamma", gamma, "[0, inf)")
    if alpha is not None:
        alpha = _checks.number("alpha", alpha, "[0, 1]")
    return _checks.reduce(_focal(logits, target, gamma, alpha), reduction)


@with_slope(elementwise.focal)
def _focal(z: Tensor, y: Tensor, gamma: float, alpha: float | None) -> Tensor:
    r = (1 - 2 * y) * z
    log_p_t, log_1_minus_p_t = logsigmoid(-r), logsigmoid(r)
    loss = -torch.exp(gamma * log_1_minus_p_t) * log_p_t
    return loss if alpha is None else loss * (alpha * y + (1 - alpha) * (1 - y))


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
        gamma: focusing parameter, at least 0.
        weight: one factor per class, shape (K,), each at least 0; None is all ones.
        ignore_index: a target value that leaves its example out of sum and mean, whatever its logits are.
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
    target, keep = _checks.class_target(target, logits, _checks.integer("ignore_index", ignore_index))
    gamma = _checks.number("gamma", gamma, "[0, inf)")
    w = _checks.class_weight(weight, logits)[target] * keep
    r = torch.where(keep, log_odds_against(_checks.only_kept(logits, keep), target), 0)
    loss = w * _focal(r, torch.zeros_like(r), gamma, None)  # r is the logit of "not y", which is not so
    return _checks.reduce(loss, reduction, w)


def asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_pos: float = 0.0,
    gamma_neg: float = 4.0,
    margin: float = 0.05,
    reduction: str = "mean",
) -> Tensor:
    r"""Focal loss with a focusing parameter for each side, and no attention at all to very easy negatives (ASL).

    With :math:`p = \sigma(` ``logits`` :math:`)`, :math:`y` = ``target``, :math:`\gamma_+` = ``gamma_pos``,
    :math:`\gamma_-` = ``gamma_neg``, :math:`m` = ``margin`` and :math:`p_m = \max(p - m, 0)`,

    .. math:: \mathrm{ASL} = \begin{cases} -(1 - p)^{\gamma_+} \log p & y = 1 \\
        -p_m^{\gamma_-} \log(1 - p_m) & y = 0 \end{cases}

    For many labels of which few are present, some of them forgotten. The gradient for a negative,
    :math:`p (1 - p)\, p_m^{\gamma_-} [1 / (1 - p_m) - \gamma_- \log(1 - p_m) / p_m]`, is 0 below the margin and falls
    again near :math:`p = 1`, where a negative is probably a missing label. At ``margin`` 0 and equal gammas it is
    focal loss. It is not minimised by the true probability.

    Peers: the authors' code sums instead of averaging, has gamma_pos 1 as its default where the paper recommends
    0, and clips p at 1e-8, below which positives have no gradient. Forward and backward together hold 4 times the
    memory of the logits here.

    Args:
        logits: any shape, one independent logit per element.
        target: 0 or 1, of the shape of ``logits``.
        gamma_pos: focusing parameter of positives, at least 0.
        gamma_neg: focusing parameter of negatives, at least 0.
        margin: what is taken off the probability of negatives, in [0, 1).
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``logits``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> asymmetric_loss(torch.tensor([0.0, 0.0, -3.0]), torch.tensor([1, 0, 0]), reduction="none")
        tensor([0.6931, 0.0245, 0.0000])

    References:
        Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter and Zelnik-Manor, 2021, ICCV, section 2
        (arXiv:2009.14119).
    """
    z = _checks.floats("logits", logits)
    y = _checks.binary_target(target, z)
    gamma_pos = _checks.number("gamma_pos", gamma_pos, "[0, inf)")
    gamma_neg = _checks.number("gamma_neg", gamma_neg, "[0, inf)")
    margin = _checks.number("margin", margin, "[0, 1)")
    return _checks.reduce(_asymmetric(z, y, gamma_pos, gamma_neg, margin), reduction)


@with_slope(elementwise.asymmetric)
def _asymmetric(z: Tensor, y: Tensor, gamma_pos: float, gamma_neg: float, m: float) -> Tensor:
    log_p, log_1_minus_p = logsigmoid(z), logsigmoid(-z)
    positive = -torch.exp(gamma_pos * log_1_minus_p) * log_p
    p = log_p.exp()  # not sigmoid(z), whose derivative in torch is rounded where p is nearly 1
    kept = p > m
    p_m = torch.where(kept, p - m, 0.5)  # 0.5: any number that has a logarithm, for what is dropped
    negative = torch.where(kept, -torch.exp(gamma_neg * p_m.log()) * _log_rest(p_m, log_1_minus_p, m), 0)
    return torch.where(y == 1, positive, negative)


def _log_rest(p_m: Tensor, log_1_minus_p: Tensor, m: float) -> Tensor:
    # log(1 - p_m): as it stands while p_m is small, as the log of (1 - p) + m when it is large.
    large = log_1_minus_p if m == 0 else (log_1_minus_p.exp() + m).log()
    return torch.where(p_m < 0.5, torch.log1p(-p_m.clamp(max=0.5)), large)


def softmax_asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_pos: float = 0.0,
    gamma_neg: float = 4.0,
    label_smoothing: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    r"""Asymmetric loss for one class out of several.

    With :math:`p = \mathrm{softmax}(` ``logits`` :math:`)`, :math:`y` = ``target``, :math:`\gamma_+` = ``gamma_pos``,
    :math:`\gamma_-` = ``gamma_neg``, :math:`\varepsilon` = ``label_smoothing`` and K classes,

    .. math:: \mathrm{ASL} = -\Big(1 - \varepsilon + \frac{\varepsilon}{K}\Big) (1 - p_y)^{\gamma_+} \log p_y
        - \frac{\varepsilon}{K} \sum_{j \ne y} p_j^{\gamma_-} \log p_j

    With both gammas 0 it is cross-entropy with label smoothing, whose gradient is :math:`p - y'`. Without
    smoothing it is softmax focal loss, and ``gamma_neg`` does nothing.

    Peers: the paper has only the form for several labels; this is that of the authors' code, which rounds
    :math:`1 - p_y` to 0 for sure predictions. A class masked by -inf adds nothing, unless ``gamma_neg`` is 0: then
    its smoothed share makes the loss infinite. Forward and backward together hold 2 to 3 times the memory of the
    logits.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,) or (N, d1, …).
        gamma_pos: focusing parameter of the true class, at least 0.
        gamma_neg: focusing parameter of the other classes, at least 0.
        label_smoothing: share of the uniform distribution in the target, in [0, 1].
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``target``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[0.1, 0.7, 0.2]]).log()
        >>> softmax_asymmetric_loss(logits, torch.tensor([1]), gamma_pos=1.0)
        tensor(0.1000)

    References:
        Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter and Zelnik-Manor, 2021, ICCV, and its published code,
        class ASLSingleLabel (arXiv:2009.14119).
    """
    logits = _checks.class_logits(logits)
    y, _ = _checks.class_target(target, logits)
    gamma_pos = _checks.number("gamma_pos", gamma_pos, "[0, inf)")
    gamma_neg = _checks.number("gamma_neg", gamma_neg, "[0, inf)")
    epsilon = _checks.number("label_smoothing", label_smoothing, "[0, 1]")
    return _checks.reduce(_softmax_asymmetric(logits, y, gamma_pos, gamma_neg, epsilon), reduction)


@with_backward(classes.softmax_asymmetric, classes.by_class)
def _softmax_asymmetric(logits: Tensor, y: Tensor, gamma_pos: float, gamma_neg: float, epsilon: float) -> Tensor:
    r, log_p, share = log_odds_against(logits, y), log_softmax(logits), epsilon / logits.shape[1]
    true = torch.exp(gamma_pos * logsigmoid(r)) * logsigmoid(-r)
    p_to_gamma = torch.exp(gamma_neg * log_p.clamp(min=torch.finfo(log_p.dtype).min))
    others = times_log(p_to_gamma, log_p).scatter(1, y.unsqueeze(1), 0).sum(1)
    return -(1 - epsilon + share) * true - share * others


def logit_adjusted_loss(
    logits: Tensor,
    target: Tensor,
    *,
    counts: Sequence[float] | Tensor,
    tau: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Cross-entropy after the classes' log-frequencies are added to the logits.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`\pi_k = n_k / N` from :math:`n` = ``counts`` and
    :math:`\tau` = ``tau``,

    .. math:: \mathrm{LA} = \log\Big[1 + \sum_{j \ne y} \Big(\frac{\pi_j}{\pi_y}\Big)^\tau e^{z_j - z_y}\Big]
        = -\log \mathrm{softmax}(z + \tau \log \pi)_y

    and the gradient is :math:`\mathrm{softmax}(z + \tau \log \pi) - y`. The frequencies enter in training only: at
    ``tau`` 1 the largest of the plain logits then answers for the balanced error, in which every class counts the
    same. At ``tau`` 0 it is cross-entropy.

    Peers: the authors' code agrees; "balanced softmax" is the same at ``tau`` 1.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,) or (N, d1, …).
        counts: training examples per class, in their order, shape (K,), each above 0.
        tau: strength, at least 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``target``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, a count is not above 0, or ``tau`` is negative.

    Example:
        >>> logit_adjusted_loss(torch.zeros(2, 2), torch.tensor([0, 1]), counts=[90, 10], reduction="none")
        tensor([0.1054, 2.3026])

    References:
        Menon, Jayasumana, Rawat, Jain, Veit and Kumar, 2021, ICLR, equation 10 (arXiv:2007.07314).
    """
    logits = _checks.class_logits(logits)
    y, _ = _checks.class_target(target, logits)
    n = _checks.counts(counts, logits)
    tau = _checks.number("tau", tau, "[0, inf)")
    adjusted = centred(logits) + tau * per_class(n.log(), logits)
    return _checks.reduce(-logsigmoid(-log_odds_against(adjusted, y)), reduction)


def ldam_loss(
    logits: Tensor,
    target: Tensor,
    *,
    counts: Sequence[float] | Tensor,
    max_margin: float = 0.5,
    scale: float = 30.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Cross-entropy that asks rarer classes to win by a larger margin.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`n` = ``counts``, :math:`s` = ``scale`` and :math:`w` =
    ``weight``,

    .. math:: \mathrm{LDAM} = -w_y \log \frac{e^{s (z_y - \Delta_y)}}{e^{s (z_y - \Delta_y)} +
        \sum_{j \ne y} e^{s z_j}}, \qquad \Delta_k = \frac{C}{n_k^{1/4}}

    where C makes the largest margin, that of the rarest class, ``max_margin``. The gradient is
    :math:`s\, w_y (\mathrm{softmax}(s (z - \Delta_y [j = y])) - y)`. The logits are meant to be cosines, between -1
    and 1, from normalised features and weights, which is why they need a scale.

    Peers: the paper has no scale in the formula (s = 1) and tunes C; the authors' code has this form.

    Args:
        logits: shape (N, K) or (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N,) or (N, d1, …).
        counts: training examples per class, in their order, shape (K,), each above 0.
        max_margin: margin of the rarest class, at least 0, in the unit of the logits.
        scale: multiplies logits and margins, above 0.
        weight: one factor per class, shape (K,), each at least 0; None is all ones.
        reduction: "none", "mean" (weighted) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``target``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, a count is not above 0, or an option is outside
            its range.

    Example:
        >>> cosines = torch.tensor([[0.5, 0.0], [0.0, 0.5]])
        >>> ldam_loss(cosines, torch.tensor([0, 1]), counts=[160, 10], scale=2.0, reduction="none")
        tensor([0.4741, 0.6931])

    References:
        Cao, Wei, Gaidon, Arechiga and Ma, 2019, NeurIPS, section 3.2 (arXiv:1906.07413).
    """
    logits = _checks.class_logits(logits)
    y, _ = _checks.class_target(target, logits)
    n = _checks.counts(counts, logits)
    max_margin = _checks.number("max_margin", max_margin, "[0, inf)")
    scale = _checks.number("scale", scale, "(0, inf)")
    w_y = _checks.class_weight(weight, logits)[y]
    delta = (max_margin * (n.min() / n) ** 0.25).to(logits.dtype)[y].unsqueeze(1)
    shifted = centred(logits).scatter_add(1, y.unsqueeze(1), -delta)
    return _checks.reduce(-w_y * logsigmoid(-log_odds_against(scale * shifted, y)), reduction, w_y)


def distribution_balanced_loss(
    logits: Tensor,
    target: Tensor,
    *,
    counts: Sequence[float] | Tensor,
    total: int,
    alpha: float = 0.1,
    beta: float = 10.0,
    mu: float = 0.2,
    kappa: float = 0.05,
    scale: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Binary cross-entropy for many labels, rebalanced where labels come together, tolerant of negatives.

    With :math:`z` = ``logits``, :math:`y` = ``target``, :math:`n` = ``counts``, :math:`N` = ``total``, and
    :math:`\alpha, \beta, \mu, \kappa, \lambda` = ``alpha``, ``beta``, ``mu``, ``kappa``, ``scale``,

    .. math:: \mathrm{DB}_k = \hat r_k \Big[ y_k \log(1 + e^{-(z_k - \nu_k)})
        + \frac{1}{\lambda} (1 - y_k) \log(1 + e^{\lambda (z_k - \nu_k)}) \Big]

    .. math:: \hat r_k = \alpha + \sigma(\beta (r_k - \mu)), \qquad
        r_k = \frac{1 / n_k}{\sum_{j: y_j = 1} 1 / n_j}, \qquad \nu_k = \kappa \log(N / n_k - 1)

    Its gradient is :math:`\hat r_k [(1 - y_k)\, \sigma(\lambda (z_k - \nu_k)) - y_k\, \sigma(\nu_k - z_k)]`. The
    weight :math:`r_k` compares how often class-balanced sampling means to draw an example with how often it would,
    given all its labels; an example without labels has infinite :math:`r`, so :math:`\hat r = \alpha + 1`.

    Peers: the authors' code divides :math:`\nu` by the scale once more, and by default multiplies by a focal
    factor, the paper's variant DB-Focal.

    Args:
        logits: shape (N, K), one logit per label.
        target: 0 or 1, of the shape of ``logits``.
        counts: training examples that have each label, shape (K,), each above 0 and below ``total``.
        total: training examples.
        alpha: smallest weight, at least 0.
        beta: steepness of the smoothed weight, above 0.
        mu: the ratio :math:`r` at which the smoothed weight is half-way.
        kappa: strength of the bias by label, at least 0.
        scale: how much flatter negatives are than positives, above 0.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``logits``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> options = {"counts": [50, 5], "total": 100, "reduction": "none"}
        >>> distribution_balanced_loss(torch.zeros(1, 2), torch.tensor([[1, 1]]), **options)
        tensor([[0.2436, 0.8458]])

    References:
        Wu, Huang, Liu, Wang and Lin, 2020, ECCV, section 3 (arXiv:2007.09654).
    """
    logits = _checks.label_logits(logits)
    y = _checks.binary_target(target, logits)
    n = _checks.counts(counts, logits)
    total = _checks.integer("total", total)
    _checks.within(n, 0, total, f"every count must be below total {total}", high_in=False)
    alpha, mu = _checks.number("alpha", alpha, "[0, inf)"), _checks.number("mu", mu, "[0, inf)")
    beta, scale = _checks.number("beta", beta, "(0, inf)"), _checks.number("scale", scale, "(0, inf)")
    kappa = _checks.number("kappa", kappa, "[0, inf)")
    rarity, nu = (1 / n).to(logits).expand_as(logits), (kappa * torch.log(total / n - 1)).to(logits).expand_as(logits)
    return _checks.reduce(_distribution_balanced(logits, y, rarity, nu, alpha, beta, mu, scale), reduction)


@with_slope(elementwise.distribution_balanced)
def _distribution_balanced(
    z: Tensor, y: Tensor, rarity: Tensor, nu: Tensor, alpha: float, beta: float, mu: float, scale: float
) -> Tensor:
    r = rarity / (y * rarity).sum(1, keepdim=True)
    r_hat = alpha + torch.sigmoid(beta * (r - mu))
    positive, negative = logsigmoid(z - nu), logsigmoid(-scale * (z - nu)) / scale
    return -r_hat * torch.where(y == 1, positive, negative)


def ohem_loss(logits: Tensor, target: Tensor, *, keep: int = 128, reduction: str = "mean") -> Tensor:
    r"""Binary cross-entropy of the hardest examples alone (online hard example mining).

    With :math:`\ell_i` the binary cross-entropy of element i of ``logits`` and ``target``, and B = ``keep``,

    .. math:: \mathrm{OHEM} = \frac{1}{B} \sum_{i \in H} \ell_i, \qquad H: \text{the } B \text{ largest } \ell_i

    The gradient is that of binary cross-entropy for the examples in H, and 0 for all others, whatever they would
    have to say: the price of mining, next to the sorting. At ``keep`` as large as the batch it is binary
    cross-entropy.

    Peers: the paper ranks regions of an image by the loss of a read-only copy of the network, after removing
    overlapping ones, and shares B = 128 between two images; here the batch itself is ranked. Forward, sorting and
    backward together hold 5 times the memory of the logits.

    Args:
        logits: any shape, one independent logit per element.
        target: 0 or 1, of the shape of ``logits``.
        keep: how many elements to keep, at least 1; more than there are keeps all.
        reduction: "none" (0 for elements that are dropped), "mean" (over the kept) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``logits``.

    Raises:
        TypeError: if an argument has the wrong type, for instance a ``keep`` that is not an integer.
        ValueError: if shapes differ, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> ohem_loss(torch.tensor([0.0, -3.0, 2.0]), torch.tensor([1, 0, 0]), keep=2, reduction="none")
        tensor([0.6931, 0.0000, 2.1269])

    References:
        Shrivastava, Gupta and Girshick, 2016, CVPR, section 4 (arXiv:1604.03540).
    """
    z = _checks.floats("logits", logits)
    y = _checks.binary_target(target, z)
    keep = _checks.integer("keep", keep, "[1, inf)")
    if torch.compiler.is_compiling():  # where no shape may depend on whether the batch is smaller than ``keep``
        loss = _binary_cross_entropy(z, y, 1.0)
        kept = loss.detach().flatten().argsort(descending=True).argsort().view_as(loss) < keep
        return _checks.reduce(kept * loss, reduction, kept)
    with torch.no_grad():
        each = _binary_cross_entropy(z, y, 1.0).flatten()
        hardest = each.topk(min(keep, each.numel())).indices
    loss = _binary_cross_entropy(z.flatten().gather(0, hardest), y.flatten().gather(0, hardest), 1.0)
    if reduction == "none":
        return torch.zeros_like(each).scatter(0, hardest, loss).view_as(z)
    return _checks.reduce(loss, reduction)
