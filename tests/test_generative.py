"""The losses of generative models against their formulas at 230 digits, what minimises them, and what they refuse."""

import functools
import math

import numpy as np
import pytest
import references
import torch
from compare import PROMISE, TIGHT, compare, leaf, over, precisions, refusals
from hypothesis import given, strategies as st
from mpmath import mp, mpf
from references import sigmoid
from torch.testing import assert_close

import lossbook
from lossbook import generative, information

SIZES = [1e-6, 1e-3, 0.1, 0.6, 1, 1.2, 3, 9, 16, 17.5, 20, 33, 60, 86, 90, 104, 1e3, 1e4]
LINE = [0.0, *(sign * size for size in SIZES for sign in (-1, 1))]
SIDES = list(zip(LINE, LINE[7:] + LINE[:7], strict=True))  # both sides take every value, never the same

GENERATORS = {
    lossbook.non_saturating_generator_loss: lambda z: -mp.log(sigmoid(z)),
    lossbook.minimax_generator_loss: lambda z: mp.log(sigmoid(-z)),
    lossbook.least_squares_generator_loss: lambda z: (z - 1) ** 2 / 2,
    lossbook.hinge_generator_loss: lambda z: -z,
    lossbook.wasserstein_generator_loss: lambda z: -z,
}
DISCRIMINATORS = {
    lossbook.non_saturating_discriminator_loss: lambda r, f: -mp.log(sigmoid(r)) - mp.log(sigmoid(-f)),
    lossbook.least_squares_discriminator_loss: lambda r, f: (r - 1) ** 2 / 2 + f**2 / 2,
    lossbook.hinge_discriminator_loss: lambda r, f: max(mpf(0), 1 - r) + max(mpf(0), 1 + f),
    lossbook.wasserstein_critic_loss: lambda r, f: f - r,
}


def kl(mu, logvar):
    return sum(m**2 + mp.exp(s) - s - 1 for m, s in zip(mu, logvar, strict=True)) / 2


def elbo(z, y, mu, logvar, *, beta=1):
    return sum(references.bce([a], b) for a, b in zip(z, y, strict=True)) + mpf(beta) * kl(mu, logvar)


def penalty(a, x):
    """Return the penalty of a critic whose slope at x is a * x²."""
    return (mp.sqrt(sum((b * c**2) ** 2 for b, c in zip(a, x, strict=True))) - 1) ** 2


def denoising(pred, clean, noise, alpha_bar, *, predict="noise", weight=1):
    root, rest = mp.sqrt(mpf(alpha_bar)), mp.sqrt(1 - mpf(alpha_bar))
    goals = {"noise": noise, "clean": clean,
             "velocity": [root * e - rest * x for x, e in zip(clean, noise, strict=True)]}
    return mpf(weight) * sum((p - g) ** 2 for p, g in zip(pred, goals[predict], strict=True)) / len(pred)


def flow(pred, clean, noise):
    return sum((p - (x - e)) ** 2 for p, x, e in zip(pred, clean, noise, strict=True)) / len(pred)


every_generator, every_discriminator = over(list(GENERATORS)), over(list(DISCRIMINATORS))


@precisions
@every_generator
def test_a_generators_loss_is_its_formula_however_sure_the_discriminator(loss, dtype):
    compare(loss, lambda z: GENERATORS[loss](*z), [torch.tensor(LINE, dtype=dtype)], TIGHT[dtype])


@precisions
@every_discriminator
def test_a_discriminators_loss_is_its_formula_on_either_side(loss, dtype):
    def formula(r, f):
        return DISCRIMINATORS[loss](*r, *f)

    corners = loss is lossbook.hinge_discriminator_loss  # where a difference quotient sees both slopes
    sides = [pair for pair in SIDES if not (corners and (pair[0] == 1 or pair[1] == -1))]
    compare(loss, formula, list(torch.tensor(sides, dtype=dtype).T.contiguous()), TIGHT[dtype])


