r"""Losses that see a mask as one thing: how much of what is predicted and what is true they share.

Axis 0 is the examples, and all further axes are one mask: ``logits`` and ``target`` have shape (N, d1, …), for classes
(N, K, d1, …) and (N, d1, …). "none" gives one loss for each example. With the probabilities :math:`p_i` and the truth
:math:`t_i`, 0 or 1, the losses count softly

.. math:: TP = \sum_i t_i\, p_i, \qquad FP = \sum_i (1 - t_i)\, p_i, \qquad FN = \sum_i t_i (1 - p_i)

and where a quotient is 0/0 it counts as 0. Half precision is computed and returned in float32.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._fast import segmentation, with_backward
from lossbook._stable import quotient
from lossbook.classification import binary_cross_entropy_with_logits


def dice_loss(logits: Tensor, target: Tensor, *, smooth: float = 0.0, reduction: str = "mean") -> Tensor:
    r"""One minus the Dice score, twice what two sets share over the sum of their sizes.

    With :math:`p = \sigma(` ``logits`` :math:`)`, :math:`t` = ``target``, :math:`s` = ``smooth`` and the soft counts,

    .. math:: \mathrm{Dice} = \frac{FP + FN}{2\, TP + FP + FN + s} =: L

    and the gradient by :math:`p_i` is :math:`(1 - 2 t_i - L) / (2\, TP + FP + FN + s)`, times :math:`p_i (1 - p_i)`
    by a logit: it dies when the model is surely empty. For masks whose object is small. It is not proper: of pixels
    that are object with probability 0.6, it is smallest at :math:`p = 1`. An empty mask costs 1 for any p above 0,
    with gradient 0, unless ``smooth`` is above 0.

    Peers: MONAI and segmentation-models-pytorch subtract the score from 1, which rounds away losses below 1e-7, and
    have a ``smooth`` in the numerator too; Milletari and others square p and t in the denominator.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        smooth: added to the denominator, at least 0; with 1, an empty mask pulls p towards 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, 9.0, 9.0, 9.0, -9.0, -9.0, -9.0]])
        >>> dice_loss(logits, torch.tensor([[1, 1, 1, 0, 0, 1, 0, 0]]))
        tensor(0.3334)

    References:
        Dice, 1945, Ecology 26(3), for the score.
        Milletari, Navab and Ahmadi, 2016, 3DV, for the loss (arXiv:1606.04797).
    """
    tp, fp, fn = _overlap(logits, target)
    s = _checks.number("smooth", smooth, "[0, inf)")
    return _checks.reduce(quotient(fp + fn, 2 * tp + fp + fn + s), reduction)


def jaccard_loss(logits: Tensor, target: Tensor, *, smooth: float = 0.0, reduction: str = "mean") -> Tensor:
    r"""One minus the Jaccard index, what two sets share over what they cover together (IoU).

    With :math:`p = \sigma(` ``logits`` :math:`)`, :math:`t` = ``target``, :math:`s` = ``smooth`` and the soft counts,

    .. math:: \mathrm{J} = \frac{FP + FN}{TP + FP + FN + s} =: L

    and the gradient by :math:`p_i` is :math:`(1 - L) / (TP + FP + FN + s)` where :math:`t_i = 0`, else
    :math:`-1 / (TP + FP + FN + s)`. It orders masks as Dice does, :math:`L = 2 D / (1 + D)` for a Dice loss D at
    ``smooth`` 0, and is as improper.

    Peers: segmentation-models-pytorch subtracts the score from 1, which rounds away losses below 1e-7.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        smooth: added to the denominator, at least 0; with 1, an empty mask pulls p towards 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, 9.0, 9.0, 9.0, -9.0, -9.0, -9.0]])
        >>> jaccard_loss(logits, torch.tensor([[1, 1, 1, 0, 0, 1, 0, 0]]))
        tensor(0.5000)

    References:
        Rahman and Wang, 2016, Advances in Visual Computing (ISVC).
    """
    tp, fp, fn = _overlap(logits, target)
    s = _checks.number("smooth", smooth, "[0, inf)")
    return _checks.reduce(quotient(fp + fn, tp + fp + fn + s), reduction)


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Dice or Jaccard with a price of its own for each kind of error.

    With :math:`p = \sigma(` ``logits`` :math:`)`, :math:`t` = ``target``, :math:`\alpha` = ``alpha``, :math:`\beta` =
    ``beta``, :math:`s` = ``smooth`` and the soft counts,

    .. math:: \mathrm{Tv} = \frac{\alpha\, FP + \beta\, FN}{TP + \alpha\, FP + \beta\, FN + s} =: L

    With D for the denominator, the gradient by :math:`p_i` is :math:`\alpha (1 - L) / D` where :math:`t_i = 0`, else
    :math:`-(\beta + L (1 - \beta)) / D`. At :math:`\alpha = \beta = 1/2` it is Dice (with half its ``smooth``), at 1 it
    is Jaccard. A larger ``beta`` finds more of the object and paints over more of the rest.

    Peers: keras 3.15.1 swaps the two prices; kornia before 0.9 used their sum alone.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        alpha: price of a pixel painted too much (FP), at least 0.
        beta: price of a pixel missed (FN), above 0, or an empty answer would be perfect.
        smooth: added to the denominator, at least 0; with 1, an empty mask pulls p towards 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, 9.0, 9.0, 9.0, -9.0, -9.0, -9.0]])
        >>> tversky_loss(logits, torch.tensor([[1, 1, 1, 0, 0, 1, 0, 0]]), alpha=0.3, beta=0.7)
        tensor(0.3024)

    References:
        Salehi, Erdogmus and Gholipour, 2017, MLMI (arXiv:1706.05721).
    """
    return _checks.reduce(_tversky(logits, target, alpha, beta, smooth), reduction)


