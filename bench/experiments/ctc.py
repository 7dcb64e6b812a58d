"""Lines of digits: CTC, a loss by true columns and one by equal parts, read in three ways."""

from collections import defaultdict
from functools import partial
from itertools import groupby, product

import torch
from torch import Tensor, nn

from lossbook import cross_entropy, ctc_loss
from lossbook.scenes import DigitLines, digit_lines
from lossbook.training import seeded, train

# Few lines and a narrow network: the whole table takes minutes.
SEEDS = tuple(range(10))
BUDGET = {"steps": 400, "batch_size": 32, "optimizer": torch.optim.Adam}
SLICE = ("true columns", 0)
LOOSE = {"greedy": 0.15, "beam": 0.15, "runs": 0.1, "blank": 0.1, "validation": 1.0}
LOOSE |= {"chosen": 6.0, "chosen_runs": 6.0, "shortest": 8.0}

# A start at 0 says the same of all 11 labels, one at 3 says blank in two columns of three.
SETTINGS = [{"lr": lr, "start": 0.0} for lr in (0.01, 0.02)]
SETTINGS += [{"lr": lr, "start": 3.0} for lr in (0.005, 0.01, 0.02, 0.04)]
SHORTEST = (1, 2, 3, 4, 5, 6, 7, 8)  # frames: shorter runs of a label are taken for noise
METHODS = dict.fromkeys(["CTC", "true columns", "equal parts"], SETTINGS)


def network(seed: int, start: float = 0.0) -> nn.Module:
    """Three convolutions along the line: every column sees 7 columns each way, shape (N, 8, 48) to (N, 11, 48)."""
    with seeded(seed):
        layers: list[nn.Module] = []
        for before, dilation in ((8, 1), (32, 2), (32, 4)):
            layers += [nn.Conv1d(before, 32, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        last = nn.Conv1d(32, 11, 1)
    nn.init.zeros_(last.bias)
    nn.init.constant_(last.bias[:1], start)
    return nn.Sequential(*layers, last)


def by_alignments(logits: Tensor, target: Tensor) -> Tensor:
    """CTC; a row of the target is the five labels and how many of them count."""
    frames = torch.full((len(logits),), logits.shape[2])
    return ctc_loss(logits.permute(2, 0, 1).log_softmax(2), target[:, :5], frames, target[:, 5])


def equal_parts(lines: DigitLines) -> Tensor:
    """Give each label an equal share of the columns, shape (N, 48)."""
    place = torch.arange(48) * lines.lengths.unsqueeze(1) // 48
    return lines.labels.gather(1, place)


def targets(method: str, lines: DigitLines) -> Tensor:
    """Return what the loss of a method wants to know of the lines."""
    if method == "CTC":
        return torch.cat([lines.labels, lines.lengths.unsqueeze(1)], 1)
    return lines.columns if method == "true columns" else equal_parts(lines)


LOSSES = {"CTC": by_alignments, "true columns": cross_entropy, "equal parts": cross_entropy}


def collapse(alignment: list[int]) -> list[int]:
    """Merge repeats, then drop blanks."""
    merged = [k for k, before in zip(alignment, [None, *alignment], strict=False) if k != before]
    return [k for k in merged if k != 0]


def greedy(probs: Tensor, shortest: int = 1) -> list[int]:
    """Read the likeliest label of each frame, shape (T, C); a run below ``shortest`` frames counts as blank."""
    runs = [(k, len(list(run))) for k, run in groupby(probs.argmax(1).tolist())]
    return collapse([k if length >= shortest else 0 for k, length in runs])


def beam(probs: Tensor, width: int = 8) -> list[int]:
    """Read the labelling that is likeliest among ``width`` beginnings, kept frame by frame; probabilities (T, C)."""
    kept: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 0.0)}  # of ending in a blank, in a label
    for p in probs.tolist():
        found: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, label) in kept.items():
            found[prefix][0] += (blank + label) * p[0]
            for k in range(1, len(p)):
                if p[k] < 1e-4:
                    continue
                repeat = bool(prefix) and prefix[-1] == k
                if repeat:  # without a blank between them, two equal labels are one
                    found[prefix][1] += label * p[k]
                found[(*prefix, k)][1] += (blank if repeat else blank + label) * p[k]
        best = sorted(found.items(), key=lambda item: -sum(item[1]))[:width]
        kept = {prefix: (blank, label) for prefix, (blank, label) in best}
    return list(max(kept, key=lambda prefix: sum(kept[prefix])))


def edits(a: list[int], b: list[int]) -> int:
    """Count the insertions, deletions and replacements that make b of a."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def error(read, probs: Tensor, lines: DigitLines) -> float:
    """Return the edits between what is read and what is true, for each true digit."""
    wanted = [row[:n].tolist() for row, n in zip(lines.labels, lines.lengths.tolist(), strict=True)]
    return sum(edits(read(p), y) for p, y in zip(probs, wanted, strict=True)) / int(lines.lengths.sum())


@torch.no_grad()
def says(model: nn.Module, lines: DigitLines) -> Tensor:
    """Return the probabilities of a network, shape (N, 48, 11)."""
    return model(lines.images).softmax(1).transpose(1, 2)


def repeat(method: str, settings: list[dict[str, float]], seed: int) -> dict:
    """Train once for each setting; choose on the validation lines for each way of reading them."""
    lines, valid = digit_lines(1000, seed=2 * seed), digit_lines(150, seed=2 * seed + 1)
    test = digit_lines(300, part="test", seed=seed)
    tried = []
    for setting in settings:
        model = network(seed, setting["start"])
        train(model, LOSSES[method], lines.images, targets(method, lines), lr=setting["lr"], seed=seed, **BUDGET)
        p_valid = says(model, valid)
        by_length = [error(partial(greedy, shortest=n), p_valid, valid) for n in SHORTEST]
        tried.append((by_length, says(model, test)))
    chosen = min(range(len(tried)), key=lambda i: tried[i][0][0])
    runs, length = min(product(range(len(tried)), range(len(SHORTEST))), key=lambda at: tried[at[0]][0][at[1]])
    probs = tried[chosen][1]
    return {
        "chosen": chosen,
        "validation": [by_length[0] for by_length, _ in tried],
        "chosen_runs": runs,
        "shortest": SHORTEST[length],
        "greedy": error(greedy, probs, test),
        "beam": error(beam, probs, test),
        "runs": error(partial(greedy, shortest=SHORTEST[length]), tried[runs][1], test),
        "blank": float((probs.argmax(2) == 0).double().mean()),
        "empty": float((test.columns == 0).double().mean()),
    }
