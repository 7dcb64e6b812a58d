"""Time, error and peak memory of the losses beyond classification, and how all three grow with the size.

All entries of a task take turns in one process, in a new order each round, until each has used up its share of the
task's seconds; a slow one gets few turns. The error is that of value and gradient against ``exact``, in float64. The
peak is what one step adds to the memory that the process holds: Linux counts it anew after a 5 in clear_refs.
"""

import ctypes
import gc
import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from libraries import function


@dataclass(frozen=True)
class Task:
    """One loss: its inputs at a size, a call per library that gives the mean, and one that is exact in float64.

    The gradient is taken in the first ``learned`` of the ``arguments``.
    """

    name: str
    size: tuple[int, ...]
    make: Callable[..., tuple[torch.Tensor, ...]]
    calls: dict[str, str]
    exact: str
    arguments: str = "z, y"
    learned: int = 1
    compiled: bool = True
    sizes: tuple[tuple[int, ...], ...] = ()  # for the growth
    grows: tuple[str, ...] = ()  # the libraries in it
    unit: str = ""  # what grows


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def masks(n, side):
    """Logits and truth of n images, a tenth object."""
    return 2 * noise(n, side, side) - 1, (noise(side, side, n).movedim(2, 0) > 1.28).float().contiguous()


def boxes(n):
    """Boxes of side 10 to 110 in an image of side 1,000, and the same, moved: three in four pairs overlap."""
    corner, side = 900 * torch.rand(n, 2, generator=torch.Generator().manual_seed(0)), 10 + 100 * noise(n, 2).sigmoid()
    moved = corner + 30 * noise(n, 2, 1)[:, :, 0], side * (0.3 * noise(n, 1, 2)[:, 0]).exp()
    return tuple(torch.cat([start, start + length], 1) for start, length in ((corner, side), moved))


def clouds(*shape):
    """Two clouds of normal points in the unit cube or square, the second narrower."""
    return noise(*shape).sigmoid(), 0.2 + 0.5 * noise(1, *shape)[0].sigmoid()


def pairs(n, d):
    x = noise(n, d)
    return x + 0.5 * noise(1, n, d)[0], x


def labelled(n, d):
    """Embeddings of n / 8 classes, eight of each."""
    labels = torch.arange(n) // 8
    return noise(n, d) + 0.3 * noise(1, n, d)[0][labels * 8], labels


