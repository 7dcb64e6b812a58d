r"""Losses for models that make new examples: variational autoencoders, adversaries, denoisers.

Axis 0 is examples, and with "none" each has one value. The outputs of a discriminator, ``real`` and ``fake``, are
logits, not probabilities, or the scores of a critic; what they were computed from is not seen here. Half precision
is computed and returned in float32.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lossbook import _checks
from lossbook._stable import above_half
from lossbook.classification import binary_cross_entropy_with_logits


def gaussian_kl_loss(mu: Tensor, logvar: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""How far a diagonal Gaussian is from the standard one.

    With :math:`\mu` = ``mu`` and :math:`\log \sigma^2` = ``logvar``, summed over the latent variables of one
    example,

    .. math:: \mathrm{KL} = \tfrac12 \textstyle\sum_i (\mu_i^2 + \sigma_i^2 - \log \sigma_i^2 - 1)

    and the gradient is :math:`\mu` and :math:`(\sigma^2 - 1) / 2`. It is smallest, 0, at :math:`\mu = 0` and
    :math:`\sigma = 1`, where the latent variable says nothing about the example: the other term of a variational
    autoencoder has to pay for whatever is said.

    Peers: torch.distributions gives one value per latent variable, is off by two thirds at 1e-4, and is infinite at
    a ``logvar`` of -200; many examples average over the latent variables, which divides the term by their number.

    Args:
        mu: means, shape (N, d1, …).
        logvar: logarithms of the variances, of the shape of ``mu``.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit or ``reduction`` is unknown.

    Example:
        >>> gaussian_kl_loss(torch.tensor([[1.0]]), torch.tensor([[-1.0]]))
        tensor(0.6839)

    References:
        Kingma and Welling, 2014, ICLR (arXiv:1312.6114).
    """
    mu, logvar = _examples("mu", mu), _checks.floats("logvar", logvar)
    _checks.same_shape("logvar", logvar, "mu", mu)
    each = (mu**2 + _exp_less_tangent(logvar)) / 2
    return _checks.reduce(each.flatten(1).sum(1), reduction)


def _exp_less_tangent(x: Tensor) -> Tensor:
    # e^x - 1 - x. Near 0 it is about x²/2, and only the series x²/2 (1 + x/3 (1 + x/4 (1 + …))) keeps its digits.
    near, series = x.clamp(-0.3, 0.3), torch.ones_like(x)
    for k in range(14, 2, -1):
        series = 1 + near / k * series
    return torch.where(x.abs() < 0.3, near**2 / 2 * series, torch.expm1(x) - x)


def negative_elbo(
    logits: Tensor, target: Tensor, mu: Tensor, logvar: Tensor, *, beta: float = 1.0, reduction: str = "mean"
) -> Tensor:
    r"""The loss of a variational autoencoder: what the picture costs, plus what the code costs.

    With :math:`z` = ``logits``, the decoder's, :math:`y` = ``target``, :math:`\beta` = ``beta``, and the Gaussian
    KL of ``mu`` and ``logvar``, the encoder's,

    .. math:: L = \textstyle\sum_i \mathrm{BCE}(z_i, y_i) + \beta\, \mathrm{KL}(\mu, \sigma)

    and the gradient with respect to :math:`z` is :math:`\sigma(z) - y`, with the sigmoid :math:`\sigma`. Both terms
    are sums, over pixels and over latent variables, in nats. At ``beta`` 1 it bounds :math:`-\log p(y)` from above,
    for 0 and 1 as ``target``, and is smallest where the encoder gives the true posterior.

    Peers: several published examples average over pixels and sum over latent variables, which multiplies ``beta`` by
    the number of pixels and leaves the code empty.

    Args:
        logits: one logit per pixel, shape (N, d1, …), decoded from a code that was drawn with ``mu`` and ``logvar``.
        target: 0, 1 or a grey between, of the shape of ``logits``.
        mu: means of the code, shape (N, e1, …).
        logvar: logarithms of its variances, of the shape of ``mu``.
        beta: factor of the KL term, at least 0.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a target is outside [0, 1], ``beta`` is negative, or ``reduction`` is
            unknown.

    Example:
        >>> pixels, code = torch.zeros(1, 4), torch.tensor([[1.0]])
        >>> negative_elbo(pixels, torch.ones(1, 4), code, -code, beta=2.0)  # 4 log 2 + 2 * 0.6839
        tensor(4.1405)

    References:
        Kingma and Welling, 2014, ICLR (arXiv:1312.6114).
        Burgess, Higgins, Pal, Matthey, Watters, Desjardins and Lerchner, 2018, for ``beta`` (arXiv:1804.03599).
    """
    logits, mu = _examples("logits", logits), _examples("mu", mu)
    if mu.shape[0] != logits.shape[0]:
        raise ValueError(f"mu must have as many examples as logits, {logits.shape[0]}, got {mu.shape[0]}")
    _checks.number("beta", beta, "[0, inf)")
    pixels = binary_cross_entropy_with_logits(logits, target, reduction="none")
    code = gaussian_kl_loss(mu, logvar, reduction="none")
    return _checks.reduce(pixels.flatten(1).sum(1) + beta * code, reduction)


