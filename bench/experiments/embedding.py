"""Which loss gives an embedding that tells digits apart which it has never seen?

Of the ten digits each seed draws five for training, two for the choice of the setting, and three for the judgement.
An image shows a digit of 8 x 8 pixels at a random place of 12 x 12. Every image of the test part comes once: with
copies of it at other places an example would find itself.

A network of 128 hidden units gives 16 numbers, normalised for the judgement. All losses but NT-Xent see labels;
NT-Xent sees pairs of one digit at two places, each in noise of its own: with the same noise in both, it would learn to
recognise the noise. Two losses get the sizes of the Fourier coefficients, which forget
where the digit stands, in place of the pixels. A setting is a learning rate, an option of the loss, and how many steps
were made. The baseline trains nothing: the pixels, or those sizes, or their logarithms, with so many main directions
kept.
"""

import itertools
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

import lossbook
from lossbook.metrics import map_at_r
from lossbook.scenes import placed_digits
from lossbook.training import seeded

SEEDS = range(10)
SLICE = ("angular", 3)
LOOSE = {"seen": 0.03, "unseen": 0.03, "first neighbour": 0.05}
SIZE, WIDTH, OUT, BATCH, STEPS = 12, 128, 16, 60, (80, 200)


def cross(low, usual, high):
    """Return three learning rates with the usual option of a loss, and the usual rate with two other options."""
    lines = [(0.0015, usual), (0.005, usual), (0.015, usual), (0.005, low), (0.005, high)]
    return [(*line, steps) for line, steps in itertools.product(lines, STEPS)]


METHODS = {
    "nothing trained": [("pixels", 4), *itertools.product(("pixels", "spectrum", "log spectrum"), (8, 16, 32))],
    "cross-entropy": cross(0.0, 0.3, 3.0),  # weight decay
    "contrastive": cross(1.0, 1.5, 1.9),  # margin; no two directions are farther apart than 2
    "triplet, hardest": cross(0.1, 0.3, 1.0),  # margin
    "triplet, all": cross(0.1, 0.3, 1.0),  # margin
    "angular": cross(25.0, 40.0, 50.0),  # degrees
    "SupCon": cross(0.15, 0.5, 1.5),  # temperature
    "ArcFace": cross(0.0, 0.2, 0.5),  # margin, at a scale of 16
    "NT-Xent, no labels": cross(0.05, 0.15, 0.5),  # temperature
    "cross-entropy on the spectrum": cross(0.0, 0.3, 3.0),
    "SupCon on the spectrum": cross(0.05, 0.15, 0.5),
}


class Spectrum(nn.Module):
    """The sizes of the Fourier coefficients of an image, divided by half its side: they forget the place."""

    def forward(self, x):
        return (torch.fft.rfft2(x).abs() * 2 / SIZE).flatten(1)


def images(n, digits, part, seed, *, noise=0.2, once=False):
    """Return placed digits; with ``once``, the first of each original, which all have different ink."""
    x, y = placed_digits(n, digits=digits, size=SIZE, noise=noise, part=part, seed=seed)
    if once:
        ink, _ = placed_digits(n, digits=digits, size=SIZE, noise=0.0, part=part, seed=seed)
        _, first = np.unique(np.sort(ink.flatten(1).numpy(), axis=1), axis=0, return_index=True)
        x, y = x[first], y[first]
    return x[:, 0], y


def pairs(z, y, *, margin):
    """Return the contrastive loss of every pair of a batch."""
    i, j = torch.triu_indices(len(z), len(z), 1)
    return lossbook.contrastive_loss(z[i], z[j], (y[i] == y[j]).long(), margin=margin)


def hardest(z, y, *, margin):
    """Return the triplet loss of the hardest triplet of each anchor."""
    a, p, n = lossbook.hardest_triplets(z, y)
    return lossbook.triplet_loss(z[a], z[p], z[n], margin=margin)


