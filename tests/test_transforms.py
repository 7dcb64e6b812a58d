"""Every loss under every transform of torch: compiled, exported, mapped, differentiated forwards and twice, and without
numbers. A transform that a loss refuses stands in its row with the reason, and is held to fail.
"""

import functools
import importlib
import inspect
import math
from pathlib import Path

import pytest
import rows
import torch
from rows import Row
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

import lossbook

WEIGHT = torch.tensor([0.5, 2.0, 1.25], dtype=torch.float64)
COUNTS = [900, 90, 10]


def numbers(n, columns=3):
    return (torch.arange(n * columns, dtype=torch.float64) * 0.37).sin().view(n, columns) * 2.3 + 0.11


def pairs(n):
    z, y = numbers(n, 2).T
    return z, y


def binary(n):
    return 0.8 * numbers(n, 1)[:, 0], torch.arange(n) % 2


def soft(n):
    z, y = numbers(n, 2).T
    return z, y.sigmoid()


def probs(n):
    p, y = numbers(n, 2).sigmoid().T
    return p, y


def classes(n):
    return numbers(n), torch.arange(n) % 3


def distributions(n):
    return numbers(n), numbers(n).cos().softmax(1)


def labels(n):
    return numbers(n), (torch.arange(3 * n) % 5 % 2).view(n, 3)


ROWS = [
    Row("mse", lossbook.mse_loss, pairs),
    Row("rmse", lossbook.rmse_loss, pairs, examples=False),
    Row("mae", lossbook.mae_loss, pairs),
    Row("huber", lossbook.huber_loss, pairs, {"delta": 0.7}),
    Row("smooth l1", lossbook.smooth_l1_loss, pairs, {"beta": 0.7}),
    Row("log-cosh", lossbook.log_cosh_loss, pairs),
    Row("quantile", lossbook.quantile_loss, pairs, {"quantile": 0.9}),
    Row("hinge", lossbook.hinge_loss, binary),
    Row("squared hinge", lossbook.squared_hinge_loss, binary),
    Row("bce of probs", lossbook.binary_cross_entropy, probs),
    Row("bce", lossbook.binary_cross_entropy_with_logits, soft, differentiable=(0, 1)),
    Row("bce pos_weight", lossbook.binary_cross_entropy_with_logits, labels, {"pos_weight": WEIGHT}),
    Row("cross-entropy", lossbook.cross_entropy, classes, {"ignore_index": 1}),
    Row("cross-entropy smoothed", lossbook.cross_entropy, classes, {"weight": WEIGHT, "label_smoothing": 0.2}),
    Row("cross-entropy of distributions", lossbook.cross_entropy, distributions,
        {"weight": WEIGHT, "label_smoothing": 0.1}, differentiable=(0, 1)),
    Row("focal", lossbook.focal_loss, binary, {"gamma": 1.5, "alpha": 0.25}),
    Row("softmax focal", lossbook.softmax_focal_loss, classes, {"gamma": 1.5, "weight": WEIGHT, "ignore_index": 1}),
    Row("asymmetric", lossbook.asymmetric_loss, binary, {"gamma_pos": 1.0}),
    Row("asymmetric, small margin", lossbook.asymmetric_loss, binary, {"margin": 0.005}),
    Row("softmax asymmetric", lossbook.softmax_asymmetric_loss, classes, {"gamma_pos": 1.0}),
    Row("logit adjustment", lossbook.logit_adjusted_loss, classes, {"counts": COUNTS}),
    Row("ldam", lossbook.ldam_loss, classes, {"counts": COUNTS, "scale": 3.0, "weight": WEIGHT}),
    Row("distribution-balanced", lossbook.distribution_balanced_loss, labels, {"counts": COUNTS, "total": 1000}),
    Row("ohem", lossbook.ohem_loss, binary, {"keep": 3}, examples=False),
]
FAMILIES = sorted(path.stem for path in Path(rows.__file__).parent.glob("rows_*.py"))
ALL = [*ROWS, *(row for family in FAMILIES for row in importlib.import_module(family).ROWS)]
SMOOTH = [row for row in ALL if row.twice]

pytestmark = [
    # What torch says to itself.
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning"),
]


def over_rows(transform, *, only=ALL):
    """Parametrize a test over all rows; where a row is ``without`` the transform, the test must fail."""
    return pytest.mark.parametrize("row", [
        pytest.param(row, id=row.name, marks=[
            pytest.mark.xfail(strict=True, reason=row.without[transform])] if transform in row.without else [])
        for row in only
    ])


