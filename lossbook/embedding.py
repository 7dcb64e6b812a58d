r"""Losses for embeddings: what is alike shall lie close together, what is not shall lie apart.

An embedding is a row of numbers that a model gives for one example: embeddings have shape (N, D). Some losses compare
the rows of two or three tensors that belong together. Others take one tensor and integer ``labels`` (N,), and compare
every row with every other: their memory grows with N², never with N²D. Angular, NT-Xent and SupCon losses look at
directions alone. Half precision is computed and returned in float32.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._fast import embedding as fast, with_backward
from lossbook._stable import log_odds_against, soft_cross_entropy

BELOW_PI = f"[0, {math.pi})"


def contrastive_loss(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    r"""Pulls a pair together if it is alike, and pushes it apart, up to a margin, if it is not.

    With :math:`D = \lVert x - x' \rVert` the distance of a row of ``input1`` from that of ``input2``, :math:`y` =
    ``target``, 1 for alike, and :math:`m` = ``margin``,

    .. math:: \mathrm{CL} = \tfrac{1}{2}\, y\, D^2 + \tfrac{1}{2}\, (1 - y) \max(0,\; m - D)^2

    and the gradient is :math:`y\, (x - x') - (1 - y) \max(0, m - D)\, (x - x') / D`. It is 0 when all that is alike
    coincides and all the rest is at least the margin apart. Two equal rows that are not alike have no direction in
    which to part: their gradient is 0.

    Peers: the paper's Y is 1 - y; PML normalises the embeddings, takes D and max(0, m - D) without halves and squares,
    and adds the means of both kinds, each over what is not 0.

    Args:
        input1: embeddings, shape (N, D).
        input2: the other of each pair, shape (N, D).
        target: 1 for a pair that is alike, 0 for one that is not, shape (N,).
        margin: how far apart is far enough, at least 0, in the unit of the embeddings.
        reduction: "none", "mean" (over pairs) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a target is not 0 or 1, or an option is outside its range.

    Example:
        >>> x, other = torch.zeros(3, 2), torch.tensor([[0.6, 0.8], [0.3, 0.4], [3.0, 4.0]])
        >>> contrastive_loss(x, other, torch.tensor([1, 0, 0]), reduction="none")
        tensor([0.5000, 0.1250, 0.0000])

    References:
        Hadsell, Chopra and LeCun, 2006, CVPR (doi:10.1109/CVPR.2006.100).
    """
    x, other = _embeddings("input1", input1), _embeddings("input2", input2)
    _checks.same_shape("input2", other, "input1", x)
    m = _checks.number("margin", margin, "[0, inf)")
    distance = _distance(x, other)
    alike = _checks.binary_target(target, distance, name="the distances") == 1
    loss = torch.where(alike, (x - other).square().sum(1), (m - distance).relu().square()) / 2
    return _checks.reduce(loss, reduction)


def triplet_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | None = None,
    p: float = 2.0,
    swap: bool = False,
    soft: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""What the negative lacks to be farther from the anchor than the positive, by a margin.

    With :math:`d_{ap}` the distance, in the norm of order ``p``, of a row of ``anchor`` from that of ``positive``,
    :math:`d_{an}` that from ``negative``, and :math:`m` = ``margin``,

    .. math:: \mathrm{TL} = \max(0,\; d_{ap} - d_{an} + m)

    With ``soft`` it is :math:`\log(1 + e^{d_{ap} - d_{an} + m})`, which goes on pushing; with ``swap``, :math:`d_{an}`
    is the smaller of the distances of the negative from anchor and positive. The gradient of a triplet that is not
    yet in order is the difference of two unit vectors, however far from order it is: with :math:`u` the unit vector
    from positive to anchor and :math:`v` that from negative to anchor it is :math:`u - v` for the anchor. It is 0
    where every negative is farther than the positive by the margin. If all embeddings coincide the value is the
    margin, and the gradient is 0: a model that has collapsed stays so.

    Peers: torch adds 1e-6 to each difference, so that equal points pull with full strength; PML normalises the
    embeddings to length 1; FaceNet squares the distances.

    Args:
        anchor: embeddings, shape (N, D).
        positive: embeddings of the same kind as the anchors', shape (N, D).
        negative: embeddings of another kind, shape (N, D).
        margin: at least 0, in the unit of the embeddings; None is 1, or 0 with ``soft``.
        p: order of the norm, at least 1: 1 sums absolute differences, 2 is the length.
        swap: whether the positive may take the anchor's place against the negative.
        soft: whether the maximum is replaced by its smooth form.
        reduction: "none", "mean" (over triplets) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, or an option is outside its range.

    Example:
        >>> a, b, c = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.6, 0.8]]), torch.tensor([[0.0, 1.5]])
        >>> triplet_loss(a, b, c)
        tensor(0.5000)

    References:
        Schroff, Kalenichenko and Philbin, 2015, CVPR (arXiv:1503.03832).
        Hermans, Beyer and Leibe, 2017, for the soft form (arXiv:1703.07737).
        Balntas, Riba, Ponsa and Mikolajczyk, 2016, BMVC, for the swap (doi:10.5244/C.30.119).
    """
    a, b, c = _embeddings("anchor", anchor), _embeddings("positive", positive), _embeddings("negative", negative)
    _checks.same_shape("positive", b, "anchor", a)
    _checks.same_shape("negative", c, "anchor", a)
    p = _checks.number("p", p, "[1, inf)")
    near, far = _distance(a, b, p), _distance(a, c, p)
    if _checks.flag("swap", swap):
        far = torch.minimum(far, _distance(b, c, p))
    return _checks.reduce(_shortfall(near - far, margin, soft), reduction)


