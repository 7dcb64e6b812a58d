"""The solvers of optimal transport, part by part: what each step does, when it ends, and how much work it is."""

import itertools
import math
import types

import pytest
import scipy.optimize
import torch
from torch._subclasses import FakeTensorMode
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from lossbook import _transport


def problem(p=4, q=6, seed=0):
    """Costs between 0 and 1, and masses of which none is small."""
    generator = torch.Generator().manual_seed(seed)
    cost, a, b = (torch.rand(shape, generator=generator, dtype=torch.float64) for shape in ((p, q), (p,), (q,)))
    a, b = a + 0.2, b + 0.2
    return cost, a / a.sum(), b / b.sum()


class Products(TorchDispatchMode):
    """Counts the products of a matrix and a column, and notes the operators of lossbook."""

    def __init__(self):
        super().__init__()
        self.count, self.ours = 0, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten.mv.default
        self.ours += [function.name()] if function.namespace.startswith("lossbook") else []
        return function(*args, **(kwargs or {}))


def counted(monkeypatch, name):
    """Return a list that grows by 1 whenever the function of this name is called."""
    calls, plain = [], getattr(_transport, name)
    monkeypatch.setattr(_transport, name, lambda *arguments: calls.append(1) or plain(*arguments))
    return calls


def test_an_exponent_is_never_more_than_exp_can_take():
    f, g, cost = torch.tensor([1e6, 1.0]).double(), torch.tensor([2.0]).double(), torch.tensor([[0.0], [7.0]]).double()
    assert _transport.exponent(f, g, cost, 0.5).flatten().tolist() == [600, -8]


@pytest.mark.parametrize("eps", [0.1, 1.0, 100.0])
def test_newtons_step_solves_the_linear_equations_of_the_masses(eps):
    cost, a, b = problem()
    f, g = _transport._sweep(torch.zeros_like(b), cost, a, b, eps)
    f = f + 0.1 * eps * torch.tensor([1.0, -2, 3, 0])  # so that neither rows nor columns are right
    plan = a.unsqueeze(1) * b * _transport.exponent(f, g, cost, eps).exp()
    row, column = plan.sum(1), plan.sum(0)
    df, dg = _transport.newton_step(f, g, cost, a, b, eps)
    assert_close((row * df + plan @ dg) / eps, a - row, rtol=0, atol=1e-12)
    assert_close((plan.T @ df + column * dg) / eps, b - column, rtol=0, atol=1e-12)
    assert_close(b @ dg, torch.tensor(0.0).double(), rtol=0, atol=1e-12 * eps)  # no constant passes to g


@pytest.mark.parametrize("by", [0.05, -0.05])
def test_the_error_is_that_of_the_worst_row_in_either_direction(by):
    cost, a, b = problem()
    f, g = _transport.potentials(cost, a, b, 0.1)
    f[2] += by
    assert _transport._error(f, g, cost, b, 0.1) == pytest.approx(abs(math.expm1(by / 0.1)))


def test_newtons_step_is_taken_in_each_problem():
    many = [torch.stack(parts) for parts in zip(*(problem(4, 4, seed) for seed in range(3)), strict=True)]
    f, g = torch.arange(12.0).sin().view(3, 4).double(), torch.arange(12.0).cos().view(3, 4).double()
    each = [_transport.newton_step(*parts, 0.5) for parts in zip(f, g, *many, strict=True)]
    for found, parts in zip(_transport.newton_step(f, g, *many, 0.5), zip(*each, strict=True), strict=True):
        assert_close(found, torch.stack(parts))


@pytest.mark.parametrize("learned", [0, 1, 2], ids=["cost", "a", "b"])
def test_what_newtons_step_is_divided_by_takes_no_gradient(learned):
    inputs = [part.requires_grad_(k == learned) for k, part in enumerate(problem())]
    f, g = _transport.potentials(*(part.detach() for part in inputs), 0.1)
    open_ends, solved = [_transport.newton_step(f, g, *inputs, 0.1)[1].grad_fn], []
    while open_ends:
        node = open_ends.pop()
        solved += [node] if "LinalgSolve" in node.name() else []
        open_ends += [part for part, _ in node.next_functions if part]
    assert [node.next_functions[0][0] for node in solved] == [None]  # the first is the system


