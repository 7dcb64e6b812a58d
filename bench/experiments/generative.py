"""Seven ways to draw new digits, judged by whether a nearest neighbour tells them from real ones."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from lossbook import (
    binary_cross_entropy_with_logits,
    gaussian_kl_loss,
    minimax_generator_loss,
    negative_elbo,
    non_saturating_discriminator_loss,
    non_saturating_generator_loss,
)
from lossbook.data import digits_split
from lossbook.training import seeded

SEEDS = tuple(range(10))
SLICE = ("VAE, summed pixels", 0)
LOOSE = {"told apart": 0.2, "real": 0.15, "fake": 0.15, "active": 1.0, "KL": 1.0}

RATES, DECAYS = (0.0001, 0.0005, 0.002, 0.008, 0.032), (0.0, 3.0)
NETWORKS = [{"lr": lr, "decay": decay} for lr in RATES for decay in DECAYS]
METHODS = {
    "Gaussian of pixels": [{"shrink": shrink} for shrink in (0.0, 1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3)],
    "autoencoder": NETWORKS,
    "VAE, mean of pixels": NETWORKS,
    "VAE, summed pixels": NETWORKS,
    "VAE, chosen beta": [{"lr": lr, "beta": beta} for lr in (0.002, 0.008) for beta in (0.05, 0.1, 0.25, 0.5, 1.0)],
    "minimax": NETWORKS,
    "non-saturating": NETWORKS,
}
CODE = 8  # latent variables; an adversary's generator gets as many


def layers(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for before, after in pairwise(widths):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def summed(logits: Tensor, y: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The negative ELBO: pixels and latent variables are summed."""
    return negative_elbo(logits, y, mu, logvar)


