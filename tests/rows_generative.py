"""The losses of generative models, for the table of transforms; the gradient penalty is in test_generative.py."""

import torch
from rows import Row

import lossbook

GENERATORS = ["hinge_generator_loss", "least_squares_generator_loss", "minimax_generator_loss",
              "non_saturating_generator_loss", "wasserstein_generator_loss"]
DISCRIMINATORS = ["hinge_discriminator_loss", "least_squares_discriminator_loss", "non_saturating_discriminator_loss",
                  "wasserstein_critic_loss"]


def normal(*shapes):
    rng = torch.Generator().manual_seed(0)
    return tuple(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes)


def picture(n):
    logits, target, mu, logvar = normal((n, 3), (n, 3), (n, 2), (n, 2))
    return logits, target.sigmoid(), mu, logvar


def noisy(n):
    *same, share, weight = normal((n, 2), (n, 2), (n, 2), (n,), (n,))
    return *same, share.sigmoid(), weight.exp()


def weighted_denoising(pred, clean, noise, alpha_bar, weight, **more):
    return lossbook.denoising_loss(pred, clean, noise, alpha_bar, weight=weight, **more)


ROWS = [
    Row("gaussian kl", lossbook.gaussian_kl_loss, lambda n: normal((n, 2), (n, 2)), differentiable=(0, 1)),
    Row("negative elbo", lossbook.negative_elbo, picture, {"beta": 2.5}, differentiable=(0, 2, 3)),
    *(Row(name, getattr(lossbook, name), lambda n: normal((n,))) for name in GENERATORS),
    *(Row(name, getattr(lossbook, name), lambda n: normal((n,), (n,)), differentiable=(0, 1))
      for name in DISCRIMINATORS),
    Row("denoising", lossbook.denoising_loss, lambda n: noisy(n)[:4]),
    Row("denoising clean", weighted_denoising, noisy, {"predict": "clean"}),
    Row("denoising velocity", weighted_denoising, noisy, {"predict": "velocity"}),
    Row("flow matching", lossbook.flow_matching_loss, lambda n: normal((n, 2), (n, 2), (n, 2))),
]
