"""The losses beyond classification once more, as their papers write them, for mpmath: nothing here is stable or fast.

A loss takes one example: first what is predicted, as a list of numbers or of rows, then what it is compared with. What
comes after that are the options.
"""

from itertools import pairwise, permutations, product

from mpmath import mp, mpf
from references import log_softmax, sigmoid, softmax


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def rows(numbers, columns):
    """Return a list of numbers as a list of rows."""
    return [numbers[i : i + columns] for i in range(0, len(numbers), columns)]


def dot(x, y):
    return sum(mpf(a) * mpf(b) for a, b in zip(x, y, strict=True))


def distance(x, y, p=2):
    return sum(abs(mpf(a) - mpf(b)) ** p for a, b in zip(x, y, strict=True)) ** (mpf(1) / p)


def unit(x):
    return [mpf(a) / mp.sqrt(dot(x, x)) for a in x]


# Overlap.


def tversky(z, target, *, alpha=0.5, beta=0.5, gamma=1):
    """Return the Tversky loss of one mask, to the power gamma; with alpha = beta = 1/2 it is Dice, with 1 Jaccard."""
    fp = sum(sigmoid(v) for v, y in zip(z, target, strict=True) if not y)
    fn = sum(sigmoid(-v) for v, y in zip(z, target, strict=True) if y)
    wrong = mpf(alpha) * fp + mpf(beta) * fn
    return (wrong / (sum(target) - fn + wrong)) ** mpf(gamma)


def lovasz(errors, target):
    """Return the Lovász extension of 1 - Jaccard: each error times what Jaccard loses when its pixel turns wrong."""
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    found, union, lost = sum(target), sum(target), [mpf(0)]
    for i in order:
        found, union = (found - 1, union) if target[i] else (found, union + 1)
        lost.append(1 - mpf(found) / union)
    gains = [after - before for before, after in pairwise(lost)]
    return sum(max(errors[i], mpf(0)) * gain for i, gain in zip(order, gains, strict=True))


def lovasz_hinge(z, target):
    return lovasz([1 - (2 * y - 1) * v for v, y in zip(z, target, strict=True)], target)


def lovasz_softmax(z, target):
    """Return the mean over the classes that occur; z holds a row for each class, a column for each pixel."""
    p = list(zip(*map(softmax, zip(*z, strict=True)), strict=True))
    each = []
    for k in sorted(set(target)):
        mask = [int(y == k) for y in target]
        each.append(lovasz([1 - v if y else v for v, y in zip(p[k], mask, strict=True)], mask))
    return mean(each)


# Boxes.


def iou(z, y):
    """Return 1 - IoU, and what the others need: the areas of the union and the hull, and the hull's two sides."""
    sides = [[box[i + 2] - box[i] for i in (0, 1)] for box in (z, y)]
    inner = [max(mpf(0), min(z[i + 2], y[i + 2]) - max(z[i], y[i])) for i in (0, 1)]
    hull = [max(z[i + 2], y[i + 2]) - min(z[i], y[i]) for i in (0, 1)]
    union = sides[0][0] * sides[0][1] + sides[1][0] * sides[1][1] - inner[0] * inner[1]
    return 1 - inner[0] * inner[1] / union, union, hull


def giou(z, y):
    loss, union, hull = iou(z, y)
    return loss + 1 - union / (hull[0] * hull[1])


def diou(z, y):
    loss, _, hull = iou(z, y)
    return loss + sum((z[i] + z[i + 2] - y[i] - y[i + 2]) ** 2 for i in (0, 1)) / 4 / dot(hull, hull)


def shape(z, y):
    angle, other = (mp.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (z, y))
    return 4 / mp.pi**2 * (angle - other) ** 2


def weight_of_shape(z, y):
    """Return alpha, which CIoU takes for a constant."""
    return shape(z, y) / (iou(z, y)[0] + shape(z, y))


def ciou(z, y, *, held=None):
    return diou(z, y) + (weight_of_shape(z, y) if held is None else held) * shape(z, y)


# Clouds; each cloud is a list of points.


def squares(x, y):
    return [[distance(p, q) ** 2 for q in y] for p in x]


def chamfer(x, y):
    cost = squares(x, y)
    return mean(map(min, cost)) + mean(map(min, zip(*cost, strict=True)))


def emd(x, y):
    """Return the least mean distance over all ways to pair two clouds of one size."""
    return min(mean(distance(p, y[j]) for p, j in zip(x, order, strict=True)) for order in permutations(range(len(y))))


