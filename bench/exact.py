"""Error in ulp of value and gradient for every float32 number, of every elementwise loss of lossbook, and its peers.

The line of floats is walked binade by binade: all numbers between two powers of two are computed in blocks that stay
in cache, and compared with the float64 form of exact_forms.py. An ulp is the distance between two float32 numbers next
to the exact result; correct rounding is half an ulp. Nothing is left out: all 4,278,190,080 finite numbers are
computed for lossbook. Of a peer, one number is drawn from each run of 256.

    make exact      everything; stopped, it goes on where it was

On a machine with a GPU, `PYTHONPATH=.:tests python bench/exact.py --gpu` walks all numbers of lossbook and of torch
there, in minutes.
"""

import argparse
import ast
import json
import math
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import groupby

import references
import torch
from exact_forms import CALLS, CLASSES, FUNCTIONS, Function, of_classes
from libraries import function, versions
from mpmath import floor, log, mpf
from stamp import ROOT, code, digest, write
from torch import Tensor

BINADE = 2**23  # float32 numbers between two powers of two
BINADES = 255  # with the one of the subnormal numbers
BLOCK = 2**16
EVERY = 256  # of the numbers of a peer
CORE = range(97, 136)  # from 2^-30 to 2^9: here the losses bend, and here the walk begins
KINDS = {torch.float32: (23, -126, 128), torch.bfloat16: (7, -126, 128), torch.float16: (10, -14, 16)}
COLUMNS = ("worst", "at", "sum", "normal", "not_finite", "lost", "falls", "deepest", "below")
EXPONENT = 0x7FF << 52  # the bits of the exponent of a float64


def powers(exact: Tensor) -> Tensor:
    """Return the power of two at or below each number, 0 for 0."""
    return (exact.view(torch.int64) & EXPONENT).view(torch.float64)


def judge(found: Tensor, exact: Tensor, z: Tensor, dtype: torch.dtype, record: float = -1.0) -> list[float]:
    """Return the COLUMNS without those on monotony; "at" is known only where the error is above the record.

    Infinity stands for the next power of two, as in rounding. Where the exact number is below the smallest normal one,
    the ulp stays as it is, and the worst error is kept apart.
    """
    digits, smallest, largest = KINDS[dtype]
    power, normal, below, not_finite, lost = powers(exact), len(exact), 0.0, 0.0, 0.0
    least, most = power.amin().item(), power.amax().item()
    if most >= 2.0**largest:
        exact, power = exact.clamp(-(2.0**largest), 2.0**largest), power.clamp(max=2.0**largest)
    if least < 2.0**smallest:
        power = power.clamp(min=2.0**smallest)
    error = (found - exact).abs_().div_(power)
    if not error.amax() < 1:  # seldom: a result is not finite, or 0 where the exact one is not
        error = (found.clamp(-(2.0**largest), 2.0**largest) - exact).abs_().div_(power)
        wrong = ~(found.abs() < 2.0**largest) & (exact.abs() < 2.0**largest * (1 - 2.0 ** (-digits - 2)))
        error.masked_fill_(wrong, 0)
        wiped = (found == 0) & (error >= 1) & (exact.abs() >= 2.0**smallest)
        not_finite, lost = float(wrong.sum()), float(wiped.sum())
    if least < 2.0**smallest:  # some exact numbers have not all digits
        full = exact.abs() >= 2.0**smallest
        below = error.masked_fill(full, 0).amax().item()
        error.mul_(full)
        normal = int(full.sum())
    worst = error.amax().item()
    at = z[error.argmax()].item() if worst * 2**digits > record else math.nan
    scaled = [number * 2.0**digits for number in (worst, error.sum().item(), below)]
    return [scaled[0], at, scaled[1], normal, not_finite, lost, 0.0, 0.0, scaled[2]]


def falls(found: Tensor, before: Tensor, up: int, dtype: torch.dtype) -> tuple[float, float]:
    """Return how often neighbours stand in the wrong order, and by how many ulp at most.

    ``before`` are the last results before these, in the order of the walk.
    """
    old, new = (found[:-1], found[1:]) if up > 0 else (found[1:], found[:-1])
    edge = (found[0] - before[-1]).item() * up < 0
    down = new < old
    if not (edge or down.any()):
        return 0.0, 0.0
    size = powers(new[down]).clamp_(min=2.0 ** KINDS[dtype][1])
    depth = ((old - new)[down] / size * 2.0 ** KINDS[dtype][0]).nan_to_num_(nan=0, posinf=0)
    return float(down.sum()) + edge, max(depth.tolist(), default=1.0)