def focal_tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    gamma: float = 0.75,
    smooth: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""The Tversky loss raised to a power, which weighs the masks by how badly they are predicted.

    With the Tversky loss :math:`L` of ``logits`` and ``target`` (at ``alpha``, ``beta`` and ``smooth``) and
    :math:`\gamma` = ``gamma``,

    .. math:: \mathrm{FTv} = L^\gamma

    and the gradient is that of L times :math:`\gamma L^{\gamma - 1}`: below 1 it grows without bound as a mask becomes
    perfect, above 1 it dies there. Where L is exactly 0 the gradient counts as 0.

    Peers: the paper writes the power as :math:`1/\gamma`, so its 4/3 is 0.75 here; segmentation-models-pytorch raises
    to ``gamma`` as here, and gives NaN gradients for a perfect mask.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        alpha: price of a pixel painted too much (FP), at least 0.
        beta: price of a pixel missed (FN), above 0.
        gamma: the power, above 0; at 1 it is the Tversky loss.
        smooth: added to the denominator, at least 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, 9.0, 9.0, 9.0, -9.0, -9.0, -9.0]])
        >>> focal_tversky_loss(logits, torch.tensor([[1, 1, 1, 0, 0, 1, 0, 0]]), gamma=0.5)
        tensor(0.5774)

    References:
        Abraham and Khan, 2019, ISBI (arXiv:1810.07842).
    """
    _checks.number("gamma", gamma, "(0, inf)")
    loss = _tversky(logits, target, alpha, beta, smooth)
    perfect = loss == 0
    return _checks.reduce(torch.where(perfect, 0, torch.where(perfect, 1, loss) ** gamma), reduction)


def combo_loss(
    logits: Tensor, target: Tensor, *, weight: float = 0.5, smooth: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Binary cross-entropy and Dice in one sum: the first keeps a gradient where the second has none.

    With :math:`w` = ``weight``, the Dice loss of ``logits`` and ``target`` (at ``smooth``) and their binary
    cross-entropy, averaged over the pixels of each mask,

    .. math:: \mathrm{Combo} = w\, \mathrm{BCE} + (1 - w)\, \mathrm{Dice}

    and the gradient is that of the sum: an empty mask still pulls, by cross-entropy. It is minimised by probabilities
    between those of the two.

    Peers: the paper subtracts the Dice score, which lowers the loss by :math:`1 - w`, and weighs the two terms of the
    cross-entropy; MONAI's DiceCELoss adds both with weight 1.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        weight: share of cross-entropy, in [0, 1].
        smooth: added to the denominator of Dice, at least 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> combo_loss(torch.zeros(1, 4), torch.tensor([[1, 1, 0, 0]]), weight=0.25)  # 0.25 log 2 + 0.75 · 0.5
        tensor(0.5483)

    References:
        Taghanaki, Zheng, Zhou, Georgescu, Sharma, Xu, Comaniciu and Hamarneh, 2019, Computerized Medical Imaging and
        Graphics 75 (arXiv:1805.02798).
    """
    z, t = _masks(logits, target)
    w = _checks.number("weight", weight, "[0, 1]")
    bce = binary_cross_entropy_with_logits(z, t, reduction="none").sum(1) / max(z.shape[1], 1)
    return _checks.reduce(w * bce + (1 - w) * dice_loss(z, t, smooth=smooth, reduction="none"), reduction)


