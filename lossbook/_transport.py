"""Solvers of optimal transport for ``geometry``: they iterate until they are done, which no compiler can follow.

Each is an operator of its own, one step to torch.compile, vmap and fake tensors. They see numbers without gradients;
what follows from their answers is differentiated in ``geometry``. All computes in float64.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook._checks import values_are_visible

Solver = Callable[..., Any]
TOLERANCE = 1e-10  # how far a mass may be from what it should be, relative to it; more where cost / reg is large
ROUGH = 0.5  # and how far on the way to the last temperature
SWEEPS, ROUNDS = 100, 200  # sweeps before a step of Newton's, and how often both


def _one_step(shapes: Solver) -> Callable[[Solver], Solver]:
    """Decorate a solver: where numbers cannot be looked at, it is an operator whose answers have these ``shapes``."""

    def decorate(solve: Solver) -> Solver:
        operator: Any = torch.library.custom_op(f"lossbook::{solve.__name__}", solve, mutates_args=())
        operator.register_fake(shapes)
        if hasattr(operator, "register_vmap"):  # torch 2.5
            operator.register_vmap(functools.partial(_with_a_new_axis, operator))

        @functools.wraps(solve)
        def call(cost: Tensor, *arguments: Any) -> Any:
            if cost.numel() == 0:  # no problem at all
                return shapes(cost, *arguments)
            plain = values_are_visible(cost) and not torch._C._are_functorch_transforms_active()
            return (solve if plain else operator)(cost, *arguments)

        return call

    return decorate


def _with_a_new_axis(operator: Any, info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
    whole = [
        part if not isinstance(part, Tensor) else
        part.expand(info.batch_size, *part.shape) if axis is None else part.movedim(axis, 0)
        for part, axis in zip(arguments, in_dims, strict=True)
    ]
    answers = operator(*whole)
    return answers, 0 if isinstance(answers, Tensor) else (0,) * len(answers)


@_one_step(lambda cost, a, b, reg: (torch.empty_like(a), torch.empty_like(b)))  # noqa: ARG005
def potentials(cost: Tensor, a: Tensor, b: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Return f (…, P) and g (…, Q): the entropic plan of masses a and b is a_i b_j exp((f_i + g_j - cost_ij) / reg)."""
    f, g = _one_by_one(functools.partial(_sinkhorn, reg=reg), cost, a, b)
    return f, g


