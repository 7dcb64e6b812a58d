"""The entropic cost of transport and its derivative, which is the plan."""

from torch import Tensor

from lossbook import _transport


def entropic_cost(costs: Tensor, a: Tensor, b: Tensor, reg: float) -> tuple[Tensor, ...]:
    """Return the cost, as the value of the dual problem at the potentials, and the plan."""
    f, g = _transport.potentials(costs, a, b, reg)
    plan = a.unsqueeze(-1) * b.unsqueeze(-2) * _transport.exponent(f, g, costs, reg).exp()
    return (a * f).sum(-1) + (b * g).sum(-1), plan  # whose masses add up to 1


def entropic_cost_backward(grad: Tensor, plan: Tensor) -> Tensor:
    """Return grad times the plan."""
    return grad[..., None, None] * plan