def test_the_hinge_has_no_slope_in_its_corners():
    real, fake = leaf([1.0]), leaf([-1.0])
    lossbook.hinge_discriminator_loss(real, fake).backward()
    assert (real.grad.item(), fake.grad.item()) == (0, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_and_returned_in_float32(dtype):
    z = torch.tensor(LINE).to(dtype)
    for loss in GENERATORS:
        assert_close(loss(z, reduction="none"), loss(z.float(), reduction="none"), rtol=0, atol=0)
    for loss in DISCRIMINATORS:
        assert_close(loss(z, z[1:]), loss(z.float(), z[1:].float()), rtol=0, atol=0)
    a, b, c = (torch.tensor([[0.3, -1.2], [5.0, 300.0]]) * size for size in (1, -0.5, 2))
    half = [part.to(dtype) for part in (a, b, c)]
    share = torch.tensor([0.25, 0.75])
    for loss, inputs in [
        (lossbook.gaussian_kl_loss, half[:2]),
        (functools.partial(lossbook.negative_elbo, half[0], half[1].sigmoid()), half[1:]),
        (functools.partial(lossbook.denoising_loss, alpha_bar=share.to(dtype), predict="velocity"), half),
        (lossbook.flow_matching_loss, half),
    ]:
        found = loss(*inputs, reduction="none")
        assert found.dtype == torch.float32
        assert_close(found, loss(*(part.float() for part in inputs), reduction="none"), rtol=0, atol=0)


def test_a_critic_in_half_precision_is_asked_in_half_precision():
    critic = torch.nn.Linear(2, 1).half()
    points = torch.ones(3, 2, dtype=torch.float16)
    found = lossbook.gradient_penalty(critic, points)
    exact = (critic.weight.float().norm() - 1) ** 2
    assert_close(found, exact)


@every_discriminator
def test_each_side_is_reduced_by_itself_and_then_added(loss):
    real, fake = torch.tensor([0.3, -2.0, 1.7]), torch.tensor([[0.9], [-0.4]])
    none = functools.partial(loss, reduction="none")
    sides = [none(real, torch.zeros(3)) - none(torch.zeros(3), torch.zeros(3)),
             none(torch.zeros(2, 1), fake) - none(torch.zeros(2, 1), torch.zeros(2, 1))]
    at_0 = none(torch.zeros(1), torch.zeros(1))
    assert_close(loss(real, fake), sides[0].sum() / 3 + sides[1].sum() / 2 + at_0.sum())
    assert_close(loss(real, fake, reduction="sum"),
                 loss(real, fake[:0], reduction="sum") + loss(real[:0], fake, reduction="sum"))
    with pytest.raises(ValueError, match=r"fake must have the shape of real \(3,\), got \(2, 1\)"):
        none(real, fake)


@every_generator
def test_a_generators_losses_are_reduced_as_every_loss(loss):
    z = torch.tensor([[0.3, -2.0, 1.7]])
    each = loss(z, reduction="none")
    assert each.shape == z.shape
    assert_close(loss(z), each.sum() / 3)
    assert_close(loss(z, reduction="sum"), each.sum())
    assert loss(z[:0]) == 0


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9], ids=str)
def test_the_best_discriminator_gives_log_odds_and_twice_log_2_less_the_jensen_shannon_divergence(p):
    real, fake = np.array([p, 1 - p]), np.array([0.3, 0.7])
    z = torch.tensor(np.log(real / fake), requires_grad=True)
    each = functools.partial(lossbook.non_saturating_discriminator_loss, reduction="none")
    value = (torch.tensor(real) * each(z, torch.full_like(z, -500)) +
             torch.tensor(fake) * each(torch.full_like(z, 500), z)).sum()
    assert_close(torch.autograd.grad(value, z)[0], torch.zeros(2).double())
    assert_close(value.item(), 2 * math.log(2) - 2 * information.js_divergence(real, fake))


def test_the_best_least_squares_discriminator_is_the_probability_of_being_real():
    p, q = 0.6, 0.15
    z = leaf([p / (p + q)])
    value = p * lossbook.least_squares_discriminator_loss(z, leaf([0.0])) + q * (
        lossbook.least_squares_discriminator_loss(leaf([1.0]), z))
    assert_close(torch.autograd.grad(value, z)[0], leaf([0.0]).detach())


@pytest.mark.parametrize(("p", "best"), [(0.6, 1.0), (0.4, -1.0)])
def test_the_best_hinge_discriminator_says_which_is_likelier(p, best):
    line = torch.linspace(-2, 2, 401, dtype=torch.float64)
    each = functools.partial(lossbook.hinge_discriminator_loss, reduction="none")
    risk = p * each(line, torch.full_like(line, -1)) + (1 - p) * each(torch.full_like(line, 1), line)
    assert_close(line[risk.argmin()].item(), best)


