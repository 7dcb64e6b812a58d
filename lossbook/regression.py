r"""Losses for predicting numbers: what they charge for an error, and so which summary of the data they find.

All take ``pred`` and ``target`` of one shape and never broadcast. Below, the error is
:math:`e = \text{pred} - \text{target}`, in the unit of the target, and the gradient is that of one element with
respect to ``pred``. "mean" is over all elements. Half precision is computed and returned in float32.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from lossbook import _checks
from lossbook._fast import elementwise, with_slope


def mse_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Squared error: twice the error costs four times as much.

    With :math:`e` = ``pred`` - ``target``,

    .. math:: \mathrm{SE} = e^2

    and the gradient is :math:`2e`. In squared units of the target. The constant that minimises it over a sample
    is the sample's mean, so a single outlier can move it anywhere.

    Peers: torch and scikit-learn agree; optax's ``l2_loss`` is half of it. torch broadcasts with a warning.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or ``reduction`` is unknown.

    Example:
        >>> mse_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(5.)

    References:
        Gauss, 1809, Theoria motus corporum coelestium, book 2, section 3.
    """
    pred, target = _pair(pred, target)
    return _torch(functional.mse_loss, pred, target, reduction)


def rmse_loss(pred: Tensor, target: Tensor) -> Tensor:
    r"""Root of the mean squared error, back in the unit of the target.

    With :math:`e` = ``pred`` - ``target`` and N elements,

    .. math:: \mathrm{RMSE} = \sqrt{\frac{1}{N} \sum_i e_i^2}

    and the gradient with respect to element i is :math:`e_i / (N\, \mathrm{RMSE})`, taken as 0 where all errors
    are 0. It shares its minimiser with the mean squared error, but not the size of the gradient, whose norm is
    :math:`1/\sqrt N` however large the errors are. One number for a whole sample: there is no reduction to choose.

    Peers: the square root of torch's mse_loss has the same value, and a gradient of NaN where all errors are 0.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.

    Returns:
        A scalar ("none" would have no meaning).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, or a target is not finite.

    Example:
        >>> rmse_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(2.2361)

    References:
        Hyndman and Koehler, 2006, International Journal of Forecasting 22(4), section 2.1.
    """
    e = _error(pred, target)
    rmse: Tensor = torch.linalg.vector_norm(e) / max(e.numel(), 1) ** 0.5
    return rmse


def mae_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Absolute error: every unit of error costs the same.

    With :math:`e` = ``pred`` - ``target``,

    .. math:: \mathrm{AE} = |e|

    and the gradient is :math:`\mathrm{sign}(e)`, with 0 at :math:`e = 0`, where there is no derivative. In the
    unit of the target. The constant that minimises it over a sample is the median, which half the data may
    leave untouched.

    Peers: torch's l1_loss agrees, and broadcasts with a warning.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or ``reduction`` is unknown.

    Example:
        >>> mae_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(2.)

    References:
        Koenker and Bassett, 1978, Econometrica 46(1), for the median as its minimiser.
    """
    e = _error(pred, target)
    return _checks.reduce(e.abs(), reduction)


def huber_loss(pred: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Squared for small errors, linear for large ones.

    With :math:`e` = ``pred`` - ``target`` and :math:`\delta` = ``delta``,

    .. math:: H_\delta = \begin{cases} \tfrac12 e^2 & |e| \le \delta \\
        \delta\,(|e| - \tfrac12 \delta) & |e| > \delta \end{cases}

    and the gradient is :math:`e` clipped to :math:`[-\delta, \delta]`. In squared units of the target. Its
    minimiser over a sample lies between the mean (large ``delta``) and the median (small ``delta``).

    Peers: torch and optax agree. It is ``delta`` times smooth L1 with ``beta`` = ``delta``.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        delta: the error at which squared turns to linear, above 0, in the unit of the target.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or an option is outside its range.

    Example:
        >>> huber_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]), delta=2.0, reduction="none")
        tensor([0.5000, 4.0000])

    References:
        Huber, 1964, Annals of Mathematical Statistics 35(1).
    """
    pred, target = _pair(pred, target)
    _checks.number("delta", delta, "(0, inf)")
    return _torch(functional.huber_loss, pred, target, reduction, delta=delta)


