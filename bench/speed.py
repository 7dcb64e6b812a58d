"""Time of forward plus backward, as written and under torch.compile, beside the floor of memory traffic.

All entries of a task take turns, in a new order each round, so that a busy moment, or what the one before left in
caches and heap, hits each of them. The minimum says what the code costs; the median says what one meets. optax is
timed under jax.jit only, which is how it is used. Beside the time stands what a step adds to the memory of the process
at its peak. Then a profiler says which passes over memory lossbook and the fastest peer make.

On a machine with a GPU, `PYTHONPATH=.:tests python bench/speed.py` times there what is installed, as written.
"""

import os
import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from libraries import function
from speed_families import watched


@dataclass(frozen=True)
class Task:
    """One loss at one size, and a call per library that gives the mean."""

    name: str
    shape: tuple[int, ...]
    kind: str
    calls: dict[str, str]


def focal_calls():
    return {
        "lossbook": "lossbook.focal_loss(z, y, gamma=2.0, alpha=0.25)",
        "torchvision": "tv.sigmoid_focal_loss(z, y, gamma=2.0, alpha=0.25, reduction='mean')",
        "kornia": "kornia.binary_focal_loss_with_logits(z[:, None], y[:, None], gamma=2.0, alpha=0.25, "
                  "reduction='mean')",
        "MONAI": "monai.FocalLoss(gamma=2.0, alpha=0.25)(z[:, None], y[:, None])",
        "SMP": "smp.FocalLoss('binary', gamma=2.0, alpha=0.25)(z, y)",
        "mmpretrain": "mm_focal.sigmoid_focal_loss(z, y, gamma=2.0, alpha=0.25)",
        "keras": "keras.binary_focal_crossentropy(y, z, apply_class_balancing=True, from_logits=True)",
        "optax": "optax.sigmoid_focal_loss(z, y, gamma=2.0, alpha=0.25).mean()",
    }


TASKS = [
    Task("binary cross-entropy from logits", (1_000_000,), "binary", {
        "lossbook": "lossbook.binary_cross_entropy_with_logits(z, y)",
        "torch": "F.binary_cross_entropy_with_logits(z, y)",
        "keras": "keras.binary_crossentropy(y, z, from_logits=True)",
        "optax": "optax.sigmoid_binary_cross_entropy(z, y).mean()",
    }),
    Task("cross-entropy", (4096, 1000), "classes", {
        "lossbook": "lossbook.cross_entropy(z, y)",
        "torch": "F.cross_entropy(z, y)",
        "SMP": "smp.SoftCrossEntropyLoss(smooth_factor=0.0)(z, y)",
        "keras": "keras.sparse_categorical_crossentropy(y, z, from_logits=True).mean()",
        "optax": "optax.softmax_cross_entropy_with_integer_labels(z, y).mean()",
    }),
    Task("focal, gamma 2", (1_000_000,), "binary", focal_calls()),
    Task("softmax focal, gamma 2", (4096, 1000), "classes", {
        "lossbook": "lossbook.softmax_focal_loss(z, y, gamma=2.0)",
        "kornia": "kornia.focal_loss(z, y, alpha=None, gamma=2.0, reduction='mean')",
        "MONAI": "monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(z, y[:, None])",
        "SMP": "smpf.softmax_focal_loss_with_logits(z, y, gamma=2.0)",
    }),
    Task("asymmetric", (4096, 80), "labels", {
        "lossbook": "lossbook.asymmetric_loss(z, y, gamma_pos=1.0, gamma_neg=4.0, margin=0.05)",
        "timm": "timm.AsymmetricLossMultiLabel(reduction='mean')(z, y)",
        "mmpretrain": "mm_asl.asymmetric_loss(z, y)",
    }),
    Task("Huber, delta 1", (1_000_000,), "error", {
        "lossbook": "lossbook.huber_loss(z, y)",
        "torch": "F.huber_loss(z, y)",
        "keras": "keras.huber(y, z)",
        "optax": "optax.huber_loss(z, y).mean()",
    }),
    Task("log-cosh", (1_000_000,), "error", {
        "lossbook": "lossbook.log_cosh_loss(z, y)",
        "keras": "keras.log_cosh(y, z)",
        "torchmetrics": "torchmetrics.log_cosh_error(z, y)",
        "optax": "optax.log_cosh(z, y).mean()",
    }),
]


def inputs(task):
    """Return logits and targets, the same on every machine."""
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(task.shape, generator=generator)
    if task.kind == "classes":
        return z, torch.randint(task.shape[1], task.shape[:1], generator=generator)
    if task.kind == "error":
        return z, torch.zeros_like(z)
    return z, (torch.rand(task.shape, generator=generator) < (0.04 if task.kind == "labels" else 0.1)).float()