@cache
def loss_of(call: str, jax: bool):
    """Return the function (z, y) -> (value, slope) that a call stands for."""
    loss = function(call)
    if not jax:
        def both(z, y):
            z = z.detach().requires_grad_()
            value = loss(z, y)
            return value.detach(), torch.autograd.grad(value, z, torch.ones_like(value))[0]

        return both
    import jax as j

    @j.jit
    def both_of(z, y):
        value, back = j.vjp(lambda at: loss(at, y), z)
        return value, back(j.numpy.ones_like(value))[0]

    def both(z, y):
        return tuple(torch.from_numpy(part.__array__().copy()) for part in both_of(z.numpy(), y.numpy()))

    return both


def answers(f: Function, library: str, z: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (value, slope) for z, then, as for z, what the mirrored calls say; in float64."""
    both = loss_of(f.calls[library], library == "optax")
    for target, side in [(f.target, 1)] + ([(f.mirror, -1)] if f.mirror is not None else []):
        here = side * z
        if f.classes:
            y = torch.full((len(z),), target)
            value, slope = both(torch.stack([torch.zeros_like(here), here], 1), y)
            value, columns = value.double().reshape(len(z), -1).sum(1), slope.double()
            yield value, columns[:, 1] * side
            yield value, columns[:, 0] * -side
        else:
            value, slope = both(here, torch.full((len(z),), float(target), dtype=z.dtype))
            yield value.double().flatten(), slope.double().flatten().mul_(side)


def block(f: Function, library: str, z: Tensor, records: tuple[float, float] = (-1, -1)) -> tuple:
    """Return the COLUMNS of value and of gradient over z, and the results themselves."""
    exact, tallies, first = f.form(z.double()), None, None
    kinds = (torch.float32, z.dtype)
    for found in answers(f, library, z):
        if first and all(torch.equal(one, other) for one, other in zip(found, first, strict=True)):
            continue  # the mirrored call gives the same to the last bit, and has the same errors
        new = [judge(*part) for part in zip(found, exact, (z, z), kinds, records, strict=True)]
        tallies, first = merged(tallies, new), first or found
    return tallies, first


def merged(old: list[list[float]] | None, new: list[list[float]]) -> list[list[float]]:
    """Return two tallies as one: the worse of two, and sums."""
    if not old:
        return new
    return [[*(b if b[0] > a[0] else a)[:2], *(x + y for x, y in zip(a[2:7], b[2:7], strict=True)),
             max(a[7], b[7]), max(a[8], b[8])] for a, b in zip(old, new, strict=True)]  # fmt: skip


def numbers(first: int, count: int, sign: int) -> Tensor:
    """Return the float32 numbers with the patterns from ``first`` on, in growing size."""
    z = torch.arange(first, first + count, dtype=torch.int32).view(torch.float32)
    return z if sign > 0 else -z


def bounds(f: Function, which: int) -> tuple[int, int]:
    """Return the first pattern of a binade, and the one after its last; 0 has the subnormal numbers."""
    top = struct.unpack("<i", struct.pack("<f", f.top))[0] + 1 if f.top < math.inf else BINADES * BINADE
    return which * BINADE, min((which + 1) * BINADE, top)


def binade(f: Function, library: str, sign: int, which: int, size: int = BLOCK) -> list[list[float]]:
    """Return the COLUMNS of value and gradient over all numbers of one binade, ``size`` of them at a time."""
    start, end = bounds(f, which)
    before = next(answers(f, library, numbers(max(start - 16, 0), 16 if start else 1, sign)))
    total = None
    for first in range(start, end, size):
        z = numbers(first, min(size, end - first), sign)
        new, found = block(f, library, z, tuple(part[0] for part in total) if total else (-1, -1))
        for part, direction in ((0, dict(f.halves)[sign]), (1, sign if f.convex else 0)):
            if direction:
                new[part][6:8] = falls(found[part], before[part], direction, torch.float32)
        total, before = merged(total, new), found
    return total


def sample(f: Function, library: str, sign: int, which: int, every: int) -> list[list[float]]:
    """Return the same of one number drawn from each run of ``every``, with the two ends of the binade."""
    start, end = bounds(f, which)
    generator = torch.Generator().manual_seed(which)
    steps = torch.arange(start, end, every)
    steps += torch.randint(every, steps.shape, generator=generator)
    steps[0], steps[-1] = start, end - 1
    z = steps.to(torch.int32).view(torch.float32) * sign
    return block(f, library, z)[0]


def walk(f: Function) -> list[tuple[int, int]]:
    """Return the (sign, binade) of all parts of the line on which a loss is defined, the negative ones first."""
    return [(sign, which) for sign, _ in sorted(f.halves) for which in range(BINADES)
            if bounds(f, which)[0] < bounds(f, which)[1]]  # fmt: skip


def halves(f: Function, dtype: torch.dtype) -> list[list[float]]:
    """Return the COLUMNS over all finite numbers of a narrower type: lossbook computes in float32."""
    z = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    z = z[z.isfinite() & (z.double() <= f.top) & ((z >= 0) | (len(f.halves) > 1))]
    return block(f, "lossbook", z)[0]


def several(k: int) -> tuple[Tensor, Tensor]:
    """Return logits of k classes and a class for each row: random ones, a leader, ties, and all of it far from 0."""
    generator = torch.Generator().manual_seed(k)
    n = max(2**18 // k, 1000)
    drawn = [scale * torch.randn(n, k, generator=generator) for scale in (1e-3, 0.1, 1, 5, 20, 1e3)]
    leads = torch.zeros(n, k)
    leads[:, 0] = torch.logspace(-6, 4, n) * torch.tensor([1.0, -1.0]).repeat(n)[:n]
    ties = drawn[2].round()
    z = torch.cat([*drawn, leads, leads + 1e3, ties, drawn[2] + 1e4])
    y = torch.randint(k, (len(z),), generator=generator)
    y[::2] = z[::2].argmax(1)  # in every other row the model is right
    return z, y


def with_classes(name: str, k: int, library: str) -> dict:
    """Return the row of a loss of k classes."""
    case, gamma = CLASSES[name]
    z, y = several(k)
    value, gradient = loss_of(CALLS[case][library].replace("(y, 3)", f"(y, {k})"), library == "optax")(z, y)
    exact, row = of_classes(z.double(), y, gamma), {"loss": f"{name}, {k} classes", "library": library, "rows": len(z)}
    lead = exact[0].float()  # the place of an error is told by the loss there
    for part, found, want, at in (("value", value, exact[0], lead), ("gradient", gradient, exact[1], z)):
        tally = judge(found.double().flatten(), want.flatten(), at.flatten(), torch.float32)
        row[part] = dict(zip(COLUMNS, tally, strict=True))
    return row


def reference_error(f: Function, step: int = 1) -> float:
    """Return the largest error of the form against mpmath, in ulp of float32: in every binade, and at every corner."""
    worst = 0.0
    for sign, which in walk(f)[::step]:
        start, end = bounds(f, which)
        patterns = sorted({start, (start + end) // 2, end - 1})
        points = torch.tensor(patterns, dtype=torch.int32).view(torch.float32) * sign
        near = [torch.tensor(corner) * (1 + k * 2.0**-23) for corner in f.corners for k in range(-3, 4)]
        points = torch.cat([points, torch.stack(near)]) if near and which == 128 else points
        exact = zip(*(part.tolist() for part in f.form(points.double())), strict=True)
        for z, pair in zip(points.tolist(), exact, strict=True):
            if z == f.top or (f.name == "hinge" and z == -1):
                continue
            loss = lambda at: f.truth(at, f.target)  # noqa: E731
            place = -1 if not f.classes else 0
            truth = loss([mpf(z)]), references.gradient(loss, [mpf(z)])[place]
            worst = max(worst, *(float(distance(got, want)) for got, want in zip(pair, truth, strict=True)))
    return worst


def distance(got: float, want: mpf) -> mpf:
    """Return the distance of two numbers in ulp of float32."""
    want = max(min(want, mpf(2) ** 128), -(mpf(2) ** 128))
    got = max(min(got, 2.0**128), -(2.0**128))
    binade = max(floor(log(abs(want), 2)), -126) if want else -126
    return abs(mpf(got) - want) / mpf(2) ** (binade - 23)


def job(name: str, library: str, every: int, sign: int, which: int) -> dict:
    """Return one line of the file of work done."""
    torch.set_num_threads(1)
    f = next(f for f in FUNCTIONS if f.name == name)
    found = binade(f, library, sign, which) if every == 1 else sample(f, library, sign, which, every)
    return {"loss": name, "library": library, "every": every, "sign": sign, "binade": which, "found": found}


def plan(names: list[str], skip: tuple[str, ...] = ()) -> list[tuple]:
    """Return all jobs: a sample of every loss and library, then all numbers of lossbook, where losses bend first."""
    chosen = [f for f in FUNCTIONS if not names or f.name in names]
    jobs = [(f.name, library, EVERY, *part) for f in chosen for library in f.calls for part in walk(f)
            if ("sample" if library == "lossbook" else "peers") not in skip]
    whole = [(f.name, "lossbook", 1, *part) for f in chosen for part in walk(f) if "whole" not in skip]
    return jobs + sorted(whole, key=lambda one: one[-1] not in CORE)


def kernel(f: Function) -> str:
    """Return a hash of the code of lossbook that a loss reaches."""
    return digest({"call": ast.parse(repr(f.calls["lossbook"]))})


def summary(lines: list[dict]) -> dict:
    """Return one row of the result: the parts of a line as one, and the worst errors along it."""
    total = None
    for line in lines:  # a number that is drawn stands for all those of its run
        found = [[*part[:2], *(number * line["every"] for number in part[2:7]), *part[7:]] for part in line["found"]]
        total = merged(total, found)
    drawn = [line["binade"] in CORE for line in lines if line["every"] != 1]
    row = {key: lines[0][key] for key in ("loss", "library")} | {"sampled": len(drawn), "sampled_core": sum(drawn)}
    for part, tally in zip(("value", "gradient"), total, strict=True):
        found = dict(zip(COLUMNS, tally, strict=True))
        mean = found.pop("sum") / max(found["normal"], 1)
        row[part] = {key: float(f"{number:.4g}") for key, number in found.items()} | {"mean": float(f"{mean:.3g}")}
        row[part]["at"] = found["at"]
        along = [float(f"{line['found'][part == 'gradient'][0]:.3g}") for line in lines]
        row[part]["along"] = [[worst, len(list(run))] for worst, run in groupby(along)]
    return row


def rows(done: dict[tuple, dict]) -> Iterator[dict]:
    """Yield the rows of the result. A part of the line that is not walked yet is told by its sample."""
    for name in CLASSES:
        for k in (3, 10, 1000):
            for library in ("lossbook", "torch") if name == "cross-entropy" else ("lossbook",):
                yield with_classes(name, k, library)
    for f in FUNCTIONS:
        error, narrow = reference_error(f), {}
        for kind in (torch.bfloat16, torch.float16):
            for part, tally in zip(("value", "gradient"), halves(f, kind), strict=True):
                narrow[f"{str(kind)[6:]}, {part}"] = float(f"{tally[0]:.3g}")
        for library in f.calls:
            found = [done.get((f.name, library, 1, *part)) or done.get((f.name, library, EVERY, *part))
                     for part in walk(f)]
            if all(found):
                more = {"goal": f.goal, "reference_error": float(f"{error:.2g}"), "code": kernel(f)} | narrow
                yield summary(found) | {"call": f.calls[library]} | (more if library == "lossbook" else {})


def run(names: list[str], workers: int, skip: tuple[str, ...] = ()) -> None:
    """Walk what is not walked yet, and write the file of results; each part of a line is kept in _build/exact."""
    from tqdm import tqdm

    torch.set_num_threads(1)
    folder, done = ROOT / "_build" / "exact", {}
    folder.mkdir(parents=True, exist_ok=True)
    kept = {f.name: folder / f"{f.name}-{kernel(f)}.jsonl" for f in FUNCTIONS}
    for path in kept.values():
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines() if path.exists() else ()):
            done[tuple(line[key] for key in ("loss", "library", "every", "sign", "binade"))] = line
    left = [one for one in plan(names, skip) if one not in done]
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(job, *zip(*left, strict=True)) if left else ()
        for one, line in zip(left, tqdm(found, total=len(left), desc="exact", disable=None), strict=True):
            done[one] = line
            with kept[line["loss"]].open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    write("exact", versions(), list(rows(done)), code=code("exact", "exact_forms"))


def run_on_gpu(names: list[str]) -> None:
    """Walk all numbers of lossbook and of torch on a GPU, and write results/exact_gpu.json."""
    from tqdm import tqdm

    found = []
    with torch.device("cuda"):
        chosen = [(f, library) for f in FUNCTIONS if not names or f.name in names
                  for library in ("lossbook", "torch") if library in f.calls]
        for f, library in tqdm(chosen, desc="exact, on the GPU", disable=None):
            lines = [{"loss": f.name, "library": library, "every": 1, "sign": sign, "binade": which,
                      "found": binade(f, library, sign, which, BINADE)} for sign, which in walk(f)]
            more = {"reference_error": float(f"{reference_error(f, 8):.2g}"), "code": kernel(f)}
            found.append(summary(lines) | more | {"call": f.calls[library]})
            gpu = torch.cuda.get_device_name()
            write("exact_gpu", versions(), found, code=code("exact", "exact_forms"), gpu=gpu)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("loss", nargs="*", help="only these losses")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many processes")
    parser.add_argument("--skip", nargs="*", choices=["sample", "peers", "whole"], default=(), help="leave this out")
    parser.add_argument("--gpu", action="store_true", help="walk on a GPU instead")
    asked = parser.parse_args()
    run_on_gpu(asked.loss) if asked.gpu else run(asked.loss, asked.workers, asked.skip)