def gradients(function, row, inputs):
    """Return (value, gradients with respect to the inputs that take one)."""
    inputs = [part.detach().clone().requires_grad_(i in row.differentiable) for i, part in enumerate(inputs)]
    value = function(*inputs)
    wanted = [inputs[i] for i in row.differentiable]
    return value.detach(), torch.autograd.grad(value, wanted)


def of_differentiable(row, inputs):
    """Return the loss as a function of the inputs that take a gradient, and these."""
    def loss(*some):
        every = list(inputs)
        for i, part in zip(row.differentiable, some, strict=True):
            every[i] = part
        return row(*every)

    return loss, tuple(inputs[i] for i in row.differentiable)


def with_options(row, convert):
    """Return the loss with its tensors among the options converted."""
    options = pytree.tree_map_only(torch.Tensor, convert, row.options)
    return functools.partial(row.loss, **options)


@over_rows("compile")
def test_compiled_it_is_one_graph(row):
    torch.compiler.reset()
    compiled = torch.compile(row, backend="eager", fullgraph=True)
    assert_close(gradients(compiled, row, row.inputs(5)), gradients(row, row, row.inputs(5)))


@over_rows("dynamic")
def test_one_graph_with_its_own_backward_serves_batches_of_every_size(row):
    torch.compiler.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(row, backend=counter, fullgraph=True, dynamic=True)
    made = set()
    for n in (5, 8):
        assert_close(gradients(compiled, row, row.inputs(n)), gradients(row, row, row.inputs(n)))
        made.add(counter.frame_count)
    assert len(made) == 1


@pytest.mark.parametrize("row", [row for row in ROWS if "ignore_index" in inspect.signature(row.loss).parameters],
                         ids=lambda row: row.name)
def test_nothing_that_stands_in_an_ignored_example_reaches_a_compiled_value_or_gradient(row):
    torch.compiler.reset()
    logits, target = row.inputs(5)
    if target.is_floating_point():
        pytest.skip("probabilities name no class that could be ignored")
    target[2] = row.options.get("ignore_index", -100)
    poisoned = logits.index_fill(0, torch.tensor(2), math.nan)
    compiled = torch.compile(row, backend="aot_eager", fullgraph=True)
    value, (slope,) = gradients(compiled, row, (poisoned, target))
    assert_close((value, (slope,)), gradients(row, row, (poisoned, target)))
    assert_close(slope[2], torch.zeros(3, dtype=torch.float64), rtol=0, atol=0)
    assert bool(value.isfinite())


def exports(row, *, strict):
    """Hold the exported loss to the eager one, on a batch of another size."""
    n = torch.export.Dim("n")
    dynamic = tuple({axis: n for axis in range(small.ndim) if small.shape[axis] != large.shape[axis]}
                    for small, large in zip(row.inputs(5), row.inputs(8), strict=True))

    class Module(torch.nn.Module):
        def forward(self, *inputs):
            return row(*inputs)

    program = torch.export.export(Module(), row.inputs(5), dynamic_shapes=(dynamic,), strict=strict)
    assert_close(program.module()(*row.inputs(8)), row(*row.inputs(8)))


@over_rows("export")
def test_exported_it_takes_batches_of_every_size(row):
    exports(row, strict=False)


@over_rows("export", only=[row for row in ROWS if row.name in {"bce", "cross-entropy smoothed", "asymmetric", "ohem"}])
def test_strictly_exported_it_does_so_too(row):
    exports(row, strict=True)


@over_rows("vmap")
def test_vmap_of_the_gradient_gives_that_of_each_example(row):
    if row.examples:
        batches = [part.unsqueeze(1) for part in row.inputs(5)]  # of one example each
    else:
        batches = [torch.stack([part, part.flip(0)]) for part in row.inputs(5)]
    found = torch.func.vmap(torch.func.grad(row.__call__, argnums=row.differentiable))(*batches)
    each = [gradients(row, row, batch)[1] for batch in zip(*batches, strict=True)]
    assert_close(found, tuple(map(torch.stack, zip(*each, strict=True))))


@over_rows("vmap")
def test_vmap_maps_one_input_alone(row):
    first, *others = row.inputs(5)
    many = torch.stack([first, first.flip(0)])
    found = torch.func.vmap(row.__call__, in_dims=(0, *[None] * len(others)))(many, *others)
    assert_close(found, torch.stack([row(one, *others) for one in many]))