@_one_step(lambda cost, a, b: (torch.empty_like(cost), torch.empty_like(a), torch.empty_like(b)))
def cheapest(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the plan (…, P, Q) of least cost between masses a and b, and the prices f (…, P), g (…, Q) of a unit."""
    plan, f, g = _one_by_one(_linear_program, cost, a, b)
    return plan, f, g


@_one_step(torch.empty_like)
def assignment(cost: Tensor) -> Tensor:
    """Return the plan (…, P, P) of least cost between masses of 1/P, which moves none of them in parts."""
    return _one_by_one(_hungarian, cost)[0]


def newton_step(f: Tensor, g: Tensor, cost: Tensor, a: Tensor, b: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Return what Newton's method adds to the potentials so that both masses of the plan come right.

    At the potentials of the plan this is 0, and its derivative is theirs: that of the solution of two equations, which
    depends on cost, a and b.
    """
    more = exponent(f, g, cost, reg).expm1()  # than a_i b_j
    to_row, to_column = more @ b.unsqueeze(-1), more.mT @ a.unsqueeze(-1)  # 0 each, when right
    row, column, ratio = (part.detach() + 1 for part in (to_row, to_column, more))
    forth, back = ratio * b.detach().unsqueeze(-2) / row, (ratio * a.detach().unsqueeze(-1)).mT
    # A constant may pass from f to g. The row of b says that dg has none; 1e-14 parts what only rounding connects.
    system = torch.diag_embed(column.squeeze(-1) + 1e-14) - back @ forth + b.detach().unsqueeze(-2)
    dg = torch.linalg.solve(system, back @ (to_row / row) - to_column)
    return -reg * (to_row / row + forth @ dg).squeeze(-1), reg * dg.squeeze(-1)


def exponent(f: Tensor, g: Tensor, cost: Tensor, reg: float) -> Tensor:
    """Return (f_i + g_j - cost_ij) / reg, but no more than exp can take, where neither i nor j has a mass."""
    return ((f.unsqueeze(-1) + g.unsqueeze(-2) - cost) / reg).clamp(max=600)


def _sinkhorn(cost: Tensor, a: Tensor, b: Tensor, reg: float) -> tuple[Tensor, Tensor]:
    """Return the potentials of one problem: Sinkhorn's sweeps, from a high temperature down to ``reg``.

    Sweeps hardly move a mass between groups of points that little connects. There a step of Newton's does.
    """
    rows, columns = a > 0, b > 0
    some, p, q = cost[rows][:, columns], a[rows], b[columns]
    spread = float(some.max() - some.min())
    g, eps, exact = torch.zeros_like(q), max(spread, reg), min(TOLERANCE + 1e-13 * spread / reg, 1e-6)
    for _ in range(ROUNDS):
        g, error, stuck = _settle(g, some, p, q, eps, exact if eps == reg else ROUGH)
        if eps == reg and error < exact:
            f = _soft_minimum(cost[:, columns], g, q, reg)
            return f, _soft_minimum(cost[rows].T, f[rows], p, reg)
        if stuck:
            break
        if error < ROUGH:  # each temperature starts where the last one ended
            eps = max(eps / 2, reg)
    raise ValueError(f"reg, or blur squared, must be larger for costs as different as these, by up to {spread:.3g}, "
                     f"got {reg}")


def _settle(g: Tensor, cost: Tensor, a: Tensor, b: Tensor, eps: float, goal: float) -> tuple[Tensor, float, bool]:
    """Return g closer to its goal, how far the rows are from theirs, and whether nothing brings them closer."""
    spread, stuck = float(cost.max() - cost.min()), True
    for step in (_scale, lambda *problem: newton_step(*problem)[1]):
        f, g = _sweep(g, cost, a, b, eps)
        error, value = _error(f, g, cost, b, eps), a @ f + b @ g
        if error < goal:
            return g, error, False
        dg = step(f, g, cost, a, b, eps)
        dg *= min(1.0, spread / (float(dg.abs().max()) or 1.0))  # no potential of the answer is larger
        for part in (4.0**-k for k in range(20)):  # a whole step of Newton's may go too far
            moved = _sweep(g + part * dg, cost, a, b, eps)
            if a @ moved[0] + b @ moved[1] > value or _error(*moved, cost, b, eps) < error:
                g, stuck = moved[1], False
                break
    return g, error, stuck


def _soft_minimum(cost: Tensor, g: Tensor, b: Tensor, eps: float) -> Tensor:
    """Return -eps log(sum over j of b_j exp((g_j - cost_ij) / eps))."""
    gain = (g - cost).div_(eps)
    top = gain.amax(1, keepdim=True)
    gain.sub_(top)
    if gain.amin() > -0.5:  # a sum close to 1, of which only the difference from 1 counts
        return -eps * (torch.log1p(gain.expm1_() @ b) + top.squeeze(1))
    return -eps * (torch.log(gain.exp_() @ b) + top.squeeze(1))


def _sweep(g: Tensor, cost: Tensor, a: Tensor, b: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return f that makes the rows right for g, and then g that makes the columns right for f."""
    f = _soft_minimum(cost, g, b, eps)
    return f, _soft_minimum(cost.T, f, a, eps)


def _error(f: Tensor, g: Tensor, cost: Tensor, b: Tensor, eps: float) -> float:
    """Return how far the worst row is from its mass, relative to it."""
    return float((exponent(f, g, cost, eps).expm1() @ b).abs().max())


def _scale(f: Tensor, g: Tensor, cost: Tensor, a: Tensor, b: Tensor, eps: float) -> Tensor:
    """Return what many sweeps add to g, as factors of rows and columns: one exp for all of them."""
    ratio, u, v = exponent(f, g, cost, eps).exp(), torch.ones_like(f), torch.ones_like(g)
    for _ in range(SWEEPS):
        row = ratio @ (b * v)
        if float((u * row - 1).abs().max()) < TOLERANCE:
            break
        u = 1 / row
        v = 1 / ((a * u) @ ratio)
    return eps * v.log().nan_to_num()


def _linear_program(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    from scipy.optimize import linprog  # type: ignore[import-untyped]
    from scipy.sparse import eye_array, kron, vstack  # type: ignore[import-untyped]

    (p, q), size, total = cost.shape, float(cost.abs().max()) or 1.0, float(a.sum())
    marginals = vstack([kron(eye_array(p), np.ones((1, q))), kron(np.ones((1, p)), eye_array(q))])
    masses = torch.cat([a / total, b / b.sum()]).cpu().numpy()
    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog((cost / size).flatten().cpu().numpy(), A_eq=marginals, b_eq=masses, options=exact)
    if not found.success:
        raise RuntimeError(f"no plan found: {found.message}")
    plan, prices = cost.new_tensor(found.x).view(p, q), size * cost.new_tensor(found.eqlin.marginals)
    return total * plan.clamp(min=0), prices[:p], prices[p:]


def _hungarian(cost: Tensor) -> tuple[Tensor, ...]:
    from scipy.optimize import linear_sum_assignment

    plan = torch.zeros_like(cost)
    plan[linear_sum_assignment(cost.cpu().numpy())] = 1 / len(cost)
    return (plan,)


def _one_by_one(solve: Callable[..., tuple[Tensor, ...]], cost: Tensor, *masses: Tensor) -> tuple[Tensor, ...]:
    """Return the answers to all problems along the leading axes, of which there may be none."""
    leading = cost.shape[:-2]
    problems = zip(cost.flatten(0, -3) if leading else [cost], *(
        mass.flatten(0, -2) if leading else [mass] for mass in masses), strict=True)
    answers = [solve(*problem) for problem in problems]
    return tuple(torch.stack(parts).view(*leading, *parts[0].shape) for parts in zip(*answers, strict=True))