@pytest.mark.parametrize(("reg", "exact"), [(0.3, 1e-10 + 1e-12 / 0.3), (1e-3, 1e-10 + 1e-9), (1e-7, 1e-6)])
def test_the_temperature_is_halved_down_to_reg_and_only_there_all_is_exact(monkeypatch, reg, exact):
    seen = []
    monkeypatch.setattr(_transport, "_settle", lambda g, *rest: seen.append(rest[-2:]) or (g, 0.0, False))
    cost, a, b = problem()
    cost = 10 * (cost - cost.min()) / (cost.max() - cost.min())
    _transport.potentials(cost, a, b, reg)
    temperatures, goals = zip(*seen, strict=True)
    assert temperatures == pytest.approx([*(10 / 2**k for k in range(len(seen) - 1)), reg])
    assert temperatures[-2] <= 2 * reg
    assert goals == pytest.approx([_transport.ROUGH] * (len(seen) - 1) + [exact], rel=1e-9)


def test_sweeps_end_as_soon_as_the_rows_are_right():
    cost, a, b = problem()
    f, g = _transport.potentials(cost, a, b, 0.1)
    with Products() as products:
        assert_close(_transport._scale(f, g, cost, a, b, 0.1), torch.zeros_like(g))
    assert products.count == 1
    with Products() as products:
        _transport._scale(f, g + torch.arange(6), cost, a, b, 0.1)
    assert 3 < products.count < _transport.SWEEPS  # and not before
    with Products() as products:
        assert_close(_transport._scale(f, g + 0.3, cost, a, b, 0.1), torch.zeros_like(g))  # a constant passes to f
    assert products.count == 2


@pytest.mark.parametrize("sign", [1, -1])
def test_sweeps_go_on_where_all_rows_are_too_large_or_too_small(sign):
    cost, a, b = problem()
    f, g = _transport.potentials(cost, a, b, 1.0)
    away = sign * 0.1 * torch.arange(6)
    found = _transport._scale(f, g + away, cost, a, b, 1.0)
    assert_close(found - found[0], -away.double(), rtol=0, atol=1e-9)  # back, but for a constant


def test_factors_are_numbers_also_where_a_mass_cannot_be_reached():
    cost, a, b = problem()
    cost[:, 2] = 1e5
    found = _transport._scale(torch.zeros_like(a), torch.zeros_like(b), cost, a, b, 0.1)
    assert bool(found.isfinite().all())


@pytest.mark.parametrize("more", [-100.0, 0.0, 100.0])
def test_a_constant_in_all_costs_changes_no_step(more):
    cost, a, b = problem()
    start = torch.tensor([5.0, 0, 0, 0, 0, 0]).double()
    wanted, found = (_transport._settle(start, c, a, b, 0.02, 0.0) for c in (cost, cost + more))
    assert_close(found[0], wanted[0], rtol=0, atol=1e-9)
    assert found[2] is wanted[2] is False


@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_is_no_longer_than_the_costs_differ(monkeypatch, sign):
    cost, a, b = problem()
    monkeypatch.setattr(_transport, "_scale", lambda _, g, *__: torch.full_like(g, sign * 1e6) * torch.arange(6))
    monkeypatch.setattr(_transport, "newton_step", lambda f, g, *_: (f, torch.zeros_like(g)))
    tried, plain = [], _transport._sweep
    monkeypatch.setattr(_transport, "_sweep", lambda g, *rest: tried.append(g) or plain(g, *rest))
    start = torch.zeros_like(b)
    _transport._settle(start, cost, a, b, 0.1, 0.0)
    began = plain(start, cost, a, b, 0.1)[1]
    assert_close(float((tried[1] - began).abs().max()), float(cost.max() - cost.min()))
    if sign > 0:  # this step is too long still, and a quarter of it is tried
        assert_close(tried[2] - began, (tried[1] - began) / 4)


