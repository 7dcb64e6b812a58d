r"""Losses between things that lie in space: boxes, clouds of points, and masses that must be moved.

A box is its corners (x1, y1, x2, y2) with x1 ≤ x2 and y1 ≤ y2, in any unit; ``boxes1`` and ``boxes2`` have shape
(…, 4) and are compared pair by pair. Where both areas round to 0, equal boxes cost 0 and others 1 for the area. A
cloud is its points, shape (P, D), all of the same mass 1/P, in any order; N pairs of clouds are (N, P, D) and
(N, Q, D). All losses have gradients by both arguments. Half precision is computed and returned in float32.
"""

import math
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor

from lossbook import _checks, _transport
from lossbook._fast import geometry, with_backward
from lossbook._stable import quotient


def box_iou_loss(boxes1: Tensor, boxes2: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""One minus the area that two boxes share over the area that they cover together.

    With I the area of the intersection and U that of the union of ``boxes1`` and ``boxes2``,

    .. math:: \mathrm{IoU\ loss} = 1 - \frac{I}{U} = \frac{U - I}{U}

    whatever the scale. It is 0 for equal boxes only. The gradient is 0 where the boxes are apart: the loss cannot say
    which way to go.

    Peers: torchvision has no such loss; the paper takes :math:`-\log(I / U)`.

    Args:
        boxes1: shape (…, 4).
        boxes2: the shape of ``boxes1``.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (…).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a box is inverted or not finite, or ``reduction`` is unknown.

    Example:
        >>> box_iou_loss(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 0.0, 3.0, 2.0]))
        tensor(0.6667)

    References:
        Yu, Jiang, Wang, Cao and Huang, 2016, ACM Multimedia (arXiv:1608.01471).
    """
    return _checks.reduce(_one_minus_iou(_lengths(boxes1, boxes2)), reduction)


def giou_loss(boxes1: Tensor, boxes2: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The IoU loss, and the share of the enclosing box that neither box covers.

    With I and U the areas of intersection and union of ``boxes1`` and ``boxes2``, and C that of the smallest box around
    both,

    .. math:: \mathrm{GIoU\ loss} = 1 - \frac{I}{U} + \frac{C - U}{C}

    It is between 0 and 2, and is the IoU loss where one box is inside the other. Apart, the gradient shrinks what is
    empty of C; at first it does so by stretching a box.

    Peers: torchvision adds 1e-7 to both areas, so that equal boxes of side 1e-4 cost 0.9, and gives an inverted box a
    loss of 0.

    Args:
        boxes1: shape (…, 4).
        boxes2: the shape of ``boxes1``.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (…).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a box is inverted or not finite, or ``reduction`` is unknown.

    Example:
        >>> giou_loss(torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([3.0, 0.0, 4.0, 1.0]))  # C = 4, U = 2
        tensor(1.5000)

    References:
        Rezatofighi, Tsoi, Gwak, Sadeghian, Reid and Savarese, 2019, CVPR (arXiv:1902.09630).
    """
    pair = _lengths(boxes1, boxes2)
    return _checks.reduce(_one_minus_iou(pair) + _empty_share(pair), reduction)


