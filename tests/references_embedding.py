"""The losses for embeddings once more, as their papers write them, at 230 digits, and the gradients of a whole batch.

Each function takes the rows of its tensors as lists of mpmath numbers, labels and targets as lists of integers, and
returns the loss of every example.
"""

import torch
from mpmath import mp, mpf
from references import STEP, log_softmax


def exact(loss, tensors, **options):
    """Return the losses of all examples, and the gradient of their sum in each tensor of floats, in float64."""
    rows = [tensor.tolist() for tensor in tensors]
    rows = [[list(map(mpf, row)) for row in part] if isinstance(part[0], list) else part for part in rows]
    values = torch.tensor([float(value) for value in loss(*rows, **options)], dtype=torch.float64)
    slopes = []
    for part, tensor in zip(rows, tensors, strict=True):
        if tensor.is_floating_point():
            slope = [derivative(loss, rows, row, j, options) for row in part for j in range(len(row))]
            slopes.append(torch.tensor(slope, dtype=torch.float64).view(tensor.shape))
    return values, slopes


def derivative(loss, rows, row, j, options):
    """Return the derivative of the sum of all losses in entry j of a row: exact to 70 digits, 0 at a kink like |0|."""
    start, ends = row[j], []
    for sign in (1, -1):
        row[j] = start + sign * STEP
        ends.append(sum(loss(*rows, **options)))
    row[j] = start
    return float((ends[0] - ends[1]) / (2 * STEP))


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def distance(x, y, p=2):
    return sum(abs(a - b) ** mpf(p) for a, b in zip(x, y, strict=True)) ** (1 / mpf(p))


def direction(x):
    return [a / mp.sqrt(dot(x, x)) for a in x]


def contrastive(x, other, target, *, margin=1):
    d = [distance(a, b) for a, b in zip(x, other, strict=True)]
    return [y * d**2 / 2 + (1 - y) * max(mpf(0), mpf(margin) - d) ** 2 / 2 for d, y in zip(d, target, strict=True)]


def shortfall(near, far, margin, soft):
    margin = (0 if soft else 1) if margin is None else margin
    gap = near - far + mpf(margin)
    return mp.log(1 + mp.exp(gap)) if soft else max(mpf(0), gap)


def triplet(anchor, positive, negative, *, margin=None, p=2, swap=False, soft=False):
    losses = []
    for a, b, c in zip(anchor, positive, negative, strict=True):
        far = min(distance(a, c, p), distance(b, c, p)) if swap else distance(a, c, p)
        losses.append(shortfall(distance(a, b, p), far, margin, soft))
    return losses


def mean(values):
    return sum(values) / len(values) if values else mpf(0)


def relations(labels, i):
    same = [j for j, y in enumerate(labels) if y == labels[i] and j != i]
    return same, [j for j, y in enumerate(labels) if y != labels[i]]


def batch_all(z, labels, *, margin=None, soft=False):
    losses = []
    for a in range(len(z)):
        positives, negatives = relations(labels, a)
        losses.append(mean([shortfall(distance(z[a], z[p]), distance(z[a], z[n]), margin, soft)
                            for p in positives for n in negatives]))
    return losses


def angular(z, labels, *, angle=40):
    t = mp.tan(mp.radians(mpf(angle))) ** 2
    z = [direction(row) for row in z]
    losses = []
    for i, a in enumerate(z):
        positives, negatives = relations(labels, i)
        terms = []
        for p in [z[j] for j in positives]:
            middle = [s + u for s, u in zip(a, p, strict=True)]
            powers = [mp.exp(4 * t * dot(middle, z[n]) - 2 * (1 + t) * dot(a, p)) for n in negatives]
            terms.append(mp.log(1 + sum(powers)))
        losses.append(mean(terms))
    return losses


def log_shares(z, i, temperature):
    """Return {k: log of the share of z_k among all that are not i}."""
    others = [k for k in range(len(z)) if k != i]
    return dict(zip(others, log_softmax([dot(z[i], z[k]) / mpf(temperature) for k in others]), strict=True))


def nt_xent(x, y, *, temperature):
    z, n = [direction(row) for row in x + y], len(x)
    return [-log_shares(z, i, temperature)[(i + n) % (2 * n)] for i in range(2 * n)]


def sup_con(z, labels, *, temperature):
    z = [direction(row) for row in z]
    return [-mean([log_shares(z, i, temperature)[j] for j in relations(labels, i)[0]]) if len(z) > 1 else mpf(0)
            for i in range(len(z))]


def arcface(cosine, target, *, margin=0.5, scale=64):
    """Return the loss by arc cosines: at cosines of -1 and 1 it has no derivative, and beyond them no value."""
    margin, scale = mpf(margin), mpf(scale)
    losses = []
    for row, y in zip(cosine, target, strict=True):
        harder = mp.cos(mp.acos(row[y]) + margin) if row[y] > -mp.cos(margin) else row[y] - margin * mp.sin(margin)
        losses.append(-log_softmax([scale * (harder if k == y else c) for k, c in enumerate(row)])[y])
    return losses
