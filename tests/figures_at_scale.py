"""The figure with menus of the chapter on cross-entropy at scale, beside what the loss takes when it is run."""

import torch
from figures import Row, rows_with
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

import lossbook


def peak(step) -> int:
    """The most bytes that a step holds, as the profiler counts them."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as notes:
        step()
    held = most = 0
    for event in sorted(notes.profiler.kineto_results.events(), key=lambda e: e.start_ns()):
        held += event.nbytes() if event.name() == "[memory]" else 0
        most = max(most, held)
    return most


def memory(at, tables):
    found = {row["way"]: row["gb"] for row in rows_with(tables, "way", "gb")}
    n, k, d, c = (at[name] for name in ("tokens", "words", "features", "chunk"))
    gradients = 4 * d * (k + n)
    whole, chunks = max(12 * n * k, 4 * n * k + gradients), max(8 * c * k + gradients, 2 * gradients)
    yield [found["all at once"], found["in chunks"]], [whole / 1e9, chunks / 1e9]
    yield [found["one chunk"], found["weights"]], [4 * c * k / 1e9, 4 * k * d / 1e9]
    if (n, d) == (1_024, 64) and k == 32_000:
        features, weight = (torch.zeros(rows, d, requires_grad=True) for rows in (n, k))
        target = torch.arange(n)
        steps = [lambda: cross_entropy(features @ weight.T, target),
                 lambda: lossbook.linear_cross_entropy(features, weight, target, chunk=c)]
        measured = []
        for step in steps:
            features.grad = weight.grad = None
            measured.append(peak(lambda step=step: step().backward()))
        yield [round(1e9 * found[name] / bytes_, 2) for name, bytes_ in
               zip(("all at once", "in chunks"), measured, strict=True)], [1.0, 1.0]


FIGURES = {"fig-scale-sliders": Row(
    [{"tokens": 1_024, "words": 32_000, "features": 64, "chunk": 128},
     {"tokens": 1_024, "words": 32_000, "features": 64, "chunk": 512},
     {"tokens": 8_192, "words": 128_256, "features": 4_096, "chunk": 128},
     {"tokens": 131_072, "words": 256_000, "features": 1_024, "chunk": 512}], memory)}