def test_the_minimax_gradient_dies_where_the_non_saturating_one_is_1():
    z = leaf([-20.0])
    saturating, other = (torch.autograd.grad(loss(z), z)[0].item() for loss in (
        lossbook.minimax_generator_loss, lossbook.non_saturating_generator_loss))
    assert_close(saturating, -1 / (1 + math.exp(20)))
    assert_close(other, -1 / (1 + math.exp(-20)))


def test_the_slope_of_the_wasserstein_loss_is_the_distance_of_two_points():
    # Real at 0, fake at 3: among critics c·x with |c| at most 1 the best is c = -1, and its loss is -3.
    losses = [lossbook.wasserstein_critic_loss(torch.tensor([c * 0.0]), torch.tensor([c * 3.0])).item()
              for c in (-1.0, -0.5, 0.0, 1.0)]
    assert losses == [-3.0, -1.5, 0.0, 3.0]


SIZES_OF_CODES = [1e-12, 1e-6, 1e-4, 1e-3, 0.02, 0.29, 0.31, 0.6, 1, 5, 20]
SMALL = [0.0, *(sign * size for size in SIZES_OF_CODES for sign in (-1, 1))]


@precisions
def test_gaussian_kl_is_its_formula_also_where_it_is_next_to_nothing(dtype):
    logvar = [*SMALL, 0.3, -0.3, -200, -1e4, 80]
    mu = [*SMALL, 1e4, -1e4, 0.3, -7.0, 2.5]
    pairs = [[m, s, n, t] for m, s in zip(mu, logvar, strict=True)
             for n, t in [(0.0, 0.0), (1e-5, -1e-5), (2.0, 0.5)]]
    at = torch.tensor(pairs, dtype=dtype)
    compare(lossbook.gaussian_kl_loss, kl, [at[:, ::2].clone(), at[:, 1::2].clone()], TIGHT[dtype])


@given(st.floats(-80, 80, width=32))
def test_gaussian_kl_is_never_negative_and_has_no_step_where_the_series_ends(x):
    at = torch.tensor([[x]])
    assert lossbook.gaussian_kl_loss(torch.zeros(1, 1), at) >= 0
    exact = float(kl([mpf(0)], [mpf(x)]))
    assert_close(lossbook.gaussian_kl_loss(torch.zeros(1, 1), at).item(), exact, rtol=1e-5, atol=1e-38)


def test_gaussian_kl_is_infinite_and_not_nan_where_the_variance_is_beyond_float32():
    logvar = leaf([[1e4]], torch.float32)
    value = lossbook.gaussian_kl_loss(torch.zeros(1, 1), logvar)
    assert (value.item(), torch.autograd.grad(value, logvar)[0].item()) == (math.inf, math.inf)