def non_saturating_generator_loss(fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The generator's loss that pulls hardest where the discriminator is surest.

    With :math:`z` = ``fake``, the discriminator's logits for what was made, and the sigmoid :math:`\sigma`,

    .. math:: L = -\log \sigma(z)

    and the gradient is :math:`-\sigma(-z)`: it tends to -1 for what is surely seen through. This is binary
    cross-entropy with the labels turned round. Smaller the more real the discriminator takes the examples for.

    Peers: torch and optax have it as binary cross-entropy with targets of 1.

    Args:
        fake: logits for generated examples, any shape.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``fake``.

    Raises:
        TypeError: if ``fake`` is no floating tensor.
        ValueError: if ``reduction`` is unknown.

    Example:
        >>> non_saturating_generator_loss(torch.tensor([0.0, -20.0]), reduction="none")
        tensor([ 0.6931, 20.0000])

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville and Bengio, 2014, NeurIPS
        (arXiv:1406.2661).
    """
    return _checks.reduce(-logsigmoid(_checks.floats("fake", fake)), reduction)


def non_saturating_discriminator_loss(real: Tensor, fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Binary cross-entropy of the discriminator: real is 1, fake is 0.

    With :math:`r` = ``real`` and :math:`f` = ``fake``, the discriminator's logits, and the sigmoid :math:`\sigma`,

    .. math:: L = -\log \sigma(r) - \log \sigma(-f)

    each side reduced by itself. The gradient is :math:`-\sigma(-r)` and :math:`\sigma(f)`. It is minimised by the
    log-odds :math:`\log (p / q)` of the densities of real and fake examples, where its mean is
    :math:`2 \log 2 - 2\, \mathrm{JS}(p, q)`. It goes with the minimax loss of the generator, too.

    Peers: torch's binary cross-entropy over both sides at once gives half of it.

    Args:
        real: logits for real examples, any shape.
        fake: logits for generated examples, any shape; that of ``real`` for "none".
        reduction: "none", "mean" (over the elements of each side) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``real``.

    Raises:
        TypeError: if an argument is no floating tensor.
        ValueError: if ``reduction`` is unknown, or "none" for two shapes.

    Example:
        >>> non_saturating_discriminator_loss(torch.tensor([0.0, 3.0]), torch.tensor([-3.0]))
        tensor(0.4195)

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville and Bengio, 2014, NeurIPS
        (arXiv:1406.2661).
    """
    real, fake = _sides(real, fake, reduction)
    return _checks.reduce(-logsigmoid(real), reduction) + _checks.reduce(-logsigmoid(-fake), reduction)


def minimax_generator_loss(fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The generator's share of the minimax game, whose gradient dies where it would help most.

    With :math:`z` = ``fake``, the discriminator's logits for what was made, and the sigmoid :math:`\sigma`,

    .. math:: L = \log(1 - \sigma(z)) = \log \sigma(-z)

    and the gradient is :math:`-\sigma(z)`: next to nothing for what is surely seen through. It is never above 0, and
    smaller the more real the discriminator takes the examples for.

    Peers: written as log(1 - sigmoid(z)) it is minus infinity from about 17 on in float32, with a NaN gradient.

    Args:
        fake: logits for generated examples, any shape.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``fake``.

    Raises:
        TypeError: if ``fake`` is no floating tensor.
        ValueError: if ``reduction`` is unknown.

    Example:
        >>> minimax_generator_loss(torch.tensor([0.0, -20.0]), reduction="none")
        tensor([-6.9315e-01, -2.0612e-09])

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville and Bengio, 2014, NeurIPS
        (arXiv:1406.2661).
    """
    return _checks.reduce(logsigmoid(-_checks.floats("fake", fake)), reduction)


def least_squares_generator_loss(fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Half the squared distance of the score from that of a real example.

    With :math:`z` = ``fake``, the discriminator's scores for what was made,

    .. math:: L = \tfrac12 (z - 1)^2

    and the gradient is :math:`z - 1`. It is smallest at a score of 1; what scores higher is pulled back as well.

    Peers: many programs leave out the half.

    Args:
        fake: scores of generated examples, any shape; no sigmoid.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``fake``.

    Raises:
        TypeError: if ``fake`` is no floating tensor.
        ValueError: if ``reduction`` is unknown.

    Example:
        >>> least_squares_generator_loss(torch.tensor([1.0, -2.0]), reduction="none")
        tensor([0.0000, 4.5000])

    References:
        Mao, Li, Xie, Lau, Wang and Smolley, 2017, ICCV (arXiv:1611.04076).
    """
    return _checks.reduce((_checks.floats("fake", fake) - 1) ** 2 / 2, reduction)


def least_squares_discriminator_loss(real: Tensor, fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""A regression on 1 for real and 0 for fake examples.

    With :math:`r` = ``real`` and :math:`f` = ``fake``, the discriminator's scores,

    .. math:: L = \tfrac12 (r - 1)^2 + \tfrac12 f^2

    each side reduced by itself. The gradient is :math:`r - 1` and :math:`f`. It is minimised by the probability that
    an example is real, :math:`p / (p + q)` for the densities of real and fake examples.

    Peers: many programs leave out the halves, or give the discriminator a factor of a half and the generator none.

    Args:
        real: scores of real examples, any shape; no sigmoid.
        fake: scores of generated examples, any shape; that of ``real`` for "none".
        reduction: "none", "mean" (over the elements of each side) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``real``.

    Raises:
        TypeError: if an argument is no floating tensor.
        ValueError: if ``reduction`` is unknown, or "none" for two shapes.

    Example:
        >>> least_squares_discriminator_loss(torch.tensor([0.0, 3.0]), torch.tensor([-3.0]))
        tensor(5.7500)

    References:
        Mao, Li, Xie, Lau, Wang and Smolley, 2017, ICCV (arXiv:1611.04076).
    """
    real, fake = _sides(real, fake, reduction)
    return _checks.reduce((real - 1) ** 2 / 2, reduction) + _checks.reduce(fake**2 / 2, reduction)


def hinge_generator_loss(fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The score of what was made, to be raised without end.

    With :math:`z` = ``fake``, the discriminator's scores for what was made,

    .. math:: L = -z

    and the gradient is -1 everywhere. Nothing minimises it by itself: the discriminator sets the scale.

    Peers: MONAI's "hinge" puts tanh first, and takes the discriminator's form for the generator too.

    Args:
        fake: scores of generated examples, any shape; no sigmoid.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``fake``.

    Raises:
        TypeError: if ``fake`` is no floating tensor.
        ValueError: if ``reduction`` is unknown.

    Example:
        >>> hinge_generator_loss(torch.tensor([1.0, -20.0]), reduction="none")
        tensor([-1., 20.])

    References:
        Lim and Ye, 2017, Geometric GAN (arXiv:1705.02894).
    """
    return _checks.reduce(-_checks.floats("fake", fake), reduction)


def hinge_discriminator_loss(real: Tensor, fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""What the margins of the discriminator lack to 1, on either side.

    With :math:`r` = ``real`` and :math:`f` = ``fake``, the discriminator's scores,

    .. math:: L = \max(0,\; 1 - r) + \max(0,\; 1 + f)

    each side reduced by itself. The gradient is -1 where :math:`r < 1` and 1 where :math:`f > -1`, else 0: what is
    told apart with a margin says nothing more. It is minimised by 1 where an example is likelier real, -1 else.

    Peers: MONAI's "hinge" puts tanh first.

    Args:
        real: scores of real examples, any shape; no sigmoid.
        fake: scores of generated examples, any shape; that of ``real`` for "none".
        reduction: "none", "mean" (over the elements of each side) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``real``.

    Raises:
        TypeError: if an argument is no floating tensor.
        ValueError: if ``reduction`` is unknown, or "none" for two shapes.

    Example:
        >>> hinge_discriminator_loss(torch.tensor([0.0, 3.0]), torch.tensor([-3.0, 1.0]))
        tensor(1.5000)

    References:
        Lim and Ye, 2017, Geometric GAN (arXiv:1705.02894).
    """
    real, fake = _sides(real, fake, reduction)
    return _checks.reduce((1 - real).relu(), reduction) + _checks.reduce((1 + fake).relu(), reduction)


def wasserstein_generator_loss(fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The critic's score of what was made, to be raised.

    With :math:`z` = ``fake``, the critic's scores for what was made,

    .. math:: L = -z

    and the gradient is -1 everywhere. With a critic of slope at most 1 that is as good as can be, the mean falls by
    as much as the Wasserstein distance between made and real examples does.

    Peers: the same formula as the hinge loss of the generator; the critics differ.

    Args:
        fake: scores of generated examples, any shape; no sigmoid.
        reduction: "none", "mean" (over elements) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``fake``.

    Raises:
        TypeError: if ``fake`` is no floating tensor.
        ValueError: if ``reduction`` is unknown.

    Example:
        >>> wasserstein_generator_loss(torch.tensor([1.0, -20.0]))
        tensor(9.5000)

    References:
        Arjovsky, Chintala and Bottou, 2017, ICML (arXiv:1701.07875).
    """
    return hinge_generator_loss(fake, reduction=reduction)


def wasserstein_critic_loss(real: Tensor, fake: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""How much lower the critic scores real examples than fake ones.

    With :math:`r` = ``real`` and :math:`f` = ``fake``, the critic's scores,

    .. math:: L = f - r

    each side reduced by itself. The gradient is -1 and 1 everywhere, so the slope of the critic must be held, by
    gradient_penalty for instance. Over all critics of slope at most 1, the smallest mean is minus the Wasserstein
    distance between real and fake examples.

    Peers: some programs return the negative, the estimate of the distance.

    Args:
        real: scores of real examples, any shape; no sigmoid.
        fake: scores of generated examples, any shape; that of ``real`` for "none".
        reduction: "none", "mean" (over the elements of each side) or "sum".

    Returns:
        A scalar, or with "none" a tensor of the shape of ``real``.

    Raises:
        TypeError: if an argument is no floating tensor.
        ValueError: if ``reduction`` is unknown, or "none" for two shapes.

    Example:
        >>> wasserstein_critic_loss(torch.tensor([0.0, 3.0]), torch.tensor([-3.0]))
        tensor(-4.5000)

    References:
        Arjovsky, Chintala and Bottou, 2017, ICML (arXiv:1701.07875).
    """
    real, fake = _sides(real, fake, reduction)
    return _checks.reduce(fake, reduction) - _checks.reduce(real, reduction)


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""How far the slope of a critic is from 1.

    With :math:`f` = ``critic`` and :math:`x` = ``points``, one of them,

    .. math:: P = \big( \lVert \nabla_x f(x) \rVert_2 - 1 \big)^2

    and the gradient reaches the parameters of the critic through its slope: it is a second derivative. It is smallest
    where every slope is 1. The points are commonly drawn on the lines between real and generated examples,
    :math:`u\, r + (1 - u) f` with u uniform. Where the critic is flat the penalty is 1 and its gradient 0.

    Peers: the square root of a sum of squares, as often written, has a NaN gradient where the critic is flat.

    Args:
        critic: takes points and returns one score for each, which no other point may touch: no batch normalisation.
        points: where the slope is taken, shape (N, d1, …).
        reduction: "none", "mean" (over points) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,). Multiply it (by 10 in the paper) and add it to the loss.

    Raises:
        TypeError: if ``critic`` cannot be called or ``points`` is no floating tensor.
        ValueError: if the points have no axis but the first, the scores are not of shape (N,) or (N, 1), or
            ``reduction`` is unknown.

    Example:
        >>> gradient_penalty(lambda x: (x**2).sum(1), torch.tensor([[3.0, 4.0], [0.0, 0.0]]), reduction="none")
        tensor([81.,  1.])

    References:
        Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, 2017, NeurIPS (arXiv:1704.00028).
    """
    if not callable(critic):
        raise TypeError(f"critic must be a function of points, got {type(critic).__name__}")
    _examples("points", points)
    scores, pull_back = torch.func.vjp(lambda x: _scores(critic(x), x), points)[:2]
    (slopes,) = pull_back(torch.ones_like(scores))
    return _checks.reduce((torch.linalg.vector_norm(above_half(slopes).flatten(1), dim=1) - 1) ** 2, reduction)


def _scores(scores: Tensor, points: Tensor) -> Tensor:
    _checks.tensor("what critic returns", scores)
    if scores.shape != points.shape[:1] and scores.shape != (*points.shape[:1], 1):
        raise ValueError(f"critic must return scores of shape (N,) or (N, 1), N = {len(points)} as in points, "
                         f"got {tuple(scores.shape)}")
    return scores


def denoising_loss(
    pred: Tensor,
    clean: Tensor,
    noise: Tensor,
    alpha_bar: Tensor,
    *,
    predict: str = "noise",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""The squared error of a network that was shown a noisy example and says what is in it.

    With :math:`x` = ``clean``, :math:`\varepsilon` = ``noise``, :math:`\bar\alpha` = ``alpha_bar``, the network saw
    :math:`\sqrt{\bar\alpha}\, x + \sqrt{1 - \bar\alpha}\, \varepsilon` and answered ``pred``; :math:`w` =
    ``weight``. Over the d entries of one example,

    .. math:: L = \frac{w}{d} \lVert \mathrm{pred} - t \rVert^2, \qquad t = \begin{cases}
        \varepsilon & \text{"noise"} \\ x & \text{"clean"} \\
        \sqrt{\bar\alpha}\, \varepsilon - \sqrt{1 - \bar\alpha}\, x & \text{"velocity"} \end{cases}

    and the gradient is :math:`2 w (\mathrm{pred} - t) / d`. It is minimised by the mean of t, given what the network
    saw. The three targets are one task with three weights: with :math:`\mathrm{SNR} = \bar\alpha / (1 - \bar\alpha)`
    the same answer, put in each form, costs SNR times as much for the noise as for the clean example, and SNR + 1
    times as much for the velocity.

    Peers: diffusers names the targets "epsilon", "sample" and "v_prediction"; the paper sums over the entries, its
    code averages as here.

    Args:
        pred: the network's answer, shape (N, d1, …).
        clean: the example without noise, of the shape of ``pred``.
        noise: the standard normal noise that was added, of the shape of ``pred``.
        alpha_bar: share of the clean example in the variance, in [0, 1], shape (N,). Only the velocity depends on it.
        predict: what the network answers, "noise", "clean" or "velocity".
        weight: one factor per example, shape (N,), each at least 0: a part of the loss, so that "mean" divides by N
            all the same; None is all ones.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, a share or weight is outside its range, or an option is unknown.

    Example:
        >>> clean, noise = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, -1.0]])
        >>> denoising_loss(torch.zeros(1, 2), clean, noise, torch.tensor([0.36]), predict="velocity")
        tensor(2.7400)

    References:
        Vincent, 2011, Neural Computation 23(7), for denoising as score matching.
        Ho, Jain and Abbeel, 2020, NeurIPS (arXiv:2006.11239).
        Salimans and Ho, 2022, ICLR, for the velocity and the weights (arXiv:2202.00512).
    """
    pred = _examples("pred", pred)
    clean, noise = _finite_like("clean", clean, pred), _finite_like("noise", noise, pred)
    share = _per_example("alpha_bar", alpha_bar, pred, 1, "in [0, 1]")
    if predict == "noise":
        goal = noise
    elif predict == "clean":
        goal = clean
    elif predict == "velocity":
        share = share.view(-1, *[1] * (pred.ndim - 1))
        # The roots first, in the precision of the schedule: 1 - share may have few digits in that of the network.
        goal = share.sqrt().to(pred.dtype) * noise - (1 - share).sqrt().to(pred.dtype) * clean
    else:
        raise ValueError(f'predict must be "noise", "clean" or "velocity", got {predict!r}')
    loss = _mean_squared(pred, goal)
    if weight is not None:
        loss = _per_example("weight", weight, pred, math.inf, "finite and at least 0") * loss
    return _checks.reduce(loss, reduction)


def flow_matching_loss(pred: Tensor, clean: Tensor, noise: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""The squared error of a network that says which way leads from noise to the example.

    With :math:`x` = ``clean`` and :math:`\varepsilon` = ``noise``, the network saw a point
    :math:`t\, x + (1 - t)\, \varepsilon` of the line between them, t in [0, 1], and answered ``pred``. Over the d
    entries of one example,

    .. math:: L = \frac1d \lVert \mathrm{pred} - (x - \varepsilon) \rVert^2

    and the gradient is :math:`2\, (\mathrm{pred} - x + \varepsilon) / d`. It is minimised by the mean of the direction,
    given the point and t: the velocity of a flow that carries noise, at t = 0, to examples, at t = 1.

    Peers: others let t run from the example to the noise, where the direction is the negative.

    Args:
        pred: the network's answer, shape (N, d1, …).
        clean: the example without noise, of the shape of ``pred``.
        noise: standard normal noise, of the shape of ``pred``.
        reduction: "none", "mean" (over examples) or "sum".

    Returns:
        A scalar, or with "none" a tensor of shape (N,).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit, ``clean`` or ``noise`` is not finite, or ``reduction`` is unknown.

    Example:
        >>> clean, noise = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, -1.0]])
        >>> flow_matching_loss(torch.zeros(1, 2), clean, noise)
        tensor(5.)

    References:
        Lipman, Chen, Ben-Hamu, Nickel and Le, 2023, ICLR, for straight lines with no noise left at the end
        (arXiv:2210.02747).
    """
    pred = _examples("pred", pred)
    clean, noise = _finite_like("clean", clean, pred), _finite_like("noise", noise, pred)
    return _checks.reduce(_mean_squared(pred, clean - noise), reduction)


def _mean_squared(pred: Tensor, goal: Tensor) -> Tensor:
    return ((pred - goal) ** 2).flatten(1).mean(1)


def _examples(name: str, value: Tensor) -> Tensor:
    value = _checks.floats(name, value)
    if value.ndim < 2 or 0 in value.shape[1:]:
        raise ValueError(f"{name} must have shape (N, d1, ...), N examples of at least one entry, "
                         f"got {tuple(value.shape)}")
    return value


def _sides(real: Tensor, fake: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    real, fake = _checks.floats("real", real), _checks.floats("fake", fake)
    if reduction == "none":  # only then are the two sides added element by element
        _checks.same_shape("fake", fake, "real", real)
    return real, fake


def _finite_like(name: str, value: Tensor, pred: Tensor) -> Tensor:
    value = _checks.floats(name, value)
    _checks.same_shape(name, value, "pred", pred)
    _checks.within(value, -math.inf, math.inf, f"every entry of {name} must be finite")
    return value.to(pred.dtype)


def _per_example(name: str, value: Tensor, pred: Tensor, high: float, wanted: str) -> Tensor:
    value = _checks.floats(name, value)
    if value.shape != pred.shape[:1]:
        raise ValueError(f"{name} must have shape ({len(pred)},), one number per example, got {tuple(value.shape)}")
    _checks.within(value, 0, high, f"every {name} must be {wanted}")
    return value