def test_what_nothing_brings_closer_is_stuck():
    cost, a, b = problem()
    g, stuck, rounds = torch.zeros_like(b), False, 0
    while not stuck and rounds < 100:
        g, error, stuck = _transport._settle(g, cost, a, b, 0.01, 0.0)
        rounds += 1
    assert stuck
    assert error < 1e-12
    assert _transport._settle(g, cost, a, b, 0.01, 1e-9)[2] is False


def test_a_step_that_brings_nothing_is_given_up_after_twenty_tries(monkeypatch):
    sweeps = counted(monkeypatch, "_sweep")
    monkeypatch.setattr(_transport, "_error", lambda *_: 1.0)
    monkeypatch.setattr(_transport, "newton_step", lambda f, g, *_: (f, torch.full_like(g, math.nan)))
    monkeypatch.setattr(_transport, "_scale", lambda _, g, *__: torch.full_like(g, math.nan))
    cost, a, b = problem()
    assert _transport._settle(torch.zeros_like(b), cost, a, b, 0.1, 0.0)[2] is True
    assert len(sweeps) == 2 * (1 + 20)  # of two kinds of steps


@pytest.mark.parametrize(("reg", "most"), [(100.0, 9), (1.0, 9), (0.1, 24), (0.01, 60), (0.001, 100), (1e-5, 250)])
def test_the_work_hardly_grows_as_reg_gets_small(monkeypatch, reg, most):
    sweeps = counted(monkeypatch, "_sweep")
    for seed in range(3):
        cost, a, b = problem(7, 9, seed)
        f, g = _transport.potentials(cost, a, b, reg)
        assert _transport._error(f, g, cost, b, reg) < _transport.TOLERANCE + 1e-13 / reg
        assert _transport._error(g, f, cost.T, a, reg) < _transport.TOLERANCE + 1e-13 / reg
    assert len(sweeps) <= most


def test_a_linear_program_is_handed_over_in_its_own_unit(monkeypatch):
    asked, plain = [], scipy.optimize.linprog

    def watched(costs, **more):
        asked.append((costs, more["options"]))
        return plain(costs, **more)

    monkeypatch.setattr(scipy.optimize, "linprog", watched)
    cost, a, b = problem()
    for factor in (1e-30, -3.0, 1e30):
        plan, f, g = _transport.cheapest(factor * cost, a, b)
        assert_close((plan.sum(1), plan.sum(0)), (a, b))
        assert_close((plan * factor * cost).sum(), a @ f + b @ g)
    assert [abs(costs).max() for costs, _ in asked] == pytest.approx([1, 1, 1])
    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    assert [options for _, options in asked] == [exact] * 3
    assert_close(_transport.cheapest(0 * cost, a, b)[1:], (0 * a, 0 * b))
    plan = _transport.cheapest(cost, 3 * a, 3 * b)[0]
    assert_close((plan.sum(1), plan.sum(0)), (3 * a, 3 * b))


def test_a_linear_program_without_an_answer_is_an_error(monkeypatch):
    answer = types.SimpleNamespace(success=False, message="so it is")
    monkeypatch.setattr(scipy.optimize, "linprog", lambda *_, **__: answer)
    with pytest.raises(RuntimeError, match=r"^no plan found: so it is$"):
        _transport.cheapest(*problem())


def test_a_soft_minimum_keeps_the_digits_of_differences_that_are_small():
    cost, _, b = problem()
    for eps in (0.1, 0.5, 2.0):
        found = _transport._soft_minimum(cost, torch.zeros_like(b), b, eps)
        assert_close(found, -eps * (b * (-cost / eps).exp()).sum(1).log(), rtol=1e-12, atol=0)
    mean = _transport._soft_minimum(cost, torch.zeros_like(b), b, 1e9)  # a log of 1 + 1e-9 alone has 7 digits
    assert_close(mean, cost @ b, rtol=1e-9, atol=0)


def test_an_assignment_is_the_cheapest_of_all_orders():
    cost = torch.stack([problem(4, 4, seed)[0] for seed in range(3)])
    orders = [torch.eye(4).double()[list(order)] / 4 for order in itertools.permutations(range(4))]
    for found, one in zip(_transport.assignment(cost), cost, strict=True):
        assert any(torch.equal(found, order) for order in orders)
        assert_close((found * one).sum(), min((order * one).sum() for order in orders))