def softmax_dice_loss(
    logits: Tensor, target: Tensor, *, smooth: float = 0.0, classes: str = "present", reduction: str = "mean"
) -> Tensor:
    r"""The Dice loss of each class against all others, averaged over the classes.

    With :math:`p = \mathrm{softmax}(` ``logits`` :math:`)`, :math:`y` = ``target``, :math:`s` = ``smooth`` and the soft
    counts of class k, whose truth is :math:`t_i = [y_i = k]`,

    .. math:: \mathrm{Dice} = \frac{1}{|C|} \sum_{k \in C} \frac{FP_k + FN_k}{2\, TP_k + FP_k + FN_k + s}

    where C is the classes of the example or all K. The gradient by :math:`p_{ik}` is that of Dice for class k, divided
    by :math:`|C|`. It is not proper, as Dice is not.

    Peers: kornia's Dice counts the background as a class; MONAI takes ``include_background``.

    Args:
        logits: shape (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N, d1, …).
        smooth: added to the denominator, at least 0.
        classes: "present" leaves out the classes that an example does not have, "all" counts them: as 1 for any p
            above 0, without gradient unless ``smooth`` is above 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, or an option is outside its range.

    Example:
        >>> softmax_dice_loss(torch.zeros(1, 2, 4), torch.tensor([[1, 1, 1, 0]]))  # (0.4 + 2/3) / 2
        tensor(0.5333)

    References:
        Sudre, Li, Vercauteren, Ourselin and Cardoso, 2017, DLMIA, who weigh the classes (arXiv:1707.03237).
    """
    errors, truth = _softmax_errors(logits, target)
    s = _checks.number("smooth", smooth, "[0, inf)")
    fn, fp = (truth * errors).sum(2), ((1 - truth) * errors).sum(2)
    loss = quotient(fp + fn, 2 * (truth.sum(2) - fn) + fp + fn + s)
    return _checks.reduce(_class_mean(loss, truth, classes), reduction)