def potentials(cost, eps, rounds):
    """Return both potentials of entropic transport between uniform clouds, after so many rounds of Sinkhorn."""
    g = [mpf(0)] * len(cost[0])
    for _ in range(rounds):
        f = [-eps * mp.log(mean(mp.exp((b - c) / eps) for b, c in zip(g, row, strict=True))) for row in cost]
        g = [-eps * mp.log(mean(mp.exp((a - c) / eps) for a, c in zip(f, column, strict=True)))
             for column in zip(*cost, strict=True)]
    return f, g


def sinkhorn(x, y, *, reg, rounds=300):
    """Return <plan, cost>; of the plan that costs least once ``reg`` KL(plan, product) is added."""
    cost = squares(x, y)
    f, g = potentials(cost, mpf(reg), rounds)
    return mean(mean(mp.exp((a + b - c) / mpf(reg)) * c for b, c in zip(g, row, strict=True))
                for a, row in zip(f, cost, strict=True))


def divergence(x, y, *, blur, rounds=300):
    """Return what half the squared distance costs with entropy, less the mean of what each costs with itself."""
    halves = [[[c / 2 for c in row] for row in squares(*pair)] for pair in ((x, y), (x, x), (y, y))]
    both, one, other = (sum(map(mean, potentials(cost, mpf(blur) ** 2, rounds))) for cost in halves)
    return both - one / 2 - other / 2


# Embeddings; a batch is a list of rows.


def triplet(anchor, others, *, margin=1):
    return max(mpf(0), distance(anchor, others[0]) - distance(anchor, others[1]) + mpf(margin))


def sup_con(batch, labels, *, temperature):
    """Return the mean over the rows that have a positive; of pairs, it is NT-Xent."""
    batch, losses = list(map(unit, batch)), []
    for i, x in enumerate(batch):
        s = [dot(x, y) / mpf(temperature) for y in batch]
        others = [j for j in range(len(s)) if j != i]
        alike = [s[j] for j in others if labels[j] == labels[i]]
        losses += [mp.log(sum(mp.exp(s[j]) for j in others)) - mean(alike)] if alike else []
    return mean(losses)


def angular(batch, labels, *, angle=40):
    """Return the mean over all pairs of one label."""
    t, batch, losses = mp.tan(mp.radians(angle)) ** 2, list(map(unit, batch)), []
    for (i, a), (j, b) in permutations(enumerate(batch), 2):
        if labels[i] == labels[j]:
            far = [4 * t * (dot(a, n) + dot(b, n)) - 2 * (1 + t) * dot(a, b)
                   for n, k in zip(batch, labels, strict=True) if k != labels[i]]
            losses.append(mp.log(1 + sum(map(mp.exp, far))))
    return mean(losses)


def arcface(cosine, target, *, margin=0.5, scale=64):
    z = [mpf(scale) * (mp.cos(mp.acos(c) + mpf(margin)) if k == target else c) for k, c in enumerate(cosine)]
    return -log_softmax(z)[target]


# Order, alignments, generation, policies.


def list_net(z, grades):
    return -dot(softmax([mpf(g) for g in grades]), log_softmax(z))


def preference(z, _):
    return -mp.log(sigmoid(z[0]))


def alignments(log_p, target):
    """Return every path through the frames that says ``target``, with its probability; 0 is the blank."""
    found = {}
    for path in product(range(len(log_p[0])), repeat=len(log_p)):
        said = [k for k, before in zip(path, (None, *path), strict=False) if k not in {before, 0}]
        if said == list(target):
            found[path] = mp.exp(sum(frame[k] for frame, k in zip(log_p, path, strict=True)))
    return found


def ctc(z, target):
    """Return the loss of one sequence from the logits of each frame."""
    return -mp.log(sum(alignments(list(map(log_softmax, z)), target).values()))


def share(log_p, target, *, frame, label):
    """Return the share of the alignments, by probability, that say ``label`` in this frame."""
    paths = alignments([list(map(mpf, row)) for row in log_p], target)
    return sum(p for path, p in paths.items() if path[frame] == label) / sum(paths.values())


def gaussian_kl(z, _):
    return (z[0] ** 2 + mp.exp(z[1]) - 1 - z[1]) / 2


def ppo(z, advantage, *, clip=0.2):
    ratio, a = mp.exp(z[0]), mpf(advantage)
    return -min(ratio * a, min(max(ratio, 1 - mpf(clip)), 1 + mpf(clip)) * a)


def policy_gradient(z, advantage):
    """Return the loss of action 0."""
    return -mpf(advantage) * log_softmax(z)[0]


def entropy(z, _):
    return -dot(softmax(z), log_softmax(z))