def averaged(logits: Tensor, y: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The mistake: pixels are averaged, latent variables are summed."""
    return binary_cross_entropy_with_logits(logits, y) + gaussian_kl_loss(mu, logvar)


def autoencode(
    y: Tensor, loss: Callable[..., Tensor], *,
    lr: float, seed: int, decay: float = 0.0, code: int = CODE, steps: int = 500,
) -> tuple[nn.Module, nn.Module]:  # fmt: skip
    """Train an encoder and a decoder on images."""
    with seeded(seed):
        encoder, decoder = layers(64, 128, 2 * code), layers(code, 128, 64)
        weights = [*encoder.parameters(), *decoder.parameters()]
        update = torch.optim.AdamW(weights, lr=lr, weight_decay=decay)
        for _ in range(steps):
            batch = y[torch.randint(len(y), (64,))]
            mu, logvar = encoder(batch).chunk(2, dim=1)
            z = mu + (logvar / 2).exp() * torch.randn_like(mu)
            update.zero_grad()
            loss(decoder(z), batch, mu, logvar).backward()
            update.step()
    return encoder, decoder


def plain(
    y: Tensor, *, lr: float, seed: int, decay: float = 0.0, code: int = CODE, steps: int = 500
) -> tuple[nn.Module, nn.Module]:
    """Train an autoencoder without noise and without a price for its code."""
    with seeded(seed):
        encoder, decoder = layers(64, 128, code), layers(code, 128, 64)
        weights = [*encoder.parameters(), *decoder.parameters()]
        update = torch.optim.AdamW(weights, lr=lr, weight_decay=decay)
        for _ in range(steps):
            batch = y[torch.randint(len(y), (64,))]
            update.zero_grad()
            binary_cross_entropy_with_logits(decoder(encoder(batch)), batch).backward()
            update.step()
    return encoder, decoder


def compete(
    y: Tensor, generator: nn.Module, judge: nn.Module, loss: Callable[[Tensor], Tensor], *,
    lr: float, seed: int, code: int, steps: int, decay: float = 0.0,
) -> list[tuple[float, float]]:  # fmt: skip
    """Train a generator against a discriminator, in turns, and return the losses of both at each step."""
    history = []
    with seeded(seed):
        updates = [
            torch.optim.AdamW(net.parameters(), lr=lr, betas=(0.5, 0.99), weight_decay=decay)
            for net in (generator, judge)
        ]
        for _ in range(steps):
            real = y[torch.randint(len(y), (64,))]
            fake = generator(torch.randn(64, code))
            wrong = non_saturating_discriminator_loss(judge(real), judge(fake.detach()))
            updates[1].zero_grad()
            wrong.backward()
            updates[1].step()
            seen = loss(judge(fake))
            updates[0].zero_grad()
            seen.backward()
            updates[0].step()
            history.append((seen.item(), wrong.item()))
    return history


@torch.no_grad()
def nearest_is_alike(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Return the share of real examples whose nearest neighbour is real, and of fake ones whose is fake."""
    both = torch.cat([real, fake])
    far = torch.cdist(both, both).fill_diagonal_(torch.inf)
    alike = (far.argmin(1) < len(real)) == (torch.arange(len(both)) < len(real))
    return float(alike[: len(real)].float().mean()), float(alike[len(real) :].float().mean())


def told_apart(real: Tensor, fake: Tensor) -> float:
    """Return 0 if nearest neighbours cannot tell real from fake, 1 if both shares are as far from 1/2 as can be."""
    return sum(abs(share - 0.5) for share in nearest_is_alike(real, fake))


@torch.no_grad()
def of_pixels(y: Tensor, shrink: float, n: int) -> Tensor:
    """Draw from one Gaussian over all pixels, whose covariance is mixed with a share of the mean variance."""
    cov = y.T.cov()
    cov = (1 - shrink) * cov + (shrink * cov.diagonal().mean() + 1e-6) * torch.eye(len(cov))
    return (y.mean(0) + torch.randn(n, len(cov)) @ torch.linalg.cholesky(cov).T).clamp(0, 1)


def maker(method: str, setting: dict[str, float], y: Tensor, seed: int) -> tuple[Callable[[int], Tensor], dict]:
    """Train one method, and return what draws n new images, and numbers about it."""
    told: dict[str, float] = {}
    if method == "Gaussian of pixels":
        return lambda n: of_pixels(y, setting["shrink"], n), told
    if method == "autoencoder":
        encoder, decoder = plain(y, **setting, seed=seed)
        with torch.no_grad():
            codes = encoder(y)
        cov = codes.T.double().cov()  # of a code that collapsed it is singular
        spread = torch.linalg.cholesky(cov + (1e-6 * cov.trace() + 1e-6) * torch.eye(CODE)).float()
        return lambda n: decoder(codes.mean(0) + torch.randn(n, CODE) @ spread.T).sigmoid(), told
    if method.startswith("VAE"):
        options = {**setting}
        loss = averaged if "mean" in method else partial(negative_elbo, beta=options.pop("beta", 1.0))
        encoder, decoder = autoencode(y, loss, **options, seed=seed)
        with torch.no_grad():
            mu, logvar = encoder(y).chunk(2, dim=1)
        each = (mu**2 + logvar.exp() - logvar - 1).mean(0) / 2
        told = {"active": float((each > 0.05).sum()), "KL": float(each.sum())}
        return lambda n: decoder(torch.randn(n, CODE)).sigmoid(), told
    judged = minimax_generator_loss if method == "minimax" else non_saturating_generator_loss
    with seeded(seed):
        generator = nn.Sequential(*layers(CODE, 128, 64), nn.Sigmoid())
        judge = nn.Sequential(layers(64, 128, 1), nn.Flatten(0))
    compete(y, generator, judge, judged, **setting, seed=seed, code=CODE, steps=800)
    return lambda n: generator(torch.randn(n, CODE)), told


def repeat(method: str, settings: list[dict[str, float]], seed: int) -> dict:
    """Train once for each setting, and judge the one whose draws are nearest to the validation images."""
    digits = digits_split(seed=seed)
    tried = []
    for setting in settings:
        draw, told = maker(method, setting, digits.x_train, seed)
        with seeded(seed), torch.no_grad():
            score = told_apart(digits.x_val, draw(len(digits.x_val)))
            tried.append((score, draw(len(digits.x_test)), told))
    best = min(range(len(tried)), key=lambda i: tried[i][0])
    real, fake = nearest_is_alike(digits.x_test, tried[best][1])
    return {
        "chosen": best,
        "validation": [-one[0] for one in tried],
        "told apart": told_apart(digits.x_test, tried[best][1]),
        "real": real,
        "fake": fake,
        **tried[best][2],
    }