def torch_step(call: str, z, y, *, compiled: bool) -> Callable[[], float]:
    """Return a function that runs forward and backward once."""
    loss = function(call)
    if compiled:
        torch._dynamo.reset()
        loss = torch.compile(loss, dynamic=False)
    z = z.clone().requires_grad_()

    def step():
        value = loss(z, y)
        torch.autograd.grad(value, z)
        if z.is_cuda:
            torch.cuda.synchronize()
        return value

    return step


def jax_step(call: str, z, y) -> Callable[[], float]:
    import jax

    both = jax.jit(jax.value_and_grad(function(call)))
    z, y = jax.numpy.asarray(z.numpy()), jax.numpy.asarray(y.int().numpy() if y.dtype == torch.int64 else y.numpy())
    return lambda: jax.block_until_ready(both(z, y))[0]


def floor_step(z) -> Callable[[], float]:
    """Return the least that any loss must do: read the logits, then read them again and write a gradient."""
    gradient = torch.empty_like(z)

    def step():
        total = z.sum()
        torch.mul(z, 2.0, out=gradient)
        return total

    return step


def steps(task, bar, modes, device):
    """Return {(library, mode): step} of a task, each run twice already; what cannot be compiled is left out."""
    z, y = (part.to(device) for part in inputs(task))
    made = {("floor", "eager"): floor_step(z)}
    for library, call in task.calls.items():
        for mode in modes:
            if library == "optax" and mode == "eager":
                continue
            bar.set_postfix_str(f"{task.name}: preparing {library}, {mode}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                step = jax_step(call, z, y) if library == "optax" else torch_step(call, z, y, compiled=mode != "eager")
                try:
                    step(), step()
                except Exception as problem:
                    bar.write(f"left out: {library}, {mode}, {task.name}: {type(problem).__name__}")
                    continue
            made[library, mode] = step
    return made


def least_peak(step, device="cpu"):
    """Return the least of three peaks in MiB, None off Linux: now and then another part of the process adds to one."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    return min((peak for _ in range(3) if (peak := watched(step)[2]) is not None), default=None)


def measure(task, rounds, bar, modes=("eager", "compiled"), device="cpu"):
    """Return the rows of one task."""
    made = steps(task, bar, modes, device)
    peaks = {key: least_peak(step, device) for key, step in made.items()}
    seconds = {key: [] for key in made}
    bar.set_postfix_str(f"{task.name}: {rounds} rounds")
    order, turns = list(made), random.Random(0)
    for _ in range(rounds):
        turns.shuffle(order)
        for key in order:
            start = time.perf_counter()
            made[key]()
            seconds[key].append(time.perf_counter() - start)
        bar.update()
    return [
        {"task": task.name, "size": " x ".join(map(str, task.shape)), "library": library, "mode": mode,
         "minimum_ms": round(1e3 * min(seconds[library, mode]), 3),
         "median_ms": round(1e3 * median(seconds[library, mode]), 3), "value": round(float(step()), 6),
         "peak_mib": peaks[library, mode] and round(peaks[library, mode], 1), "call": task.calls.get(library, "")}
        for (library, mode), step in made.items()
    ]


def passes(task, rows, rounds=30):
    """Return the operations of lossbook and of the fastest peer as written, with how often each runs, and its time."""
    rivals = [row for row in rows if row["mode"] == "eager" and row["library"] not in ("lossbook", "floor")]
    fastest = min(rivals, key=lambda row: row["minimum_ms"])["library"]
    z, y = inputs(task)
    found = []
    for library in ("lossbook", fastest):
        step = torch_step(task.calls[library], z, y, compiled=False)
        step(), step()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            for _ in range(rounds):
                step()
        found += [{"task": task.name, "library": library, "operation": part.key.removeprefix("aten::"),
                   "runs": part.count / rounds, "ms": round(part.self_cpu_time_total / rounds / 1e3, 3)}
                  for part in seen.key_averages() if part.self_cpu_time_total / rounds > 10]
    return found


def load():
    """Return how many processes wanted to run in the last minute."""
    return round(os.getloadavg()[0], 2)


def on_gpu(rounds=200):
    """Time what is installed beside a GPU, as written, and write results/speed_gpu.json."""
    from libraries import versions
    from stamp import code, write
    from tqdm import tqdm

    rows = []
    with tqdm(total=rounds * len(TASKS), desc="speed, on the GPU", disable=None) as bar:
        for task in TASKS:
            rows += measure(task, rounds, bar, ("eager",), "cuda")
    write("speed_gpu", versions(), rows, code=code("speed"), rounds=rounds, gpu=torch.cuda.get_device_name())


if __name__ == "__main__":
    on_gpu()