def smooth_l1_loss(pred: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Absolute error with its corner rounded off.

    With :math:`e` = ``pred`` - ``target`` and :math:`\beta` = ``beta``,

    .. math:: S_\beta = \begin{cases} e^2 / (2 \beta) & |e| \le \beta \\ |e| - \tfrac12 \beta & |e| > \beta \end{cases}

    and the gradient is :math:`e / \beta` clipped to :math:`[-1, 1]`. In the unit of the target. It is
    :math:`H_\beta / \beta`, Huber's loss divided by its threshold: the two are equal only at 1.

    Peers: torch agrees, and takes ``beta`` 0 for the absolute error, which here is mae_loss.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        beta: the error at which squared turns to linear, above 0, in the unit of the target.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or an option is outside its range.

    Example:
        >>> smooth_l1_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]), beta=2.0, reduction="none")
        tensor([0.2500, 2.0000])

    References:
        Girshick, 2015, ICCV (Fast R-CNN), equation 3 (arXiv:1504.08083), which has ``beta`` 1.
    """
    pred, target = _pair(pred, target)
    _checks.number("beta", beta, "(0, inf)")
    return _torch(functional.smooth_l1_loss, pred, target, reduction, beta=beta)


def log_cosh_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Squared for small errors, linear for large ones, and smooth between.

    With :math:`e` = ``pred`` - ``target``,

    .. math:: \mathrm{LC} = \log \cosh e

    and the gradient is :math:`\tanh e`. About :math:`e^2 / 2` near 0 and :math:`|e| - \log 2` far away. The unit
    of the target decides where one turns into the other, at about 1: scale the target first.

    Peers: optax, keras and torchmetrics return 0 for an error of 1e-4, and torchmetrics overflows at 100.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or ``reduction`` is unknown.

    Example:
        >>> log_cosh_loss(torch.tensor([1.0, 100.0]), torch.zeros(2), reduction="none")
        tensor([ 0.4338, 99.3069])

    References:
        Green, 1990, IEEE Transactions on Medical Imaging 9(1).
    """
    e = _error(pred, target)
    return _checks.reduce(_log_cosh(e), reduction)


@with_slope(elementwise.log_cosh)
def _log_cosh(e: Tensor) -> Tensor:
    inner = torch.where(e.abs() > 20, 20 * e.sign(), e)  # beyond 20, log cosh grows by as much as |e|
    return torch.log1p(2 * (inner / 2).sinh() ** 2) + (e - inner).abs()  # cosh e = 1 + 2 sinh²(e/2)


def quantile_loss(pred: Tensor, target: Tensor, *, quantile: float = 0.5, reduction: str = "mean") -> Tensor:
    r"""Absolute error that charges differently for too low and too high (the pinball loss).

    With :math:`e` = ``pred`` - ``target`` and :math:`\tau` = ``quantile``,

    .. math:: Q_\tau = \begin{cases} -\tau\, e & e < 0 \quad\text{(too low)} \\ (1 - \tau)\, e & e \ge 0 \end{cases}

    and the gradient is :math:`-\tau` below the target, :math:`1 - \tau` above, and half-way between at
    :math:`e = 0`. In the unit of the target. The constant that minimises it over a sample is the sample's
    :math:`\tau`-quantile; at 0.5 it is half the absolute error.

    Peers: scikit-learn's mean_pinball_loss agrees; torch has none.

    Args:
        pred: predictions, any shape.
        target: what was observed, finite, of the shape of ``pred``.
        quantile: the share of targets that should fall below the prediction, between 0 and 1, ends excluded.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``pred``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a target is not finite, or an option is outside its range.

    Example:
        >>> quantile_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]), quantile=0.9, reduction="none")
        tensor([0.9000, 0.3000])

    References:
        Koenker and Bassett, 1978, Econometrica 46(1), section 3.
    """
    e = _error(pred, target)
    tau = _checks.number("quantile", quantile, "(0, 1)")
    return _checks.reduce(torch.maximum(-tau * e, (1 - tau) * e), reduction)


def _pair(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    pred = _checks.floats("pred", pred)
    return pred, _checks.real_target(target, pred)


def _error(pred: Tensor, target: Tensor) -> Tensor:
    pred, target = _pair(pred, target)
    e = pred - target
    _checks.finite_target(target, e)
    return e


def _torch(loss: Callable[..., Tensor], pred: Tensor, target: Tensor, reduction: str, **options: float) -> Tensor:
    if reduction in {"mean", "sum"} and pred.numel() > 0:  # torch's mean of nothing is NaN
        value = loss(pred, target, reduction=reduction, **options)  # one pass less than "none" and a sum
    else:
        value = _checks.reduce(loss(pred, target, reduction="none", **options), reduction)
    _checks.finite_target(target, value)
    return value
