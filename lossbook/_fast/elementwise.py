"""Values and slopes of the losses that treat every element alike: regression, binary and multi-label.

A buffer is written over once its content has done its work, since fresh memory costs more than the arithmetic.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

from lossbook._fast import in_pieces

EXACT = 40  # softplus(r) is r beyond this, to all digits of float64; torch's own threshold, 20, is too low


def log_cosh(e: Tensor) -> tuple[Tensor, Tensor]:
    """Return log cosh e and tanh e; with v = exp(x) - 1 and x = |e|, at most 20, they are v² / (2 + 2v) and so on."""
    beyond = e.abs()
    v = beyond.clamp(max=20)  # beyond 20, log cosh grows by as much as |e|
    beyond.sub_(v)
    v.expm1_()
    numerator = (v + 2).mul_(v)  # of tanh x = (v² + 2v) / (v² + 2v + 2)
    denominator = v.add(1).mul_(2)
    value = v.square_().div_(denominator)  # cosh x - 1
    value.log1p_()
    value.add_(beyond)
    slope = numerator.div_(torch.add(numerator, 2, out=denominator))
    slope.copysign_(e)
    return value, slope


def binary_cross_entropy(z: Tensor, y: Tensor, c: Tensor | float) -> tuple[Tensor, ...]:
    """Return value and slope, with or without a factor ``c`` of the positives."""
    return _unweighted(z, y) if isinstance(c, float) else _weighted(z, y, c.expand_as(z))


def _unweighted(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    s = z.abs().neg_().sigmoid_()  # the smaller of p and 1 - p
    above = z.sign().relu_()  # 1 where z > 0, and p is the larger
    value = s.neg().log1p_().neg_()
    s.addcmul_(above, s, value=-2)  # p = above + s
    slope = above.sub_(y)
    value.addcmul_(slope, z)
    slope.add_(s)
    return value, slope


@in_pieces
def _weighted(z: Tensor, y: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    negative, positive = 1 - y, c * y
    value = softplus(z, threshold=EXACT).mul_(negative)
    value.addcmul_(positive, softplus(-z, threshold=EXACT))
    slope = negative.mul_(z.sigmoid())
    slope.addcmul_(positive, z.neg().sigmoid_(), value=-1)
    return value, slope


def binary_cross_entropy_of_probs(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return value and slope; a term whose factor is 0 is absent, also where its logarithm is infinite."""
    negative = 1 - y
    value = _no_nan(p.neg().log1p_().mul_(negative))
    value.add_(_no_nan(p.log().mul_(y)))
    value.neg_()
    slope = _no_nan(negative.div_(1 - p))
    slope.sub_(_no_nan(y / p))
    return value.add_(p, alpha=0), slope.add_(p, alpha=0)  # what is NaN in p is NaN in both


def _no_nan(term: Tensor) -> Tensor:
    """Return the term with 0 for 0 times infinity and 0 divided by 0."""
    return term.nan_to_num_(nan=0, posinf=torch.inf, neginf=-torch.inf)


@in_pieces
def focal(z: Tensor, y: Tensor, gamma: float, alpha: float | None) -> tuple[Tensor, Tensor]:
    """Return value and slope, q^γ n and q^γ (q + γ p n); with r the log-odds against the truth, q = 1 - p_t is σ(r)."""
    r = torch.rsub(y, 1, alpha=2).mul_(z)
    value = softplus(r, threshold=EXACT)  # n = -log p_t
    q = _wide(r).sigmoid_()  # a power multiplies the error of q
    del r
    slope = torch.rsub(q, 1).mul_(gamma).to(z.dtype)  # γ p: what 1 - q rounds away is nothing beside q
    slope.mul_(value).add_(q.to(z.dtype))
    modulation = q.pow_(gamma)
    if alpha is not None:
        modulation.mul_(torch.sub(y, 1 - alpha).abs_())  # alpha for positives, 1 - alpha for negatives
    modulation = modulation.to(z.dtype)
    value.mul_(modulation)
    slope.mul_(modulation).mul_(torch.rsub(y, 1, alpha=2))
    return value, slope


