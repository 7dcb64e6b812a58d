"""The losses once more, as their papers write them, at 230 digits: what the tests compare with.

Nothing here is stable, fast or shared with the package. Each function takes one example as mpmath numbers and
returns its loss. Gradients are central differences, which at this precision are exact to 70 digits.
"""

from mpmath import mp, mpf

mp.dps = 230
STEP = mpf(10) ** -75
KNOWN = {}  # results that the tests have worked out, by case and precision


def gradient(loss, z):
    """Return the list of derivatives of ``loss`` (a function of a list) at the list ``z``."""

    def shifted(j, by):
        return loss([value + by if i == j else value for i, value in enumerate(z)])

    return [(shifted(j, STEP) - shifted(j, -STEP)) / (2 * STEP) for j in range(len(z))]


def hessian(loss, z):
    """Return the second derivatives of ``loss`` at the list ``z``, by central differences."""

    def at(*steps):
        return loss([value + sum(by for j, by in steps if j == i) for i, value in enumerate(z)])

    here, n = loss(z), len(z)
    found = [[None] * n for _ in z]
    for i in range(n):
        found[i][i] = (at((i, STEP)) - 2 * here + at((i, -STEP))) / STEP**2
        for j in range(i):
            same, opposite = (at((i, STEP), (j, by)) + at((i, -STEP), (j, -by)) for by in (STEP, -STEP))
            found[i][j] = found[j][i] = (same - opposite) / (4 * STEP**2)
    return found


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def softmax(z):
    top = max(z)
    powers = [mp.exp(value - top) for value in z]
    return [power / sum(powers) for power in powers]


def log_softmax(z):
    total = mp.log(sum(mp.exp(value - max(z)) for value in z))
    return [value - max(z) - total for value in z]


def mse(z, y):
    return (z[0] - y) ** 2


def mae(z, y):
    return abs(z[0] - y)


def huber(z, y, *, delta=1):
    e = abs(z[0] - y)
    return e**2 / 2 if e <= delta else mpf(delta) * (e - mpf(delta) / 2)


def smooth_l1(z, y, *, beta=1):
    e = abs(z[0] - y)
    return e**2 / (2 * mpf(beta)) if e < beta else e - mpf(beta) / 2


def log_cosh(z, y):
    return mp.log(mp.cosh(z[0] - y))


def quantile_loss(z, y, *, quantile=0.5):
    return mpf(quantile) * (y - z[0]) if y > z[0] else (1 - mpf(quantile)) * (z[0] - y)


def bce(z, y, *, pos_weight=1, keep=None):
    """Return binary cross-entropy, and hard-example mining that keeps every example."""
    assert keep is None or keep > 100
    return -mpf(pos_weight) * y * mp.log(sigmoid(z[0])) - (1 - y) * mp.log(sigmoid(-z[0]))


def bce_of_probs(p, y):
    """Return the cross-entropy of a probability, without the term whose factor is 0."""
    return (-y * mp.log(p[0]) if y > 0 else 0) - ((1 - y) * mp.log(1 - p[0]) if y < 1 else 0)


def hinge(z, y):
    return max(mpf(0), 1 - (2 * y - 1) * z[0])


def squared_hinge(z, y):
    return hinge(z, y) ** 2


def cross_entropy(z, y, *, weight=None, label_smoothing=0):
    """Return the cross-entropy with a class or a distribution, weighted class by class."""
    k, eps = len(z), mpf(label_smoothing)
    hard = y if isinstance(y, list) else [mpf(j == y) for j in range(k)]
    w = [1] * k if weight is None else weight
    log_p = log_softmax(z)
    if not isinstance(y, list) and eps == 0:
        return -mpf(w[y]) * log_p[y]
    return -sum(mpf(w[j]) * ((1 - eps) * hard[j] + eps / k) * log_p[j] for j in range(k))


def focal(z, y, *, gamma=2, alpha=None):
    p_t = sigmoid(z[0]) if y == 1 else sigmoid(-z[0])
    q_t = sigmoid(-z[0]) if y == 1 else sigmoid(z[0])
    alpha_t = 1 if alpha is None else mpf(alpha) if y == 1 else 1 - mpf(alpha)
    return -alpha_t * q_t ** mpf(gamma) * mp.log(p_t)


def softmax_focal(z, y, *, gamma=2, weight=None):
    p = softmax(z)
    q_y = sum(p[j] for j in range(len(z)) if j != y)
    log_p_y = z[y] - max(z) - mp.log(sum(mp.exp(value - max(z)) for value in z))
    return -(1 if weight is None else mpf(weight[y])) * q_y ** mpf(gamma) * log_p_y


def asymmetric(z, y, *, gamma_pos=0, gamma_neg=4, margin=0.05):
    p = sigmoid(z[0])
    if y == 1:
        return -sigmoid(-z[0]) ** mpf(gamma_pos) * mp.log(p)
    p_m = max(p - mpf(margin), mpf(0))
    rest = min(sigmoid(-z[0]) + mpf(margin), mpf(1))
    return -p_m ** mpf(gamma_neg) * mp.log(rest)


def softmax_asymmetric(z, y, *, gamma_pos=0, gamma_neg=4, label_smoothing=0.1):
    p, log_p = softmax(z), log_softmax(z)
    each = mpf(label_smoothing) / len(z)
    others = [j for j in range(len(z)) if j != y]
    true = sum(p[j] for j in others) ** mpf(gamma_pos) * log_p[y]
    return -(1 - mpf(label_smoothing) + each) * true - each * sum(p[j] ** mpf(gamma_neg) * log_p[j] for j in others)


def logit_adjusted(z, y, *, counts, tau=1):
    ratios = [(mpf(n) / counts[y]) ** mpf(tau) * mp.exp(z[j] - z[y]) for j, n in enumerate(counts)]
    return mp.log(1 + sum(ratio for j, ratio in enumerate(ratios) if j != y))


def ldam(z, y, *, counts, max_margin=0.5, scale=30, weight=None):
    quarter = mpf(1) / 4
    c = mpf(max_margin) * mpf(min(counts)) ** quarter
    shifted = [mpf(scale) * (z[j] - (c / mpf(counts[j]) ** quarter if j == y else 0)) for j in range(len(z))]
    return -mpf(1 if weight is None else weight[y]) * log_softmax(shifted)[y]


def distribution_balanced(z, y, *, counts, total, alpha=0.1, beta=10, mu=0.2, kappa=0.05, scale=2):
    """Return the losses of all labels of one example."""
    alpha, beta, mu, kappa, scale = map(mpf, (alpha, beta, mu, kappa, scale))
    instance = sum(mpf(1) / n for n, label in zip(counts, y, strict=True) if label == 1)
    losses = []
    for z_k, y_k, n in zip(z, y, counts, strict=True):
        r_hat = alpha + (sigmoid(beta * (1 / (n * instance) - mu)) if instance else 1)
        nu = kappa * mp.log(mpf(total) / n - 1)
        positive = mp.log(1 + mp.exp(-(z_k - nu)))
        negative = mp.log(1 + mp.exp(scale * (z_k - nu))) / scale
        losses.append(r_hat * (positive if y_k == 1 else negative))
    return losses
