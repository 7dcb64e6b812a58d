"""The losses once more, as their papers write them, at 300 digits: what the tests compare with.

Nothing here is stable, fast or shared with the package. Each function takes one example as mpmath numbers and
returns its loss. Gradients are central differences, which at this precision are exact to 90 digits.
"""

from mpmath import mp, mpf

mp.dps = 300
STEP = mpf(10) ** -100


def gradient(loss, z):
    """Return the list of derivatives of ``loss`` (a function of a list) at the list ``z``."""

    def shifted(j, by):
        return loss([value + by if i == j else value for i, value in enumerate(z)])

    return [(shifted(j, STEP) - shifted(j, -STEP)) / (2 * STEP) for j in range(len(z))]


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def softmax(z):
    top = max(z)
    powers = [mp.exp(value - top) for value in z]
    return [power / sum(powers) for power in powers]


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