def loss_of(method, option, classes):
    """Return the loss of a batch as a function of its embeddings, before they are normalised, and labels."""
    return {
        "cross-entropy": lambda z, y: lossbook.cross_entropy(classes(z), y),
        "contrastive": lambda z, y: pairs(normalize(z), y, margin=option),
        "triplet, hardest": lambda z, y: hardest(normalize(z), y, margin=option),
        "triplet, all": lambda z, y: lossbook.batch_all_triplet_loss(normalize(z), y, margin=option),
        "angular": partial(lossbook.angular_loss, angle=option),
        "SupCon": partial(lossbook.sup_con_loss, temperature=option),
        "ArcFace": lambda z, y: lossbook.arcface_loss(
            normalize(z) @ normalize(classes.weight).T, y, margin=option, scale=16.0),
        "NT-Xent, no labels": lambda z, _: lossbook.nt_xent_loss(*z.chunk(2), temperature=option),
    }[method.removesuffix(" on the spectrum")]


def moved(x, rng):
    """Return each image moved by up to one pixel, what leaves at one side comes in at the other, in new noise."""
    rows, columns = (torch.arange(SIZE) + torch.randint(-1, 2, (2, len(x), 1), generator=rng)) % SIZE
    x = x[torch.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return x + 0.2 * torch.randn(x.shape, generator=rng)


def trained(method, rate, option, seed, x, y):
    """Yield the network at each of STEPS; it is the same object, trained further."""
    with seeded(seed):
        first = Spectrum() if method.endswith("spectrum") else nn.Flatten()
        model = nn.Sequential(first, nn.Linear(first(x[:1]).shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, OUT))
        classes = nn.Linear(OUT, int(y.max()) + 1)
    loss, rng = loss_of(method, option, classes), torch.Generator().manual_seed(seed)
    decay = option if method.startswith("cross-entropy") else 0.0
    update = torch.optim.AdamW([*model.parameters(), *classes.parameters()], lr=rate, weight_decay=decay)
    for step in range(1, STEPS[-1] + 1):
        batch = torch.randint(len(x), (BATCH,), generator=rng)
        shown = x[batch]
        if method == "NT-Xent, no labels":
            shown = torch.cat([moved(shown, rng), moved(shown, rng)])
        update.zero_grad()
        loss(model(shown), y[batch]).backward()
        update.step()
        if step in STEPS:
            yield step, model


def untrained(kind, kept, x):
    """Return a function from images to features, in the main directions of the training images."""
    def features(x):
        sizes = Spectrum()(x)
        return {"pixels": x.flatten(1), "spectrum": sizes, "log spectrum": (sizes + 0.1).log()}[kind]

    centre = features(x).mean(0)
    directions = torch.linalg.svd(features(x) - centre, full_matrices=False).Vh[:kept]
    return lambda x: (features(x) - centre) @ directions.T


def first_neighbour(z, y):
    """Return the share of examples whose nearest neighbour is of their kind."""
    distance = torch.cdist(z, z).fill_diagonal_(torch.inf)
    return float((y[distance.argmin(1)] == y).float().mean())


@torch.no_grad()
def judged(model, parts):
    """Return MAP@R of each part, the share of right first neighbours of the last, and how far it spreads."""
    z = [normalize(model(x)) for x, _ in parts]
    scores = [map_at_r(each, y) for each, (_, y) in zip(z, parts, strict=True)]
    spread = float((z[-1] - z[-1].mean(0)).square().sum(1).mean().sqrt())
    return [*scores, first_neighbour(z[-1], parts[-1][1]), spread]


def repeat(method, settings, seed):
    """Train with each setting; judge the one that is best on the two digits that are kept for this."""
    digits = np.random.default_rng(seed).permutation(10).tolist()
    seen, chosen_by, unseen = digits[:5], digits[5:7], digits[7:]
    x, digit = images(1500, seen, "train", seed, noise=0.0 if method.startswith("NT-Xent") else 0.2)
    y = torch.tensor([seen.index(int(each)) for each in digit])
    parts = [images(n, some, "test", seed, once=True) for n, some in ((600, chosen_by), (1500, seen), (900, unseen))]
    found = {}
    for rate, option in dict.fromkeys(setting[:2] for setting in settings):
        if method == "nothing trained":
            found[rate, option] = judged(untrained(rate, option, x), parts)
        else:
            found |= {(rate, option, step): judged(model, parts)
                      for step, model in trained(method, rate, option, seed, x, y)}
    validation = [found[setting][0] for setting in settings]
    best = int(np.argmax(validation))
    names = ("seen", "unseen", "first neighbour", "spread")
    return {"chosen": best, "validation": validation, **dict(zip(names, found[settings[best]][1:], strict=True))}