def hardest_triplets(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""For each example the farthest of its own label and the nearest of any other ("batch hard").

    With :math:`z` = ``embeddings`` and :math:`y` = ``labels``, the triplet of anchor a is

    .. math:: p = \arg\max_{y_j = y_a} \lVert z_a - z_j \rVert, \qquad
        n = \arg\min_{y_j \ne y_a} \lVert z_a - z_j \rVert

    An example that is alone with its label, or sees no other label, is no anchor. Among equally far ones the first is
    taken. To choose has no gradient: take the rows, and ``triplet_loss`` has one.

    Peers: PML's BatchHardMiner returns the same three indices, of embeddings normalised to length 1.

    Args:
        embeddings: shape (N, D).
        labels: integers, shape (N,).

    Returns:
        The indices of anchors, positives and negatives, each of shape (A,), A the number of anchors.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit.

    Example:
        >>> z = torch.tensor([[0.0], [1.0], [5.0], [3.0]])
        >>> a, p, n = hardest_triplets(z, torch.tensor([0, 0, 0, 1]))
        >>> a, p, n
        (tensor([0, 1, 2]), tensor([2, 2, 0]), tensor([3, 3, 3]))
        >>> triplet_loss(z[a], z[p], z[n], reduction="none")
        tensor([3., 3., 4.])

    References:
        Hermans, Beyer and Leibe, 2017 (arXiv:1703.07737).
    """
    z = _embeddings("embeddings", embeddings)
    distance = _distances(z)
    positive, negative = _relations(labels, z)
    if z.shape[0] == 0:
        return labels.long(), labels.long(), labels.long()
    farthest = torch.where(positive, distance, -torch.inf).argmax(1)
    nearest = torch.where(negative, distance, torch.inf).argmin(1)
    anchor = (positive.any(1) & negative.any(1)).nonzero()[:, 0]
    return anchor, farthest[anchor], nearest[anchor]


def batch_all_triplet_loss(
    embeddings: Tensor, labels: Tensor, *, margin: float | None = None, soft: bool = False, reduction: str = "mean"
) -> Tensor:
    r"""The mean triplet loss of all triplets that a batch holds ("batch all").

    With :math:`d` the Euclidean distances of the ``embeddings``, :math:`P_a` the other examples with the one of
    ``labels`` that a has, :math:`N_a` those with another, and :math:`\mathrm{TL}` the ``triplet_loss`` with ``margin``
    and ``soft``,

    .. math:: \mathrm{BA}_a = \frac{1}{|P_a|\,|N_a|} \sum_{p \in P_a} \sum_{n \in N_a} \mathrm{TL}(d_{ap}, d_{an})

    The gradient is the mean of those of the triplets; the many that are in order add nothing and make it small. It
    is 0 where each example lies nearer to all of its label than to any other, by the margin.

    Peers: PML's TripletMarginLoss takes the mean over the triplets whose loss is not 0, and normalises embeddings.

    Args:
        embeddings: shape (N, D).
        labels: integers, shape (N,).
        margin: at least 0, in the unit of the embeddings; None is 1, or 0 with ``soft``.
        soft: whether the maximum is replaced by its smooth form.
        reduction: "none" (0 for what is no anchor), "mean" (over anchors) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, or an option is outside its range.

    Example:
        >>> z = torch.tensor([[0.0], [1.0], [5.0], [3.0]])
        >>> batch_all_triplet_loss(z, torch.tensor([0, 0, 0, 1]), reduction="none")
        tensor([1.5000, 1.5000, 3.5000, 0.0000])

    References:
        Hermans, Beyer and Leibe, 2017 (arXiv:1703.07737).
    """
    z = _embeddings("embeddings", embeddings)
    distance = _distances(z)
    positive, negative = _relations(labels, z)
    pairs = _pairs(positive)  # of a and p, a row for each; and a column for each n
    a = pairs // z.shape[0]
    gap = distance.flatten().index_select(0, pairs).unsqueeze(1) - distance.index_select(0, a)
    among = negative.index_select(0, a) & positive.flatten().index_select(0, pairs).unsqueeze(1)
    pair = torch.where(among, _shortfall(gap, margin, soft), 0).sum(1)
    triplets = positive.sum(1) * negative.sum(1)
    loss = pair.new_zeros(z.shape[0]).index_add(0, a, pair) / triplets.clamp(min=1)
    return _checks.reduce(loss, reduction, (triplets > 0).to(loss.dtype))


def angular_loss(embeddings: Tensor, labels: Tensor, *, angle: float = 40.0, reduction: str = "mean") -> Tensor:
    r"""Asks that the negative see the pair of anchor and positive under a small angle.

    With :math:`a, p, n` the ``embeddings``, normalised to length 1, of an anchor, of one that has the same of
    ``labels``, and of one that has another, :math:`t = \tan^2 \alpha` for :math:`\alpha` = ``angle``, and the mean
    over all positives of a,

    .. math:: \mathrm{AL}_a = \operatorname*{mean}_p \log \Bigl( 1 + \sum_n e^{4 t\, (a + p) \cdot n
        - 2 (1 + t)\, a \cdot p} \Bigr)

    The gradient in one exponent is its share :math:`e^{f} / (1 + \sum e^{f})`. What lowers it are classes whose
    examples coincide and whose directions are opposed. The angle at n does not change when all distances are
    stretched, which a margin does not say of itself. Beyond an angle of 70 degrees the terms are summed without a
    matrix product: in memory that grows with the cube of N.

    Peers: PML normalises anchor and positive but not the negatives, and takes the mean over pairs of an anchor and a
    positive; for normalised embeddings with as many examples of each label both are the same.

    Args:
        embeddings: shape (N, D), no row 0 everywhere.
        labels: integers, shape (N,).
        angle: in degrees, between 0 and 90; the paper tries 36 to 55.
        reduction: "none" (0 for an example without positive or negative), "mean" (over the others) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a row has no direction, or an option is outside its range.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> angular_loss(z, torch.tensor([0, 0, 1]), angle=45.0)  # log(1 + exp(-4))
        tensor(0.0181)

    References:
        Wang, Zhou, Wen, Liu and Lin, 2017, ICCV (arXiv:1708.01682).
    """
    z = _directions("embeddings", embeddings)
    t = math.tan(math.radians(_checks.number("angle", angle, "(0, 90)"))) ** 2
    similarity = _products(z)
    positive, negative = _relations(labels, z)
    kept = positive.any(1) & negative.any(1)
    pair = positive & kept.unsqueeze(1)
    gathered = _log_sum_over_negatives(4 * t * similarity, negative, pair, small=angle <= 70)  # 8t is 60 at 70 degrees
    exponent = gathered - 2 * (1 + t) * similarity
    each = torch.where(pair, -logsigmoid(-exponent), 0)
    return _checks.reduce(each.sum(1) / pair.sum(1).clamp(min=1), reduction, kept.to(z.dtype))


def nt_xent_loss(x: Tensor, y: Tensor, *, temperature: float, reduction: str = "mean") -> Tensor:
    r"""Cross-entropy of finding, among all other examples of a batch, the one that belongs to an example.

    Of the rows :math:`z_1, \dots, z_{2N}` of ``x`` and ``y``, normalised to length 1, each has one partner: row i of
    ``x`` that of ``y``, and the reverse. With :math:`T` = ``temperature`` and :math:`j(i)` the partner,

    .. math:: \mathrm{NT} = -\log \frac{e^{z_i \cdot z_{j(i)} / T}}{\sum_{k \ne i} e^{z_i \cdot z_k / T}}

    which is ``cross_entropy`` of the logits :math:`z_i \cdot z_k / T` with class :math:`j(i)`: its gradient in them
    is :math:`p_k - [k = j(i)]`, and the smaller T, the more of it falls on the nearest negatives. An untrained or a
    collapsed model costs about :math:`\log(2N - 1)`. It falls with directions that agree within a pair and are spread
    evenly over the sphere. The number of negatives is the size of the batch: to add up the gradients of two small
    batches is not one of a large batch.

    Peers: PML and optax return 0 where the loss is below 1e-7. Where a partner is opposed at a temperature of 0.01,
    PML has hardly a gradient; below about 0.011 MONAI is NaN, and it holds N²D numbers at once.

    Args:
        x: embeddings, shape (N, D), no row 0 everywhere.
        y: those of the partners, shape (N, D), no row 0 everywhere.
        temperature: above 0 (at least 1e-30); 0.05 to 0.5 is usual.
        reduction: "none", "mean" (over the 2N examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (2N,): first for the rows of ``x``, then for those of ``y``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes differ, a row has no direction, or an option is outside its range.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> nt_xent_loss(x, x, temperature=0.5)  # log(1 + 2 exp(-2))
        tensor(0.2395)

    References:
        Chen, Kornblith, Norouzi and Hinton, 2020, ICML (arXiv:2002.05709).
        Oord, Li and Vinyals, 2018, for InfoNCE, one direction of it (arXiv:1807.03748).
    """
    x, y = _directions("x", x), _directions("y", y)
    _checks.same_shape("y", y, "x", x)
    z = torch.cat([x, y])
    logits = _similarities(z, temperature)
    if z.shape[0] == 0:
        return _checks.reduce(z.sum(1), reduction)
    partner = torch.arange(z.shape[0], device=z.device).roll(x.shape[0])
    return _checks.reduce(-logsigmoid(-log_odds_against(logits, partner)), reduction)


def sup_con_loss(embeddings: Tensor, labels: Tensor, *, temperature: float, reduction: str = "mean") -> Tensor:
    r"""NT-Xent with labels: every example of the same label is a partner.

    With :math:`z` = ``embeddings``, normalised to length 1, :math:`P_i` the other examples that have the one of
    ``labels`` that i has, and :math:`T` = ``temperature``,

    .. math:: \mathrm{SC} = -\frac{1}{|P_i|} \sum_{j \in P_i} \log
        \frac{e^{z_i \cdot z_j / T}}{\sum_{k \ne i} e^{z_i \cdot z_k / T}}

    Its gradient in the logits :math:`z_i \cdot z_k / T` is :math:`p_k - [k \in P_i] / |P_i|`. The partners compete
    with each other, so it does not fall below :math:`\log |P_i|`; it is there when each class has one direction, as
    far from the other classes' as T asks for.

    Peers: the authors' code multiplies by T / 0.07; PML takes the mean over the examples whose loss is not 0.

    Args:
        embeddings: shape (N, D), no row 0 everywhere.
        labels: integers, shape (N,).
        temperature: above 0 (at least 1e-30); 0.05 to 0.5 is usual.
        reduction: "none" (0 for an example without partner), "mean" (over the others) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a row has no direction, or an option is outside its range.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> sup_con_loss(z, torch.tensor([0, 0, 1]), temperature=0.5)  # log(1 + exp(-2))
        tensor(0.1269)

    References:
        Khosla, Teterwak, Wang and others, 2020, NeurIPS (arXiv:2004.11362).
    """
    z = _directions("embeddings", embeddings)
    partners, _ = _relations(labels, z)
    logits = _similarities(z, temperature)
    if z.shape[0] == 0:
        return _checks.reduce(z.sum(1), reduction)
    count = partners.sum(1, keepdim=True)
    loss = soft_cross_entropy(logits, partners / count.clamp(min=1).to(z.dtype))
    return _checks.reduce(loss, reduction, (count > 0).squeeze(1).to(z.dtype))


def arcface_loss(
    cosine: Tensor, target: Tensor, *, margin: float = 0.5, scale: float = 64.0, reduction: str = "mean"
) -> Tensor:
    r"""Cross-entropy of cosines, in which the true class must win although its angle was made larger by a margin.

    With :math:`\cos \theta_k` = ``cosine``, that of an embedding with the direction of class k, :math:`y` =
    ``target``, :math:`m` = ``margin`` and :math:`s` = ``scale``,

    .. math:: \mathrm{AF} = -\log \frac{e^{s \cos(\theta_y + m)}}{e^{s \cos(\theta_y + m)}
        + \sum_{k \ne y} e^{s \cos \theta_k}}

    Beyond :math:`\theta_y = \pi - m`, where the cosine would rise again, :math:`\cos \theta_y - m \sin m` stands for
    :math:`\cos(\theta_y + m)`. The gradient is that of cross-entropy, :math:`s (p_k - [k = y])`, times
    :math:`\sin(\theta_y + m) / \sin \theta_y` for the true class; at the ends, where :math:`\sin \theta_y` is 0, times
    :math:`\cos m`. It falls as embeddings gather around the direction of their class: the margin asks for more than
    being nearest to it. It is ``cross_entropy`` of ``scale * cosine`` at a margin of 0.

    Peers: PML gives the margin in degrees, and takes an arc cosine, whose gradient is NaN at cosines of -1 and 1.

    Args:
        cosine: shape (N, K), in [-1, 1] up to rounding, K at least 2: products of normalised embeddings and
            normalised class vectors.
        target: integer classes from 0 to K - 1, shape (N,).
        margin: an angle in radians, in [0, π).
        scale: factor of all cosines, in (0, 1e30]; without it the largest possible probability is small.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a cosine is outside [-1, 1], a class does not exist, or an option is outside
            its range.

    Example:
        >>> cosine = torch.tensor([[0.6, 0.8]])
        >>> arcface_loss(cosine, torch.tensor([0]), margin=0.5, scale=1.0)  # log(1 + exp(0.8 - cos(0.927 + 0.5)))
        tensor(1.0747)

    References:
        Deng, Guo, Xue and Zafeiriou, 2019, CVPR (arXiv:1801.07698).
    """
    c = _cosines(cosine)
    m, s = _checks.number("margin", margin, BELOW_PI), _checks.number("scale", scale, "(0, 1e30]")
    y, _ = _checks.class_target(target, c)
    c_y = c.gather(1, y.unsqueeze(1))
    sin2 = (1 - c_y) * (1 + c_y)
    sin = torch.where(sin2 > 0, torch.where(sin2 > 0, sin2, 1).sqrt(), 0)  # no slope at the ends, where it is infinite
    harder = torch.where(c_y > -math.cos(m), c_y * math.cos(m) - sin * math.sin(m), c_y - m * math.sin(m))
    return _checks.reduce(-logsigmoid(-log_odds_against(s * c.scatter(1, y.unsqueeze(1), harder), y)), reduction)


def _cosines(cosine: Tensor) -> Tensor:
    c = _checks.floats("cosine", cosine)
    if c.ndim != 2 or c.shape[1] < 2:
        raise ValueError(f"cosine must have shape (N, K) with K of at least 2, got {tuple(c.shape)}")
    slack = max(1e-5, 8 * torch.finfo(cosine.dtype).eps)  # a product of two unit vectors may pass 1 by rounding
    _checks.within(c, -1 - slack, 1 + slack, "every cosine must be in [-1, 1]")
    return c


def _embeddings(name: str, value: Tensor) -> Tensor:
    value = _checks.floats(name, value)
    if value.ndim != 2 or value.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, D) with D of at least 1, got {tuple(value.shape)}")
    return value


def _directions(name: str, value: Tensor) -> Tensor:
    # The rows, each divided by its length.
    value = _embeddings(name, value)
    size = value.detach().abs().amax(1, keepdim=True)
    wanted = f"every row of {name} must have a direction, its largest entry be finite and above 0"
    _checks.every(size.isfinite() & (size > 0), wanted, size)
    value = value / size  # the square of a very large or small number would leave float32
    length: Tensor = torch.linalg.vector_norm(value, dim=1, keepdim=True)
    return value / length


def _distance(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    """Return the distances of the rows of x from those of y; where two are equal the gradient is 0."""
    difference = x - y
    size = difference.detach().abs().amax(1)
    equal = size == 0
    # In units of the largest entry no power leaves float32.
    unit = torch.where(equal.unsqueeze(1), 1, difference / torch.where(equal, 1, size).unsqueeze(1))
    return torch.where(equal, 0, torch.linalg.vector_norm(unit, ord=p, dim=1) * size)


@with_backward(fast.distances, fast.distances_backward)
def _distances(z: Tensor) -> Tensor:
    # By differences: by a matrix product the near ones would lose their digits.
    squares = (z.unsqueeze(1) - z).square().sum(2)
    return torch.where(squares == 0, 0, torch.where(squares == 0, 1, squares).sqrt())


def _relations(labels: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return two (N, N) masks: another example of the same label, an example of another label."""
    n = z.shape[0]
    labels = _checks.labels("labels", labels, n)
    other = torch.eye(n, dtype=torch.bool, device=z.device).logical_not()
    return other & (labels.unsqueeze(1) == labels), labels.unsqueeze(1) != labels


def _pairs(positive: Tensor) -> Tensor:
    """Return where in the flattened mask a pair of one label stands; where no value can be seen, all places."""
    if _checks.values_are_visible(positive):
        return positive.flatten().nonzero().squeeze(1)
    return torch.arange(positive.numel(), device=positive.device)


def _similarities(z: Tensor, temperature: float) -> Tensor:
    """Return the logits z_i · z_k / T, for an example with itself one so low that its probability is 0."""
    t = _checks.number("temperature", temperature, "[1e-30, inf)")
    return torch.diagonal_scatter(_products(z) / t, z.new_full(z.shape[:1], torch.finfo(z.dtype).min))


@with_backward(fast.products, fast.products_backward)
def _products(rows: Tensor) -> Tensor:
    return rows @ rows.T  # autocast is kept away from it


def _log_sum_over_negatives(u: Tensor, negative: Tensor, pair: Tensor, *, small: bool) -> Tensor:
    """Return log of the sum over the negatives n of exp(u_an + u_pn), for each ``pair`` a, p of one label."""
    if small:  # no term leaves float32, and exp(u_an + u_pn) is a product: the sums are one of matrices
        return torch.where(pair, _products(u.exp() * negative), 1).log()
    terms = u.unsqueeze(1) + u
    return torch.where(negative.unsqueeze(1), terms, torch.finfo(u.dtype).min).logsumexp(2)


def _shortfall(gap: Tensor, margin: float | None, soft: bool) -> Tensor:
    soft = _checks.flag("soft", soft)
    m = _checks.number("margin", (0.0 if soft else 1.0) if margin is None else margin, "[0, inf)")
    return -logsigmoid(-(gap + m)) if soft else (gap + m).relu()