def test_gaussian_kl_agrees_with_torch_where_torch_is_exact():
    mu, logvar = torch.tensor([[0.3, -2.0, 1.0]]).double(), torch.tensor([[1.3, -0.7, 2.0]]).double()
    normal = torch.distributions.Normal(mu, (logvar / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()
    assert_close(lossbook.gaussian_kl_loss(mu, logvar), expected)


ELBO = [
    torch.tensor([[0.3, -1.2, 4.0], [90.0, -60.0, 0.0], [-1e4, 1e3, 17.0]]),
    torch.tensor([[1.0, 0.0, 0.25], [0.5, 0.0, 1.0], [0.0, 1.0, 0.75]]),
    torch.tensor([[0.5, -2.0], [1e-3, 30.0], [0.0, 1.0]]),
    torch.tensor([[-1.0, 0.2], [-1e-3, 4.0], [-100.0, 20.0]]),
]


@precisions
@pytest.mark.parametrize("beta", [1.0, 0.0, 2.5], ids=str)
def test_negative_elbo_sums_over_pixels_and_latent_variables(beta, dtype):
    z, y, mu, logvar = (part.to(dtype) for part in ELBO)

    def loss(z, mu, logvar, y, **more):
        return lossbook.negative_elbo(z, y, mu, logvar, beta=beta, **more)

    def formula(z, mu, logvar, y):
        return elbo(z, y, mu, logvar, beta=beta)

    compare(loss, formula, [z, mu, logvar], TIGHT[dtype], [y])


@pytest.mark.parametrize(("mu", "logvar"), [(0.0, 0.0), (0.7, -0.3), (-1.0, -2.0), (0.4, 1.0)])
def test_negative_elbo_is_on_average_above_the_cost_of_the_picture(mu, logvar):
    # One latent variable, logits 2 z and 1 - z; both means over z by Gauss-Hermite quadrature.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    nodes, weights = torch.tensor(nodes), torch.tensor(weights / weights.sum())
    target = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(60, 2)

    def logits(z):
        return torch.stack([2 * z, 1 - z], dim=1)

    size = torch.full((60, 1), logvar, dtype=torch.float64)
    centre = torch.full((60, 1), mu, dtype=torch.float64)
    drawn = mu + math.exp(logvar / 2) * nodes
    bound = weights @ lossbook.negative_elbo(logits(drawn), target, centre, size, reduction="none")
    free = torch.zeros(60, 1, dtype=torch.float64)
    given_code = lossbook.negative_elbo(logits(nodes), target, free, free, reduction="none")
    assert bound > -(weights @ (-given_code).exp()).log()


def test_a_mean_over_pixels_is_another_loss():
    z, y, mu, logvar = ELBO
    pixels = lossbook.binary_cross_entropy_with_logits(z, y)
    code = lossbook.gaussian_kl_loss(mu, logvar)
    assert_close(lossbook.negative_elbo(z, y, mu, logvar), 3 * pixels + code)  # three pixels


SLOPES = torch.tensor([[0.3, -1.2], [1e-6, 2e-6], [5.0, 30.0], [1e3, 0.1], [1e-3, 0.0]])
POINTS = torch.tensor([[1.5, 0.25], [1.0, -2.0], [0.3, 0.7], [3.0, 0.5], [-2.0, 1.0]])


@precisions
def test_gradient_penalty_is_its_formula_and_so_is_its_gradient(dtype):
    def loss(a, x, **more):
        return lossbook.gradient_penalty(lambda x: (a * x**3 / 3).sum(1), x, **more)

    compare(loss, penalty, [SLOPES.to(dtype), POINTS.to(dtype)], PROMISE[dtype])


@pytest.mark.parametrize("shape", [(4,), (4, 1)], ids=str)
def test_gradient_penalty_of_a_linear_critic_is_that_of_its_weights(shape):
    w = leaf([3.0, 4.0])
    found = lossbook.gradient_penalty(lambda x: (x @ w).view(shape), torch.randn(4, 2).double(), reduction="none")
    assert_close(found, leaf([16.0] * 4).detach())
    found.sum().backward()
    assert_close(w.grad, 4 * 2 * 4 * torch.tensor([0.6, 0.8]).double())  # 2 (|w| - 1) w / |w|, four times


def test_a_flat_critic_costs_1_and_has_gradient_0():
    w = leaf([0.0, 0.0])
    value = lossbook.gradient_penalty(lambda x: x @ w, torch.ones(3, 2).double())
    value.backward()
    assert value == 1
    assert_close(w.grad, torch.zeros(2).double(), rtol=0, atol=0)
    unused = lossbook.gradient_penalty(lambda x: w[0] * torch.ones(len(x)).double(), torch.ones(3, 2).double())
    assert unused == 1


def test_gradient_penalty_trains_a_critic_and_can_be_measured_without_gradients():
    torch.manual_seed(0)
    critic = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    points = torch.randn(16, 2)
    lossbook.gradient_penalty(critic, points).backward()
    assert min(part.grad.norm() for part in (critic[0].weight, critic[0].bias, critic[2].weight)) > 0
    with torch.no_grad():
        outside = lossbook.gradient_penalty(critic, points)
    assert_close(outside, lossbook.gradient_penalty(critic, points).detach())


@precisions
@pytest.mark.parametrize("predict", ["noise", "clean", "velocity"])
def test_denoising_loss_is_its_formula_for_each_target(predict, dtype):
    pred = torch.tensor([[0.3, -1.2], [3.0, 0.5], [0.0, 2.0], [-7.0, 1.0]], dtype=dtype)
    clean = torch.tensor([[1.5, 0.25], [1e3, -2.0], [0.3, 0.7], [0.5, -0.25]], dtype=dtype)
    noise = torch.tensor([[-0.5, 2.0], [0.1, -1.0], [0.0, -3.0], [0.75, 1.25]], dtype=dtype)
    share, weight = torch.tensor([0.3, 0.999, 0.0, 1.0], dtype=dtype), torch.tensor([2.5, 0.0, 1.0, 0.3], dtype=dtype)

    def loss(pred, clean, noise, share, weight, **more):
        return lossbook.denoising_loss(pred, clean, noise, share, predict=predict, weight=weight, **more)

    def formula(pred, clean, noise, share, weight):
        return denoising(pred, clean, noise, *share, predict=predict, weight=weight[0])

    compare(loss, formula, [pred], PROMISE[dtype], [clean, noise, share, weight])


@precisions
def test_flow_matching_loss_is_its_formula(dtype):
    pred, clean, noise = torch.tensor([[[0.3, -1.2], [3.0, 0.5]], [[1e3, 2.0], [-7.0, 1.0]], [[1e-3, 1.0], [4, 0.5]]],
                                      dtype=dtype)
    compare(lossbook.flow_matching_loss, flow, [pred], TIGHT[dtype], [clean, noise])


def answers(predict, denoised, noisy, share):
    """Return one and the same answer, in the form that is asked for."""
    a, b = share.sqrt()[:, None], (1 - share).sqrt()[:, None]
    noise = (noisy - a * denoised) / b
    return {"clean": denoised, "noise": noise, "velocity": a * noise - b * denoised}[predict]


def test_the_three_targets_are_one_loss_with_three_weights():
    rng = torch.Generator().manual_seed(1)
    clean, noise, denoised = torch.randn(3, 5, 4, generator=rng, dtype=torch.float64)
    share = torch.tensor([0.05, 0.3, 0.5, 0.9, 0.99], dtype=torch.float64)
    noisy = share.sqrt()[:, None] * clean + (1 - share).sqrt()[:, None] * noise
    snr = share / (1 - share)

    def loss(predict, **more):
        return lossbook.denoising_loss(answers(predict, denoised, noisy, share), clean, noise, share,
                                       predict=predict, **more)

    assert_close(loss("noise"), loss("clean", weight=snr))
    assert_close(loss("velocity"), loss("clean", weight=snr + 1))
    ratio = loss("velocity", reduction="none") / loss("clean", reduction="none")
    assert_close(ratio[1].item(), 1 + 0.3 / 0.7)
    assert_close(loss("noise", weight=1 / snr, reduction="sum"), loss("clean", reduction="sum"))


def test_the_best_answer_to_a_noisy_point_is_the_mean_of_what_it_may_have_been():
    # Two points, -1 and 1, equally likely; ᾱ = 0.36. Seen at s, the mean is tanh(√ᾱ s / (1 - ᾱ)).
    s, share = 0.4, torch.tensor([0.36, 0.36], dtype=torch.float64)
    mean = math.tanh(0.6 * s / 0.64)
    clean = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    noise = (s - 0.6 * clean) / 0.8
    likely = (-(noise[:, 0] ** 2) / 2).exp()
    for predict, best in [("clean", mean), ("noise", (s - 0.6 * mean) / 0.8)]:
        pred = torch.full((2, 1), best, dtype=torch.float64, requires_grad=True)
        lossbook.denoising_loss(pred, clean, noise, share, predict=predict, weight=likely).backward()
        assert_close(pred.grad.sum().item(), 0.0)


def test_a_schedule_in_float64_keeps_the_digits_of_the_noise_in_float32():
    share = torch.tensor([1 - 1e-9], dtype=torch.float64)
    clean, noise, pred = torch.tensor([[1e6]]), torch.tensor([[0.0]]), torch.tensor([[0.0]])
    found = lossbook.denoising_loss(pred, clean, noise, share, predict="velocity")
    assert found.dtype == torch.float32
    assert_close(found.item(), 1e12 * (1 - share.item()), rtol=1e-6, atol=0)


def test_flow_matching_points_from_the_noise_to_the_example():
    clean, noise = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, -1.0]])
    assert lossbook.flow_matching_loss(torch.tensor([[2.0, 2.0]]), clean, noise) == 0
    assert lossbook.flow_matching_loss(torch.tensor([[-2.0, -2.0]]), clean, noise) == 16