def _wide(z: Tensor) -> Tensor:
    """Return z in float64, where the device has it: rounded once, at the end, a result is off by half an ulp."""
    return z if z.device.type == "mps" else z.double()


@in_pieces
def distribution_balanced(
    z: Tensor, y: Tensor, rarity: Tensor, nu: Tensor, alpha: float, beta: float, mu: float, scale: float
) -> tuple[Tensor, Tensor]:
    """Return value and slope; all tensors have the shape of z, (N, K)."""
    r = rarity / (y * rarity).sum(1, keepdim=True)
    weight = alpha + torch.sigmoid(beta * (r - mu))
    u = z - nu
    value = (softplus(scale * u, threshold=EXACT) / scale).lerp_(softplus(-u, threshold=EXACT), y)
    slope = torch.sigmoid(scale * u).lerp_(-torch.sigmoid(-u), y)
    return value.mul_(weight), slope.mul_(weight)


def asymmetric(z: Tensor, y: Tensor, gamma_pos: float, gamma_neg: float, m: float) -> tuple[Tensor, Tensor]:
    """Return value and slope, which positives and negatives have from different formulas."""
    value, slope = _asymmetric(z.flatten(), y.flatten(), gamma_pos, gamma_neg, m)
    return value.view_as(z), slope.view_as(z)


@in_pieces
def _asymmetric(z: Tensor, y: Tensor, gamma_pos: float, gamma_neg: float, m: float) -> tuple[Tensor, Tensor]:
    x = _wide(z)
    p, q = x.sigmoid(), x.neg().sigmoid_()
    n = x.abs().neg_().exp_().log1p_()  # -log p is n + max(-x, 0), and -log q is n + max(x, 0)
    positives = [part.to(z.dtype) for part in _positives(p, q, n - x.clamp(max=0), gamma_pos)]
    n_m = n.add_(x.clamp(min=0)) if m == 0 else None
    del x, n
    negatives = [part.to(z.dtype) for part in _negatives(p, q, n_m, gamma_neg, m)]
    value, slope = (negative.lerp_(positive, y) for negative, positive in zip(negatives, positives, strict=True))
    return value, slope  # y is 0 or 1


def _positives(p: Tensor, q: Tensor, n: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return q^γ n and its slope -q^γ (q + γ p n), with q = 1 - p and n = -log p."""
    modulation = q.pow(gamma)
    slope = (p * n).mul_(-gamma).sub_(q).mul_(modulation)
    return modulation.mul_(n), slope


def _negatives(p: Tensor, q: Tensor, n: Tensor | None, gamma: float, m: float) -> tuple[Tensor, Tensor]:
    """Return p_m^γ n and p_m^γ p [q / (1 - p_m) + γ q n / p_m], its slope, with n = -log(1 - p_m)."""
    p_m = (p - m).relu_()
    n = _minus_log_rest(p_m, q, m) if n is None else n
    modulation = p_m.sgn() if gamma == 0 else p_m.square().square_() if gamma == 4 else p_m.pow(gamma)  # pow is slow
    slope = torch.div(n, p_m.clamp_(min=torch.finfo(p.dtype).tiny), out=p_m).mul_(q).mul_(gamma)
    slope.add_(1 if m == 0 else (q + m).reciprocal_().mul_(q)).mul_(p).mul_(modulation)
    return modulation.mul_(n), slope


def _minus_log_rest(p_m: Tensor, q: Tensor, m: float) -> Tensor:
    """Return -log(1 - p_m), where 1 - p_m is q + m: from the smaller of the two, so that no digit is lost."""
    small = p_m.neg().log1p_().neg_()
    return small if m >= 0.01 else torch.where(p_m < 0.5, small, (q + m).log_().neg_())
