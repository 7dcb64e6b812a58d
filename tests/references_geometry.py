"""Boxes and clouds once more, at many digits and by enumeration: what the tests of geometry compare with."""

import functools
import itertools
import math
from fractions import Fraction

from mpmath import mp, mpf

mp.dps = 230

def gradient(loss, z):
    """Return the derivatives of ``loss`` at the list ``z``, by central differences with a third of the digits."""
    step = mpf(10) ** (-mp.dps // 3)

    def shifted(j, by):
        return loss([value + by if i == j else value for i, value in enumerate(z)])

    return [(shifted(j, step) - shifted(j, -step)) / (2 * step) for j in range(len(z))]


def areas(z):
    """Return I, U, C, and w and h of the box around both, for eight coordinates."""
    w = max(min(z[2], z[6]) - max(z[0], z[4]), 0)
    h = max(min(z[3], z[7]) - max(z[1], z[5]), 0)
    union = (z[2] - z[0]) * (z[3] - z[1]) + (z[6] - z[4]) * (z[7] - z[5]) - w * h
    width, height = max(z[2], z[6]) - min(z[0], z[4]), max(z[3], z[7]) - min(z[1], z[5])
    return w * h, union, width * height, width, height


def iou(z):
    shared, union, *_ = areas(z)
    return 1 - shared / union


def giou(z):
    _, union, around, *_ = areas(z)
    return iou(z) + 1 - union / around


def diou(z):
    *_, width, height = areas(z)
    d = [(z[k] + z[k + 2] - z[k + 4] - z[k + 6]) / 2 for k in (0, 1)]
    return iou(z) + (d[0] ** 2 + d[1] ** 2) / (width**2 + height**2)


def shape(z):
    return 4 / mp.pi**2 * (mp.atan((z[6] - z[4]) / (z[7] - z[5])) - mp.atan((z[2] - z[0]) / (z[3] - z[1]))) ** 2


def ciou(z, *, alpha=None):
    """Return the CIoU loss, with alpha as it is or held at a number."""
    v = shape(z)
    alpha = v / (iou(z) + v) if alpha is None and v else alpha or 0
    return diou(z) + alpha * v


def ciou_gradient(z):
    """Return the derivatives of the CIoU loss while alpha stays."""
    v = shape(z)
    return gradient(functools.partial(ciou, alpha=v / (iou(z) + v)), z)


def points(z, d):
    return [z[k : k + d] for k in range(0, len(z), d)]


def power(a, b, p):
    return sum(abs(s - t) ** p for s, t in zip(a, b, strict=True))


def chamfer(x, y, *, norm=2):
    there = sum(min(power(a, b, norm) for b in y) for a in x) / len(x)
    return there + sum(min(power(a, b, norm) for a in x) for b in y) / len(y)


def distance(a, b, cost):
    squared = power(a, b, 2)
    return squared if cost == "squared euclidean" else mp.sqrt(squared)


def emd(x, y, *, cost="euclidean"):
    costs = [distance(a, b, cost) for a in x for b in y]
    return cheapest(costs, [Fraction(1, len(x))] * len(x), [Fraction(1, len(y))] * len(y))


def cheapest(costs, a, b):
    """Return the least cost over all ways to move the masses, fractions of 1, in pieces that divide them all.

    No other way is cheaper: the corners of the set of plans are whole numbers of such pieces.
    """
    pieces = math.lcm(*(mass.denominator for mass in (*a, *b)))
    rows, columns = ([int(mass * pieces) for mass in part] for part in (a, b))

    @functools.cache
    def rest(i, room):
        if i == len(rows):
            return 0
        found = []
        for sent in itertools.product(*(range(min(rows[i], free) + 1) for free in room)):
            if sum(sent) == rows[i]:
                left = tuple(free - n for free, n in zip(room, sent, strict=True))
                found.append(sum(n * costs[i * len(b) + j] for j, n in enumerate(sent)) + rest(i + 1, left))
        return min(found)

    return rest(0, tuple(columns)) / pieces


def scaled(costs, a, b, reg):
    """Return the entropic plan as rows, by scaling rows and columns until nearly all digits stand."""
    p, q = len(a), len(b)
    kernel = [[mp.exp(-costs[i * q + j] / reg) for j in range(q)] for i in range(p)]
    u, v = [mpf(1)] * p, [mpf(1)] * q
    while True:
        u = [a[i] / sum(kernel[i][j] * v[j] for j in range(q)) for i in range(p)]
        moved = [b[j] / sum(kernel[i][j] * u[i] for i in range(p)) for j in range(q)]
        if all(abs(new / old - 1) < mpf(10) ** (6 - mp.dps) for new, old in zip(moved, v, strict=True)):
            return [[u[i] * kernel[i][j] * v[j] for j in range(q)] for i in range(p)]
        v = moved


def sinkhorn_of_masses(costs, a, b, reg):
    plan = scaled(costs, a, b, mpf(reg))
    return sum(plan[i][j] * costs[i * len(b) + j] for i in range(len(a)) for j in range(len(b)))


def sinkhorn(x, y, *, reg, cost="squared euclidean"):
    costs = [distance(a, b, cost) for a in x for b in y]
    return sinkhorn_of_masses(costs, [mpf(1) / len(x)] * len(x), [mpf(1) / len(y)] * len(y), reg)


def entropic(x, y, reg):
    costs = [power(a, b, 2) / 2 for a in x for b in y]
    plan = scaled(costs, [mpf(1) / len(x)] * len(x), [mpf(1) / len(y)] * len(y), reg)
    flat = [mass for row in plan for mass in row]
    return sum(mass * (c + reg * mp.log(mass * len(x) * len(y))) for mass, c in zip(flat, costs, strict=True))


def divergence(x, y, *, blur):
    reg = mpf(blur) ** 2
    return entropic(x, y, reg) - entropic(x, x, reg) / 2 - entropic(y, y, reg) / 2


def sinkhorn_two_by_two(costs, a, b, reg):
    """Return the cost of the entropic plan of two masses and two, which one number t = T_11 fixes: a quadratic."""
    k = mp.exp(-(costs[0] + costs[3] - costs[1] - costs[2]) / mpf(reg))
    # t (1 - a - b + t) = k (a - t) (b - t), for the first masses a and b
    low, high = max(mpf(0), a + b - 1), min(a, b)
    if k == 1:
        t = a * b
    else:
        half = (1 - a - b + k * (a + b)) / 2
        root = mp.sqrt(half**2 + (1 - k) * k * a * b)
        t = next(t for t in ((root - half) / (1 - k), (-root - half) / (1 - k)) if low <= t <= high)
    plan = [t, a - t, b - t, 1 - a - b + t]
    return sum(mass * c for mass, c in zip(plan, costs, strict=True))