def test_masses_of_nothing_have_the_potential_that_the_others_give_them():
    cost, a, b = problem()
    rest, masses = torch.arange(4) != 1, a.clone()
    masses[1] = 0
    masses /= masses.sum()
    f, g = _transport.potentials(cost, masses, b, 0.1)
    assert_close(g, _transport.potentials(cost[rest], masses[rest], b, 0.1)[1])
    assert_close((b * _transport.exponent(f, g, cost, 0.1).exp()).sum(1), torch.ones_like(a))


@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 0, None), (1, None, 0)], ids=str)
@pytest.mark.parametrize("solver", [lambda *parts: _transport.potentials(*parts, 0.1), _transport.cheapest],
                         ids=["potentials", "cheapest"])
def test_vmap_solves_each_problem(solver, dims):
    many = [torch.stack(parts) for parts in zip(*(problem(seed=seed) for seed in range(3)), strict=True)]
    inputs = [part[0] if axis is None else part.movedim(0, axis) for part, axis in zip(many, dims, strict=True)]
    found = torch.vmap(lambda *parts: solver(*parts), dims)(*inputs)
    each = [solver(*(part[0] if axis is None else part[i] for part, axis in zip(many, dims, strict=True)))
            for i in range(3)]
    for parts, wanted in zip(found, zip(*each, strict=True), strict=True):
        assert_close(parts, torch.stack(wanted))


def test_vmap_of_assignments_and_problems_of_nothing():
    cost = torch.stack([problem(4, 4, seed)[0] for seed in range(3)])
    assert_close(torch.vmap(_transport.assignment)(cost), _transport.assignment(cost))
    assert _transport.assignment(cost[:0]).shape == (0, 4, 4)
    shapes = [tuple(part.shape) for part in _transport.cheapest(cost[:0], cost[:0, 0], cost[:0, 0])]
    assert shapes == [(0, 4, 4), (0, 4), (0, 4)]


SOLVERS = {"potentials": lambda *parts: _transport.potentials(*parts, 0.1), "cheapest": _transport.cheapest,
           "assignment": lambda cost, *_: _transport.assignment(cost[..., :4])}


@pytest.mark.skipif(not hasattr(torch.library, "register_vmap"), reason="torch 2.4 asks each problem by itself")
@pytest.mark.parametrize("name", SOLVERS)
def test_vmap_hands_all_problems_over_at_once(name):
    many = [torch.stack(parts) for parts in zip(*(problem(seed=seed) for seed in range(3)), strict=True)]
    torch._C._functorch._set_vmap_fallback_enabled(False)  # which would hand them over one by one
    try:
        torch.vmap(SOLVERS[name])(*many)
    finally:
        torch._C._functorch._set_vmap_fallback_enabled(True)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_is_an_operator_only_where_a_transform_asks_for_one(name):
    with Products() as products:
        SOLVERS[name](*problem())
    assert products.ours == []
    with Products() as products:
        torch.func.vmap(SOLVERS[name])(*(part[None] for part in problem()))
    assert products.ours == [f"lossbook::{name}"]  # a stored program has it by this name


def test_tensors_without_numbers_have_answers_without_numbers():
    with FakeTensorMode():
        cost, a, b = (torch.empty(shape, dtype=torch.float64) for shape in ((3, 4, 6), (3, 4), (3, 6)))
        answers = [*_transport.potentials(cost, a, b, 0.1), *_transport.cheapest(cost, a, b),
                   _transport.assignment(cost[..., :4])]
    assert [tuple(part.shape) for part in answers] == [(3, 4), (3, 6), (3, 4, 6), (3, 4), (3, 6), (3, 4, 4)]


def test_what_reg_cannot_resolve_is_an_error():
    cost = torch.tensor([[0.0, 1250], [3, 1000]]).double()
    half = torch.tensor([0.5, 0.5]).double()
    message = (r"^reg, or blur squared, must be larger for costs as different as these, by up to 1\.25e\+03, "
               r"got 1e-20$")
    with pytest.raises(ValueError, match=message):
        _transport.potentials(cost, half, half, 1e-20)