PICTURE, CODE = torch.zeros(2, 3), torch.zeros(2, 2)
SHARE = torch.tensor([0.5, 0.5])


def flat(x):
    return x.sum(1)


BAD = [
    (lambda: lossbook.gaussian_kl_loss([[0.0]], CODE), TypeError, r"mu must be a torch.Tensor, got list"),
    (lambda: lossbook.gaussian_kl_loss(CODE, CODE.long()), TypeError, r"logvar must have a floating dtype, got torch"),
    (lambda: lossbook.gaussian_kl_loss(CODE, CODE[:1]), ValueError,
     r"logvar must have the shape of mu \(2, 2\), got \(1, 2\)"),
    (lambda: lossbook.gaussian_kl_loss(CODE[0], CODE[0]), ValueError, r"mu must have shape \(N, d1, ...\).*got \(2,\)"),
    (lambda: lossbook.gaussian_kl_loss(CODE[:, :0], CODE[:, :0]), ValueError, r"mu .* at least one entry, got \(2, 0"),
    (lambda: lossbook.gaussian_kl_loss(CODE, CODE, reduction="max"), ValueError, r"reduction must be"),
    (lambda: lossbook.negative_elbo(PICTURE, PICTURE, CODE[:1], CODE[:1]), ValueError,
     r"mu must have as many examples as logits, 2, got 1"),
    (lambda: lossbook.negative_elbo(PICTURE, PICTURE[:, :2], CODE, CODE), ValueError,
     r"target must have the shape of logits \(2, 3\), got \(2, 2\)"),
    (lambda: lossbook.negative_elbo(PICTURE, PICTURE + 255, CODE, CODE), ValueError,
     r"target must be in \[0, 1\], got 255"),
    (lambda: lossbook.negative_elbo(PICTURE, PICTURE, CODE, CODE, beta=-1.0), ValueError, r"beta must be in \[0, inf"),
    (lambda: lossbook.negative_elbo(PICTURE[0], PICTURE[0], CODE, CODE), ValueError, r"logits must have shape"),
    (lambda: lossbook.negative_elbo(PICTURE, PICTURE, CODE[0], CODE[0]), ValueError, r"mu must have shape \(N, d1"),
    (lambda: lossbook.denoising_loss(PICTURE[0], PICTURE[0], PICTURE[0], SHARE[0]), ValueError,
     r"pred must have shape \(N, d1, ...\)"),
    (lambda: lossbook.gradient_penalty(torch.zeros(2), PICTURE), TypeError, r"critic must be a function .* got Tensor"),
    (lambda: lossbook.gradient_penalty(flat, PICTURE[0]), ValueError, r"points must have shape \(N, d1, ...\)"),
    (lambda: lossbook.gradient_penalty(lambda x: x, PICTURE), ValueError,
     r"critic must return scores of shape \(N,\) or \(N, 1\), N = 2 as in points, got \(2, 3\)"),
    (lambda: lossbook.gradient_penalty(lambda x: x.tolist(), PICTURE), TypeError,
     r"what critic returns must be a torch.Tensor, got list"),
    (lambda: lossbook.gradient_penalty(lambda x: x.sum(), PICTURE), ValueError, r"critic must return .* got \(\)"),
    (lambda: lossbook.denoising_loss(PICTURE, CODE, PICTURE, SHARE), ValueError,
     r"clean must have the shape of pred \(2, 3\), got \(2, 2\)"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE[:1], SHARE), ValueError, r"noise must have the shape"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, SHARE[:1]), ValueError,
     r"alpha_bar must have shape \(2,\), one number per example, got \(1,\)"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, 0.5), TypeError, r"alpha_bar must be a torch.Tensor"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, SHARE + 1), ValueError,
     r"every alpha_bar must be in \[0, 1\], got 1.5"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, SHARE, weight=-SHARE), ValueError,
     r"every weight must be finite and at least 0, got -0.5"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, SHARE, weight=torch.ones(2, 3)), ValueError,
     r"weight must have shape \(2,\)"),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE, PICTURE, SHARE, predict="epsilon"), ValueError,
     r'predict must be "noise", "clean" or "velocity", got \'epsilon\''),
    (lambda: lossbook.denoising_loss(PICTURE, PICTURE / 0, PICTURE, SHARE), ValueError,
     r"every entry of clean must be finite, got nan"),
    (lambda: lossbook.flow_matching_loss(PICTURE, CODE, PICTURE), ValueError, r"^clean must have the shape of pred"),
    (lambda: lossbook.flow_matching_loss(PICTURE, PICTURE, PICTURE + math.inf), ValueError,
     r"every entry of noise must be finite, got inf"),
    (lambda: lossbook.flow_matching_loss(PICTURE.long(), PICTURE, PICTURE), TypeError, r"pred must have a floating"),
    *[(functools.partial(loss, torch.zeros(2, dtype=torch.int64)), TypeError, "fake must have a floating dtype")
      for loss in GENERATORS],
    *[(functools.partial(loss, 0.5), TypeError, r"fake must be a torch.Tensor, got float") for loss in GENERATORS],
    *[(functools.partial(loss, torch.zeros(2), [0.0]), TypeError, r"fake must be a torch.Tensor, got list")
      for loss in DISCRIMINATORS],
    *[(functools.partial(loss, torch.zeros(2).long(), torch.zeros(2)), TypeError, r"real must have a floating dtype")
      for loss in DISCRIMINATORS],
    *[(functools.partial(loss, torch.zeros(2), torch.zeros(2), reduction="average"), ValueError, r"reduction must be")
      for loss in DISCRIMINATORS],
]