def lovasz_hinge_loss(logits: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The Jaccard loss of sets of pixels, extended to hinge errors by what each pixel adds to it.

    With :math:`z` = ``logits``, :math:`t` = ``target`` and the errors :math:`m_i = \max(0, 1 - (2 t_i - 1) z_i)`,
    sorted so that :math:`m_1 \ge m_2 \ge \dots`,

    .. math:: \mathrm{LH} = \sum_k m_k\, [\, \Delta(k) - \Delta(k - 1) \,]

    where :math:`\Delta(k)` is the Jaccard loss of a mask that is wrong in the first k pixels. With :math:`I_k` pixels
    that are then still shared and :math:`U_k` in the union, the bracket is :math:`1 / U_k` for a pixel of the object
    and :math:`I_k / (U_k U_{k-1})` for another. The gradient is :math:`-(2 t_i - 1)` times the bracket, 0 beyond the
    margin. A mask whose logits are all -1 or 1 costs twice its Jaccard loss. What minimises it is a mask, not a
    probability.

    Peers: the authors' code, segmentation-models-pytorch and kornia subtract neighbouring Jaccard losses, which for a
    million pixels leaves 6 in 100 of those inside the margin without a gradient.

    Args:
        logits: shape (N, d1, …), one mask for each example.
        target: 0 or 1, of the shape of ``logits``.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ or have one axis, a target is not 0 or 1, or ``reduction`` is unknown.

    Example:
        >>> lovasz_hinge_loss(torch.tensor([[0.5, -1.0, -0.5]]), torch.tensor([[1, 1, 0]]))  # 2/2 + 0.5/2 + 0.5 · 0
        tensor(1.2500)

    References:
        Berman, Rannen Triki and Blaschko, 2018, CVPR, algorithm 1 (arXiv:1705.08790).
    """
    z, t = _masks(logits, target)
    return _checks.reduce(_lovasz((1 - (2 * t - 1) * z).relu(), t), reduction)


def lovasz_softmax_loss(
    logits: Tensor, target: Tensor, *, classes: str = "present", reduction: str = "mean"
) -> Tensor:
    r"""The Jaccard loss of each class, extended to the errors of softmax, averaged over the classes.

    With :math:`p = \mathrm{softmax}(` ``logits`` :math:`)` and :math:`y` = ``target``, pixel i has for class k the
    error :math:`m_{ik} = |[y_i = k] - p_{ik}|`. With the sum of ``lovasz_hinge_loss`` over sorted errors,

    .. math:: \mathrm{LS} = \frac{1}{|C|} \sum_{k \in C} \sum_j m_{jk}\, [\, \Delta_k(j) - \Delta_k(j - 1) \,]

    where C is the classes of the example or all K. The gradient by :math:`m_{jk}` is its bracket over :math:`|C|`.
    It is minimised by the truth; it does not ask for probabilities.

    Peers: segmentation-models-pytorch means "present" classes and takes all images as one unless told otherwise; kornia
    means all.

    Args:
        logits: shape (N, K, d1, …), K at least 2.
        target: integer classes from 0 to K - 1, shape (N, d1, …).
        classes: "present" leaves out the classes that an example does not have, "all" counts them: as the largest
            error.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a class does not exist, or an option is unknown.

    Example:
        >>> lovasz_softmax_loss(torch.zeros(1, 2, 4), torch.tensor([[1, 1, 1, 0]]))
        tensor(0.5000)

    References:
        Berman, Rannen Triki and Blaschko, 2018, CVPR (arXiv:1705.08790).
    """
    errors, truth = _softmax_errors(logits, target)
    return _checks.reduce(_class_mean(_lovasz(errors, truth), truth, classes), reduction)


def _masks(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and truth as (N, pixels).

    Raises:
        ValueError: unless there is an axis of pixels.
    """
    z = _checks.floats("logits", logits)
    if z.ndim < 2:
        raise ValueError(f"logits must have shape (N, d1, ...), one mask for each example, got {tuple(z.shape)}")
    return z.flatten(1), _checks.binary_target(target, z).detach().flatten(1)


def _overlap(logits: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return _soft_counts(*_masks(logits, target)).unbind(1)


@with_backward(segmentation.overlap, segmentation.overlap_backward)
def _soft_counts(z: Tensor, t: Tensor) -> Tensor:
    # The probability of the other answer is sigmoid((1 - 2t) z), so no digit of it is lost in 1 - p.
    wrong = logsigmoid((1 - 2 * t) * z).exp()
    fn, fp = (t * wrong).sum(1), ((1 - t) * wrong).sum(1)
    return torch.stack([t.sum(1) - fn, fp, fn], 1)


def _tversky(logits: Tensor, target: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    tp, fp, fn = _overlap(logits, target)
    _checks.number("alpha", alpha, "[0, inf)")
    _checks.number("beta", beta, "(0, inf)")
    s = _checks.number("smooth", smooth, "[0, inf)")
    errors = alpha * fp + beta * fn
    return quotient(errors, tp + errors + s)


def _softmax_errors(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far each pixel is from the truth in each class, and that truth, both (N, K, pixels).

    Raises:
        ValueError: unless there is an axis of pixels.
    """
    z = _checks.class_logits(logits)
    if z.ndim < 3:
        raise ValueError(f"logits must have shape (N, K, d1, ...), got {tuple(z.shape)}")
    y = _checks.class_target(target, z)[0].flatten(1).unsqueeze(1)
    p = z.flatten(2).softmax(1)
    others = p.scatter(1, y, 0)
    # 1 - p_y is the sum of the others.
    return others.scatter(1, y, others.sum(1, keepdim=True)), torch.zeros_like(p).scatter(1, y, 1)


def _class_mean(loss: Tensor, truth: Tensor, classes: str) -> Tensor:
    if classes not in ("present", "all"):
        raise ValueError(f'classes must be "present" or "all", got {classes!r}')
    counted = (truth.sum(2) > 0) if classes == "present" else torch.ones_like(loss, dtype=torch.bool)
    return (loss * counted).sum(1) / counted.sum(1).clamp(min=1)


def _lovasz(errors: Tensor, truth: Tensor) -> Tensor:
    """Return the sum over pixels, the last axis, of each error times what a mistake there adds to the Jaccard loss."""
    errors, order = errors.sort(dim=-1, descending=True)
    t = truth.gather(-1, order)
    shared = t.sum(-1, keepdim=True) - t.cumsum(-1)
    union = t.sum(-1, keepdim=True) + (1 - t).cumsum(-1)
    before = union + t - 1
    step = torch.where(t == 1, 1 / union, torch.where(before > 0, shared / (union * before), 1))  # no object: 1, 0, 0 …
    return (errors * step).sum(-1)