def diou_loss(boxes1: Tensor, boxes2: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The IoU loss, and how far apart the centres are.

    With I and U the areas of intersection and union of ``boxes1`` and ``boxes2``, d the distance of their centres and c
    the diagonal of the smallest box around both,

    .. math:: \mathrm{DIoU\ loss} = 1 - \frac{I}{U} + \frac{d^2}{c^2}

    It is between 0 and 2. Apart, the gradient moves the centres together, and stretches the box since that lengthens c.

    Peers: torchvision adds 1e-7 to U and c², so that equal boxes of side 1e-4 cost 0.9.

    Args:
        boxes1: shape (…, 4).
        boxes2: the shape of ``boxes1``.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (…).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a box is inverted or not finite, or ``reduction`` is unknown.

    Example:
        >>> diou_loss(torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([3.0, 0.0, 4.0, 1.0]))  # 1 + 9/17
        tensor(1.5294)

    References:
        Zheng, Wang, Liu, Li, Ye and Ren, 2020, AAAI (arXiv:1911.08287).
    """
    pair = _lengths(boxes1, boxes2)
    return _checks.reduce(_one_minus_iou(pair) + _squared_distance(pair), reduction)


def ciou_loss(boxes1: Tensor, boxes2: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The DIoU loss, and how different the shapes are.

    With the terms of the DIoU loss of ``boxes1`` and ``boxes2``, of width w and height h,

    .. math:: \mathrm{CIoU\ loss} = 1 - \frac{I}{U} + \frac{d^2}{c^2} + \alpha v, \qquad
        v = \frac{4}{\pi^2} \Big(\arctan \frac{w_2}{h_2} - \arctan \frac{w_1}{h_1}\Big)^2, \qquad
        \alpha = \frac{v}{1 - I / U + v}

    where :math:`\alpha` is held constant: the gradient is that of the sum without it. It is between 0 and 3.

    Peers: torchvision agrees but for 1e-7 beside the areas, and gives NaN gradients where a height is 0; the paper
    reports that its implementation leaves the factor :math:`1 / (w^2 + h^2)` out of the gradient of v.

    Args:
        boxes1: shape (…, 4).
        boxes2: the shape of ``boxes1``.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (…).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a box is inverted or not finite, or ``reduction`` is unknown.

    Example:
        >>> ciou_loss(torch.tensor([0.0, 0.0, 8.0, 2.0]), torch.tensor([0.0, 0.0, 4.0, 4.0]))
        tensor(0.7470)

    References:
        Zheng, Wang, Liu, Li, Ye and Ren, 2020, AAAI (arXiv:1911.08287).
    """
    boxes1, boxes2 = _checks.floats("boxes1", boxes1), _checks.floats("boxes2", boxes2)
    pair = _lengths(boxes1, boxes2)
    one_minus_iou = _one_minus_iou(pair)
    v = 4 / math.pi**2 * (_arctan(boxes2) - _arctan(boxes1)).square()
    alpha = quotient(v, one_minus_iou + v).detach()
    return _checks.reduce(one_minus_iou + _squared_distance(pair) + alpha * v, reduction)


def chamfer_loss(x: Tensor, y: Tensor, *, norm: int = 2, reduction: str = "mean") -> Tensor:
    r"""How far the points of each cloud are from their nearest neighbour in the other.

    With the points :math:`x_i` of ``x`` and :math:`y_j` of ``y`` and :math:`p` = ``norm``,

    .. math:: \mathrm{CD} = \frac{1}{P} \sum_i \min_j \|x_i - y_j\|_p^p + \frac{1}{Q} \sum_j \min_i \|y_j - x_i\|_p^p

    which for 2 are squared distances. The gradient pulls each point to its nearest neighbour, and to the points whose
    nearest neighbour it is; at ties, to the first. It is 0 wherever the clouds are the same sets, whatever the number
    of points in each place: it does not compare distributions. Memory grows with P times Q.

    Peers: the paper sums instead of averaging; pytorch3d has ``norm`` 1 or 2 with the same meaning. A matrix of
    distances by ``torch.cdist``, which multiplies matrices by default, is useless for clouds far from the origin.

    Args:
        x: shape (P, D), or (N, P, D) for N clouds.
        y: shape (Q, D), or (N, Q, D).
        norm: 1 or 2, what is added up over the coordinates: distances or their squares.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a cloud is empty, a coordinate is not finite, or an option is unknown.

    Example:
        >>> chamfer_loss(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [0.0], [3.0]]))  # (0 + 1)/2 + (0 + 0 + 4)/3
        tensor(1.8333)

    References:
        Fan, Su and Guibas, 2017, CVPR (arXiv:1612.00603).
    """
    x, y = _clouds(x, y)
    if isinstance(norm, bool) or not isinstance(norm, Integral) or norm not in (1, 2):
        raise ValueError(f"norm must be 1 or 2, got {norm!r}")
    # The neighbours are found without gradient, and then the differences are taken: all digits of each.
    distance = torch.cdist(x.detach(), y.detach(), p=norm, compute_mode="donot_use_mm_for_euclid_dist")
    forth, back = x - _pick(y, distance.argmin(-1)), y - _pick(x, distance.argmin(-2))
    loss = (forth.abs() ** norm).sum(-1).mean(-1) + (back.abs() ** norm).sum(-1).mean(-1)
    return _checks.reduce(loss, reduction)


def emd_loss(x: Tensor, y: Tensor, *, cost: str | Tensor = "euclidean", reduction: str = "mean") -> Tensor:
    r"""The least work that turns one cloud into the other, mass times distance (the earth mover's distance).

    With plans :math:`T \ge 0` that take from each point of ``x`` its mass :math:`a_i` and bring each point of ``y``
    its mass :math:`b_j`, at :math:`C_{ij}` = ``cost`` for a unit of mass,

    .. math:: \mathrm{EMD} = \min_T \sum_{ij} T_{ij} C_{ij}, \qquad \sum_j T_{ij} = a_i, \quad \sum_i T_{ij} = b_j

    found exactly: as an assignment between clouds of equal size, else as a linear program. The gradient by a cost is
    the plan, so each point is pulled to where its mass goes; by a mass it is the price of a unit there, up to a
    constant. It is 0 for equal distributions only. In one dimension it is the area between the distribution functions.
    A program is slow: between 400 and 399 points it takes longer than an assignment of 1,000.

    Peers: POT's ``ot.emd2`` takes masses and costs and agrees.

    Args:
        x: a cloud, shape (P, D), or (N, P, D) for N of them; with a tensor for ``cost``, masses of shape (P,), at
            least 0.
        y: a cloud, shape (Q, D) or (N, Q, D); or masses of shape (Q,), of the same total.
        cost: "euclidean", "squared euclidean", or the cost between masses, shape (P, Q).
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a cloud is empty, a number is not finite, a mass is negative, the totals
            differ, or an option is unknown.
        RuntimeError: if the solver of the linear program gives up.

    Example:
        >>> emd_loss(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [0.0], [3.0]]))  # 1/3 · 2 + 1/6 · 0 + 1/6 · 1
        tensor(0.8333)

    References:
        Rubner, Tomasi and Guibas, 2000, International Journal of Computer Vision 40(2).
    """
    a, b, costs = _problem(x, y, cost)
    if isinstance(cost, str) and a.shape == b.shape:
        plan = _transport.assignment(costs.detach())
        return _checks.reduce(_narrow((plan * costs).sum((-2, -1)), x, y), reduction)
    plan, f, g = _transport.cheapest(costs.detach(), a.detach(), b.detach())
    prices = (f * (a - a.detach())).sum(-1) + (g * (b - b.detach())).sum(-1)  # 0, with the gradient of the masses
    return _checks.reduce(_narrow((plan * costs).sum((-2, -1)) + prices, x, y), reduction)


def sinkhorn_loss(
    x: Tensor, y: Tensor, *, reg: float, cost: str | Tensor = "squared euclidean", reduction: str = "mean"
) -> Tensor:
    r"""The cost of the plan that is blurred by entropy, and so is found by scaling rows and columns.

    With :math:`C` = ``cost``, :math:`\varepsilon` = ``reg`` and the masses a of ``x`` and b of ``y``,

    .. math:: \mathrm{SL} = \sum_{ij} T_{ij} C_{ij}, \qquad T = \arg\min_T \sum_{ij} T_{ij} C_{ij}
        + \varepsilon \sum_{ij} T_{ij} \log \frac{T_{ij}}{a_i b_j} = a_i b_j\, e^{(f_i + g_j - C_{ij}) / \varepsilon}

    over the plans of ``emd_loss``, which is its limit for small ``reg``; for large ``reg``, every point goes
    everywhere. The gradient is not the plan: the plan changes with the cost. The loss of a cloud with itself is not 0,
    and what minimises it is another cloud, mostly a shrunken one: see ``sinkhorn_divergence``.

    Peers: POT's ``ot.sinkhorn2`` returns the same number, and without the log domain 0 or NaN where ``reg`` is small.

    Args:
        x: a cloud, shape (P, D), or (N, P, D) for N of them; with a tensor for ``cost``, masses of shape (P,), at
            least 0.
        y: a cloud, shape (Q, D) or (N, Q, D); or masses of shape (Q,), of the same total.
        reg: strength of the entropy, above 0, in the unit of the costs; below about a millionth of the largest no plan
            is found.
        cost: "euclidean", "squared euclidean", or the cost between masses, shape (P, Q).
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a cloud is empty, a number is not finite, a mass is negative, the totals
            differ, an option is unknown, or ``reg`` is so small beside the costs that no plan is found.

    Example:
        >>> sinkhorn_loss(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [1.0]]), reg=0.5)  # 1 / (1 + exp(2))
        tensor(0.1192)

    References:
        Cuturi, 2013, NeurIPS (arXiv:1306.0895).
    """
    reg = float(_checks.number("reg", reg, "(0, inf)"))
    a, b, costs = _problem(x, y, cost)
    total = a.sum(-1, keepdim=True)
    a, b = a / total, b / b.sum(-1, keepdim=True)
    price_x, price_y = f, g = _transport.potentials(costs.detach(), a.detach(), b.detach(), reg)
    for _ in range(2):  # each step of Newton's makes one derivative more right, and leaves the value
        df, dg = _transport.newton_step(f, g, costs, a, b, reg)
        f, g = f + df, g + dg
    plan = a.unsqueeze(-1) * b.unsqueeze(-2) * _transport.exponent(f, g, costs, reg).exp()
    # 0, but where the steps cannot move a mass, its gradient is the price of it.
    lacking = (price_x * (a - plan.sum(-1))).sum(-1) + (price_y * (b - plan.sum(-2))).sum(-1)
    return _checks.reduce(_narrow(total.squeeze(-1) * ((plan * costs).sum((-2, -1)) + lacking), x, y), reduction)


def sinkhorn_divergence(x: Tensor, y: Tensor, *, blur: float, reduction: str = "mean") -> Tensor:
    r"""How far two clouds are apart by blurred transport, less what the blur costs each of them.

    With the entropic cost of ``x`` and ``y`` for :math:`C_{ij} = \|x_i - y_j\|^2 / 2` and :math:`\varepsilon` =
    ``blur`` squared,

    .. math:: \mathrm{SD} = \mathrm{OT}(x, y) - \tfrac12 \mathrm{OT}(x, x) - \tfrac12 \mathrm{OT}(y, y), \qquad
        \mathrm{OT} = \min_T \sum_{ij} T_{ij} C_{ij} + \varepsilon \sum_{ij} T_{ij} \log (P Q\, T_{ij})

    It is 0 for equal distributions and above 0 for others. The gradient of OT by a cost is its plan, since at the
    minimum the plan's own change counts nothing. A small ``blur`` tends to half of ``emd_loss`` with squared distances,
    a large one to half the squared distance of the means. ``blur`` is a length: details below it are not compared.

    Peers: geomloss has the same formula and names, but stops after a count of steps that its ``scaling`` fixes: at the
    default its value can be a third off, or negative.

    Args:
        x: shape (P, D), or (N, P, D) for N clouds.
        y: shape (Q, D), or (N, Q, D).
        blur: a length above 0, in the unit of the coordinates.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a cloud is empty, a coordinate is not finite, or ``blur`` is not above 0, or
            so small beside the clouds that no plan is found.

    Example:
        >>> sinkhorn_divergence(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]]), blur=0.1)  # 2² / 2
        tensor(2.)

    References:
        Feydy, Séjourné, Vialard, Amari, Trouvé and Peyré, 2019, AISTATS (arXiv:1810.08278).
    """
    reg = max(float(_checks.number("blur", blur, "(0, inf)")) ** 2, 1e-300)
    x, y = _clouds(x, y)

    def blurred(x: Tensor, y: Tensor) -> Tensor:
        a, b, costs = _problem(x, y, "squared euclidean")
        return _entropic_cost(costs / 2, a, b, reg)

    loss = blurred(x, y) - blurred(x, x) / 2 - blurred(y, y) / 2
    return _checks.reduce(_narrow(loss, x, y), reduction)


class _Lengths(NamedTuple):
    """What two boxes share and what not: the axes x and y come first, then the pairs."""

    shared: Tensor
    gap: Tensor  # between boxes that share nothing
    out1: Tensor  # how much of a box sticks out of what is shared
    out2: Tensor
    apart: Tensor  # from centre to centre


def _lengths(boxes1: Tensor, boxes2: Tensor) -> _Lengths:
    low1, high1 = _corners("boxes1", boxes1)
    low2, high2 = _corners("boxes2", boxes2)
    _checks.same_shape("boxes2", boxes2, "boxes1", boxes1)
    low, high = torch.maximum(low1, low2), torch.minimum(high1, high2)
    shared = (high - low).relu()
    gap = shared - (high - low)
    out1 = (low - low1) + (high1 - high) - gap
    out2 = (low - low2) + (high2 - high) - gap
    return _Lengths(shared, gap, out1, out2, ((low1 - low2) + (high1 - high2)) / 2)


def _corners(name: str, boxes: Tensor) -> tuple[Tensor, Tensor]:
    boxes = _checks.floats(name, boxes)
    if boxes.shape[-1:] != (4,):
        raise ValueError(f"{name} must have shape (..., 4), got {tuple(boxes.shape)}")
    corners, most = boxes.movedim(-1, 0).contiguous(), torch.finfo(boxes.dtype).max ** 0.5 / 8  # areas stay finite
    low, high = corners[:2], corners[2:]
    right = ((low <= high) & (low > -most) & (high < most)).all(0)
    _checks.every(right, f"{name} must have x1 <= x2 and y1 <= y2, within {most:.0e} of 0", boxes)
    return low, high


def _one_minus_iou(pair: _Lengths) -> Tensor:
    (w, h), (out_w1, out_h1), (out_w2, out_h2) = pair.shared, pair.out1, pair.out2
    # A box of w + out_w by h + out_h has the area w h and, beyond it, out_w h + (w + out_w) out_h: U - I is a sum.
    alone = (out_w1 + out_w2) * h + (w + out_w1) * out_h1 + (w + out_w2) * out_h2
    union = w * h + alone
    differ = (pair.out1 + pair.out2 + pair.gap > 0).any(0)  # for boxes without an area
    return torch.where(union < _least_area(pair), differ.to(union.dtype), quotient(alone, union))


def _empty_share(pair: _Lengths) -> Tensor:
    (out_w1, out_h1), (out_w2, out_h2), (gap_w, gap_h), (width, height) = pair.out1, pair.out2, pair.gap, _around(pair)
    # C - U is two corners, where one box sticks out sideways and the other upwards, and the gaps.
    empty, area = out_w1 * out_h2 + out_w2 * out_h1 + gap_w * height + (width - gap_w) * gap_h, width * height
    return torch.where(area < _least_area(pair), 0, quotient(empty, area))


def _least_area(pair: _Lengths) -> Tensor:
    """Return the area below which a derivative, at most a length over the area, may leave the numbers."""
    longest = _around(pair).detach().amax(0)
    return torch.finfo(longest.dtype).tiny * (1 + longest)


def _squared_distance(pair: _Lengths) -> Tensor:
    return quotient(pair.apart.square().sum(0), _around(pair).square().sum(0))


def _around(pair: _Lengths) -> Tensor:
    return pair.shared + pair.gap + pair.out1 + pair.out2


def _arctan(boxes: Tensor) -> Tensor:
    """Return the arc tangent of width over height, and for a point that of 0."""
    size = (boxes[..., 2:] - boxes[..., :2]).movedim(-1, 0)
    longer = size.detach().amax(0)
    large = longer >= torch.finfo(boxes.dtype).tiny  # below, the derivative 1 / longer may leave the numbers
    w, h = size / torch.where(large, longer, 1)
    return torch.atan2(w, torch.where(large, h, 1))


def _clouds(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = _checks.floats("x", x), _checks.floats("y", y)
    for name, cloud in (("x", x), ("y", y)):
        if cloud.ndim not in (2, 3) or 0 in cloud.shape[-2:]:
            wanted = "(P, D) or (N, P, D) with P and D of at least 1"
            raise ValueError(f"{name} must have shape {wanted}, got {tuple(cloud.shape)}")
        _checks.within(cloud, -math.inf, math.inf, f"every coordinate of {name} must be finite")
    if (x.shape[:-2], x.shape[-1]) != (y.shape[:-2], y.shape[-1]):
        shapes = f"{tuple(x.shape)}, up to the number of points, got {tuple(y.shape)}"
        raise ValueError(f"y must have the shape of x {shapes}")
    dtype = torch.promote_types(x.dtype, y.dtype)
    return x.to(dtype), y.to(dtype)


def _pick(points: Tensor, index: Tensor) -> Tensor:
    return points.gather(-2, index.unsqueeze(-1).expand(*index.shape, points.shape[-1]))


def _problem(x: Tensor, y: Tensor, cost: str | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the masses of x and y and the costs between them, in float64.

    Raises:
        ValueError: if one of them is not as it should be.
    """
    if isinstance(cost, Tensor):
        return _masses(x, y, cost)
    if not isinstance(cost, str) or cost not in ("euclidean", "squared euclidean"):
        raise ValueError(f'cost must be "euclidean", "squared euclidean" or a tensor, got {cost!r}')
    x, y = map(_wide, _clouds(x, y))
    difference = x.unsqueeze(-2) - y.unsqueeze(-3)
    costs = torch.linalg.vector_norm(difference, dim=-1) if cost == "euclidean" else difference.square().sum(-1)
    return x.new_ones(x.shape[:-1]) / x.shape[-2], y.new_ones(y.shape[:-1]) / y.shape[-2], costs


def _masses(x: Tensor, y: Tensor, cost: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    cost, slack = _checks.floats("cost", cost), 1e-5
    for name, mass in (("x", x), ("y", y)):
        _checks.floats(name, mass)
        if mass.ndim != 1 or mass.numel() == 0:
            raise ValueError(f"{name} must have shape (P,), P at least 1, beside a tensor for cost, "
                             f"got {tuple(mass.shape)}")
        _checks.within(mass, 0, math.inf, f"every mass of {name} must be finite and at least 0")
        slack = max(slack, 8 * torch.finfo(mass.dtype).eps)
    if cost.shape != (*x.shape, *y.shape):
        raise ValueError(f"cost must have shape {(*x.shape, *y.shape)}, that of the masses, got {tuple(cost.shape)}")
    _checks.within(cost, -math.inf, math.inf, "every cost must be finite")
    x, y = _wide(x), _wide(y)
    _checks.within(x.sum(), 0, math.inf, "the total of x must be above 0", low_in=False)
    _checks.within(y.sum() / x.sum(), 1 - slack, 1 + slack, "the total of y must be that of x, their ratio 1")
    return x, y, _wide(cost)


@with_backward(geometry.entropic_cost, geometry.entropic_cost_backward)
def _entropic_cost(costs: Tensor, a: Tensor, b: Tensor, reg: float) -> Tensor:
    f, g = _transport.potentials(costs.detach(), a, b, reg)
    df, dg = _transport.newton_step(f, g, costs, a, b, reg)  # 0, with the derivative of the potentials
    f, g = f + df, g + dg
    more = a.unsqueeze(-1) * b.unsqueeze(-2) * _transport.exponent(f, g, costs, reg).expm1()  # than masses of 1
    value: Tensor = (a * f).sum(-1) + (b * g).sum(-1) - reg * more.sum((-2, -1))
    return value


def _wide(value: Tensor) -> Tensor:
    """Return ``value`` in float64, which the device MPS has not."""
    return value.to("cpu" if value.device.type == "mps" else value.device, torch.float64)


def _narrow(loss: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return loss.to(x.device, torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32))