@refusals(BAD)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_no_examples_cost_nothing(reduction):
    nothing, share = torch.zeros(0, 3), torch.zeros(0)
    for value in [
        lossbook.gaussian_kl_loss(nothing, nothing, reduction=reduction),
        lossbook.negative_elbo(nothing, nothing, nothing, nothing, reduction=reduction),
        lossbook.gradient_penalty(flat, nothing, reduction=reduction),
        lossbook.denoising_loss(nothing, nothing, nothing, share, reduction=reduction),
        lossbook.flow_matching_loss(nothing, nothing, nothing, reduction=reduction),
        *(loss(share, share, reduction=reduction) for loss in DISCRIMINATORS),
    ]:
        assert value == 0


def second(loss):
    """Return ``loss`` as a function of one picture alone, with constants for what it takes besides."""
    other = torch.tensor([[0.4, -0.3], [1.1, 0.6]], dtype=torch.float64)
    return functools.partial(loss, other)


TWICE = {
    **{loss.__name__: loss for loss in GENERATORS},
    **{loss.__name__: second(loss) for loss in DISCRIMINATORS},
    "kl": second(lossbook.gaussian_kl_loss),
    "elbo": lambda x: lossbook.negative_elbo(x, torch.tensor([[0.0, 1.0], [0.25, 1.0]]), x, 2 * x, beta=0.5),
    "penalty": lambda x: lossbook.gradient_penalty(lambda y: (x * y**3).sum(1), x + 3),
    "denoising": lambda x: lossbook.denoising_loss(x, CODE + 1, CODE - 2, SHARE, predict="velocity"),
    "flow": lambda x: lossbook.flow_matching_loss(x, CODE + 1, CODE - 2),
}