@over_rows("jvp")
def test_the_derivative_forwards_is_that_backwards(row):
    loss, at = of_differentiable(row, row.inputs(5))
    direction = tuple((3 * part).cos() for part in at)
    value, found = torch.func.jvp(loss, at, direction)
    expected, slopes = gradients(row, row, row.inputs(5))
    assert_close(value, expected)
    assert_close(found, sum((slope * by).sum() for slope, by in zip(slopes, direction, strict=True)))


@over_rows("jvp")
def test_dual_numbers_carry_the_same_derivative(row):
    loss, at = of_differentiable(row, row.inputs(5))
    direction = tuple((3 * part).cos() for part in at)
    with torch.autograd.forward_ad.dual_level():
        dual = loss(*map(torch.autograd.forward_ad.make_dual, at, direction))
        found = torch.autograd.forward_ad.unpack_dual(dual).tangent
    assert_close(found, torch.func.jvp(loss, at, direction)[1])


@over_rows("hessian", only=SMOOTH)
def test_the_hessian_of_torch_func_is_that_of_autograd(row):
    loss, at = of_differentiable(row, row.inputs(4))
    found = torch.func.hessian(loss, argnums=tuple(range(len(at))))(*at)
    assert_close(found, torch.autograd.functional.hessian(loss, at))


@over_rows("twice", only=SMOOTH)
def test_gradients_of_gradients_pass_gradgradcheck(row):
    loss, at = of_differentiable(row, row.inputs(3))
    assert torch.autograd.gradgradcheck(loss, tuple(part.requires_grad_() for part in at)) is True


@over_rows("fake")
def test_tensors_without_numbers_have_value_and_gradient_of_the_same_shape(row):
    expected = gradients(row, row, row.inputs(5))
    with FakeTensorMode() as mode:
        inputs = [mode.from_tensor(part) for part in row.inputs(5)]
        found = gradients(with_options(row, mode.from_tensor), row, inputs)
    assert shapes(found) == shapes(expected)


@over_rows("meta")
def test_on_the_meta_device_value_and_gradient_have_the_same_shape(row):
    inputs = [part.to("meta") for part in row.inputs(5)]
    found = gradients(with_options(row, lambda part: part.to("meta")), row, inputs)
    assert {part.device.type for part in pytree.tree_leaves(found)} == {"meta"}
    assert shapes(found) == shapes(gradients(row, row, row.inputs(5)))


def shapes(parts):
    return [(part.shape, part.dtype) for part in pytree.tree_leaves(parts)]


class NoFloat64(TorchDispatchMode):
    """Refuse what MPS has not."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for part in pytree.tree_leaves(made):
            if isinstance(part, torch.Tensor) and part.device.type == "mps":
                assert part.dtype != torch.float64, f"{function} makes float64"
        return made


@over_rows("fake")
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_what_a_loss_makes_itself_is_on_the_device_of_its_input(row, device):
    with FakeTensorMode():
        def there(part):
            dtype = torch.float32 if part.is_floating_point() else part.dtype
            return torch.empty(part.shape, dtype=dtype, device=device)

        with NoFloat64():
            try:
                value = with_options(row, there)(*map(there, row.inputs(5)))
            except RuntimeError as problem:
                if "not linked with support" not in str(problem):
                    raise
                pytest.skip("an operation, such as indexing by a tensor, wants torch's own build for the device")
    assert (value.device.type, value.dtype) == (device, torch.float32)


@over_rows("meta")
def test_another_default_device_changes_nothing(row):
    expected = gradients(row, row, row.inputs(5))
    inputs = row.inputs(5)
    with torch.device("meta"):
        found = gradients(row, row, inputs)
    assert_close(found, expected, rtol=0, atol=0)


@over_rows("autocast")
def test_autocast_does_not_touch_the_digits(row):
    def narrow(part):
        return part.float() if part.is_floating_point() else part

    inputs, loss = [narrow(part) for part in row.inputs(5)], with_options(row, narrow)
    expected = gradients(loss, row, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(loss, row, inputs)
    assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_the_table_holds_every_loss():
    named = {row.loss for row in ALL}
    losses = {name for name in lossbook.__all__ if name.endswith("_loss") or "cross_entropy" in name}
    assert {name for name in losses if getattr(lossbook, name) not in named} == set()