def frames(t, n, c):
    """Logits of n sequences of t frames, and targets of a quarter of that length, without the blank 0."""
    return 2 * noise(t, n, c), torch.randint(1, c, (n, t // 4), generator=torch.Generator().manual_seed(0))


def words(n, d, k):
    """Hidden states, the weights of k words, and targets."""
    return noise(n, d), noise(k, d, 1)[:, :, 0] / d**0.5, torch.arange(n) * 37 % k


LENGTHS = "(len(z),) * len(y), (y.shape[1],) * len(y)"
SIMILARITIES = ("(lambda s: F.cross_entropy((s @ s.T / 0.5).fill_diagonal_(-torch.inf), "
                "torch.arange(len(s)).roll(len(z))))(F.normalize(torch.cat([z, y])))")
CDIST = "(lambda d: (d.amin(1) ** 2).mean() + (d.amin(2) ** 2).mean())(torch.cdist(z, y))"

TASKS = [
    Task("Dice", (8, 512), masks, {
        "lossbook": "lossbook.dice_loss(z, y)",
        "MONAI": "monai.DiceLoss(sigmoid=True)(z[:, None], y[:, None])",
        "SMP": "smp.DiceLoss('multilabel')(z[None], y[None])",
        "keras": "keras.dice(y, z.sigmoid(), axis=(1, 2)).mean()",
    }, "lossbook.dice_loss(z, y)"),
    Task("Lovász hinge", (4, 256), masks, {
        "lossbook": "lossbook.lovasz_hinge_loss(z, y)",
        "SMP": "smp.LovaszLoss('binary', per_image=True)(z, y)",
        "kornia": "kornia.lovasz_hinge_loss(z[:, None], y.long())",
    }, "kornia.lovasz_hinge_loss(z[:, None], y.long())"),
    Task("GIoU", (100_000,), boxes, {
        "lossbook": "lossbook.giou_loss(z, y)",
        "torchvision": "tv.generalized_box_iou_loss(z, y, reduction='mean')",
    }, "tv.generalized_box_iou_loss(z, y, reduction='mean', eps=0)"),
    Task("Chamfer", (8, 1024, 3), clouds, {
        "lossbook": "lossbook.chamfer_loss(z, y)",
        "torch": CDIST,
    }, CDIST, sizes=((8, 256, 3), (8, 512, 3), (8, 1024, 3), (8, 2048, 3)), grows=("lossbook", "torch"),
         unit="points of a cloud"),
    Task("Sinkhorn divergence", (500, 2), clouds, {
        "lossbook": "lossbook.sinkhorn_divergence(z, y, blur=0.05)",
        "geomloss": "geomloss.SamplesLoss('sinkhorn', p=2, blur=0.05)(z, y)",
        "geomloss, scaling 0.9": "geomloss.SamplesLoss('sinkhorn', p=2, blur=0.05, scaling=0.9)(z, y)",
        "geomloss, scaling 0.99": "geomloss.SamplesLoss('sinkhorn', p=2, blur=0.05, scaling=0.99)(z, y)",
    }, "lossbook.sinkhorn_divergence(z, y, blur=0.05)", compiled=False,
         sizes=((125, 2), (250, 2), (500, 2), (1000, 2)), grows=("lossbook", "geomloss"),
         unit="points of a cloud"),
    Task("NT-Xent", (512, 128), pairs, {
        "lossbook": "lossbook.nt_xent_loss(z, y, temperature=0.5)",
        "torch": SIMILARITIES,
        "PML": "pml.SupConLoss(temperature=0.5)(torch.cat([z, y]), torch.arange(len(z)).repeat(2))",
        "MONAI": "monai.ContrastiveLoss(temperature=0.5)(z, y)",
        "optax": "optax.ntxent(jnp.concatenate([z, y]), jnp.tile(jnp.arange(len(z)), 2), temperature=0.5)",
    }, SIMILARITIES, sizes=((128, 128), (256, 128), (512, 128), (1024, 128)),
         grows=("lossbook", "torch", "PML"), unit="pairs"),
    Task("all triplets", (256, 64), labelled, {
        "lossbook": "lossbook.batch_all_triplet_loss(z, y)",
        "PML": "pml.TripletMarginLoss(margin=1, distance=pml_distances.LpDistance(normalize_embeddings=False), "
               "reducer=pml_reducers.MeanReducer())(z, y)",
    }, "pml.TripletMarginLoss(margin=1, distance=pml_distances.LpDistance(normalize_embeddings=False), "
       "reducer=pml_reducers.MeanReducer())(z, y)",
         sizes=((64, 64), (128, 64), (256, 64), (512, 64)), grows=("lossbook", "PML"), unit="embeddings"),
    Task("CTC", (100, 32, 32), frames, {
        "lossbook": f"lossbook.ctc_loss(z.log_softmax(2), y, *map(torch.tensor, ({LENGTHS})))",
        "torch": f"F.ctc_loss(z.log_softmax(2), y, {LENGTHS}, reduction='none').mean()",
        "keras": "keras.ctc(y, z.movedim(0, 1)).mean()",
        "optax": "optax.ctc_loss(z.swapaxes(0, 1), jnp.zeros(z.shape[1::-1]), y, jnp.zeros(y.shape)).mean()",
    }, f"F.ctc_loss(z.log_softmax(2), y, {LENGTHS}, reduction='none').mean()", compiled=False,
         sizes=((50, 32, 32), (100, 32, 32), (200, 32, 32), (400, 32, 32)), grows=("lossbook", "torch", "optax"),
         unit="frames"),
    Task("linear + cross-entropy", (1024, 256, 32_000), words, {
        "lossbook": "lossbook.linear_cross_entropy(z, w, y)",
        "torch": "F.cross_entropy(z @ w.T, y)",
        "torch, chunks": "F.linear_cross_entropy(z, w, y, options=torch.nn.LinearCrossEntropyOptions("
                            "batch_chunk_size=128))",
    }, "F.cross_entropy(z @ w.T, y)", "z, w, y", learned=2, compiled=False,
         sizes=((256, 256, 32_000), (512, 256, 32_000), (1024, 256, 32_000), (2048, 256, 32_000)),
         grows=("lossbook", "torch", "torch, chunks"), unit="examples"),
]


def torch_step(task, call, inputs, *, compiled=False):
    """Return a function that gives the value, and the gradients in what is learned, once forward and backward."""
    loss = function(call, task.arguments)
    if compiled:
        torch._dynamo.reset()
        loss = torch.compile(loss, dynamic=False)
    learned = [part.clone().requires_grad_() for part in inputs[: task.learned]]

    def step():
        value = loss(*learned, *inputs[task.learned :])
        return value, torch.autograd.grad(value, learned)

    return step


def jax_step(task, call, inputs):
    import jax

    both = jax.jit(jax.value_and_grad(function(call, task.arguments), argnums=tuple(range(task.learned))))
    inputs = [jax.numpy.asarray(part.numpy().astype("int32") if part.dtype == torch.int64 else part) for part in inputs]
    return lambda: jax.block_until_ready(both(*inputs))


def prepare(task, library, inputs, *, compiled=False):
    """Return the step of one library, run once already, or None if it cannot be compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "optax":
            step = jax_step(task, task.calls[library], inputs)
        else:
            step = torch_step(task, task.calls[library], inputs, compiled=compiled)
        try:
            step()
        except Exception:
            if not compiled:
                raise
            return None
    return step


def in_memory(key):
    """Return a line of what Linux says of this process, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith(key))
    return int(line.split()[1]) / 1024


def watched(step):
    """Return (result, seconds, peak): peak in MiB beyond what the process held before, None off Linux."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        before = in_memory("VmRSS")
    except (AttributeError, OSError):
        before = None
    start = time.perf_counter()
    result = step()
    seconds = time.perf_counter() - start
    return result, seconds, None if before is None else in_memory("VmHWM") - before


def truth(task, inputs):
    """Return value and gradients in float64."""
    double = tuple(part.double() if part.is_floating_point() else part for part in inputs)
    return torch_step(task, task.exact, double)()


def errors(result, wanted):
    """Return the error of the value over the value, and the largest of the gradient over its largest entry."""
    (value, slopes), (exact, exact_slopes) = result, wanted
    off = max(float((torch.tensor(found.tolist()).double() - right).abs().max() / right.abs().max())
              for found, right in zip(slopes, exact_slopes, strict=True))
    return {"value": float(value), "value_error": short(abs(float(value) - float(exact)) / abs(float(exact))),
            "gradient_error": short(off)}


def short(number):
    return float(f"{number:.2g}")


def take_turns(steps, spent, seconds):
    """Time the steps in turn and add to what each has spent, until it has spent its share of the seconds."""
    share, order, shuffle = seconds / len(steps), list(steps), random.Random(0).shuffle
    while order := [key for key in order if sum(spent[key]) < share]:
        shuffle(order)
        for key in order:
            start = time.perf_counter()
            steps[key]()
            spent[key].append(time.perf_counter() - start)


def compare(task, size, entries, seconds, bar):
    """Return a row for each (library, mode) of ``entries`` at one size, after so many seconds of turns."""
    inputs = task.make(*size)
    wanted, steps, found, spent = truth(task, inputs), {}, {}, {}
    for library, mode in entries:
        bar.set_postfix_str(f"{task.name} {size}: {library}, {mode}")
        step = prepare(task, library, inputs, compiled=mode == "compiled")
        if step is None:
            bar.write(f"left out: {library}, {mode}, {task.name}")
            continue
        result, took, peak = watched(step)
        steps[library, mode], spent[library, mode] = step, [took]
        found[library, mode] = errors(result, wanted) | {"peak_mib": peak and round(peak, 1)}
    bar.set_postfix_str(f"{task.name} {size}: in turn")
    take_turns(steps, spent, seconds)
    bar.update()
    return [
        {"task": task.name, "size": list(size), "unit": task.unit, "library": library, "mode": mode,
         "minimum_ms": round(1e3 * min(spent[library, mode]), 3),
         "median_ms": round(1e3 * median(spent[library, mode]), 3), "turns": len(spent[library, mode]),
         **found[library, mode], "call": task.calls[library]}
        for library, mode in steps
    ]


def work(name):
    """Return what ``compare`` is to do: each task at its own size in all modes, or at all of its sizes as written."""
    if name == "growth_families":
        return [(task, size, [(library, "eager") for library in task.grows], 2)
                for task in TASKS for size in task.sizes]
    modes = {True: ("eager", "compiled"), False: ("eager",)}
    return [(task, task.size, [(library, mode) for library in task.calls
                               for mode in modes[task.compiled and library != "optax"]], 8) for task in TASKS]