@pytest.mark.parametrize("loss", TWICE.values(), ids=TWICE)
def test_gradient_passes_gradcheck_twice(loss):
    x = leaf([[0.35, -1.4], [0.8, 2.3]])
    assert torch.autograd.gradcheck(loss, x) is True
    assert torch.autograd.gradgradcheck(loss, x) is True


def test_the_series_meets_the_difference_at_its_end():
    x = torch.tensor([0.2999999, 0.3000001, -0.2999999, -0.3000001], dtype=torch.float64)
    assert_close(generative._exp_less_tangent(x), torch.expm1(x) - x, rtol=1e-14, atol=0)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch, of itself
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning")
def test_gradient_penalty_may_be_compiled_to_one_graph_and_mapped():
    a, points = torch.tensor([0.5, -2.0]).double(), torch.tensor([[0.35, -1.4], [0.8, 2.3], [1.0, 0.1]]).double()

    def penalty(a, x):
        return lossbook.gradient_penalty(lambda x: (a * x**3).sum(1), x)

    expected = torch.func.grad(penalty)(a, points)
    compiled = torch.compile(penalty, backend="aot_eager", fullgraph=True)
    leaf_a = a.clone().requires_grad_()
    assert_close(torch.autograd.grad(compiled(leaf_a, points), leaf_a)[0], expected)
    each = torch.func.vmap(torch.func.grad(penalty), in_dims=(None, 0))(a, points.unsqueeze(1))
    assert_close(each.mean(0), expected)
    step = torch.tensor([1.0, 0.5]).double()
    assert_close(torch.func.jvp(lambda a: penalty(a, points), (a,), (step,))[1], expected @ step)
