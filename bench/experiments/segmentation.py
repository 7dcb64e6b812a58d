"""Five losses for masks on digits over photographs, each judged at the threshold 0.5 and at one that was moved."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lossbook import binary_cross_entropy_with_logits, combo_loss, dice_loss, lovasz_hinge_loss, tversky_loss
from lossbook.scenes import digit_scenes
from lossbook.training import seeded, train

# Images of 24 by 24 pixels and a narrow network: the whole table takes minutes.
SEEDS = tuple(range(10, 30))
BUDGET = {"steps": 200, "batch_size": 16}
SLICE = ("Dice", 10)
LOOSE = {"at half": 0.15, "moved": 0.15, "threshold": 0.5, "chosen_moved": 6.0, "overconfidence": 0.2}

LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": binary_cross_entropy_with_logits,
    "Dice": dice_loss,
    "Dice + cross-entropy": combo_loss,
    "Tversky": partial(tversky_loss, alpha=0.3, beta=0.7),
    "Lovász": lovasz_hinge_loss,
}
# A start at the logit 0 says one half of every pixel, -3.3 the share of ink.
SETTINGS = [{"lr": lr, "start": 0.0, "decay": 0.01} for lr in (0.002, 0.008, 0.032)]
SETTINGS += [{"lr": lr, "start": -3.3, "decay": 0.01} for lr in (0.004, 0.016, 0.064)]
SETTINGS += [{"lr": lr, "start": start, "decay": 0.3} for lr, start in ((0.008, 0.0), (0.016, -3.3))]
METHODS = dict.fromkeys(LOSSES, SETTINGS)
CUTS = torch.linspace(-8, 4, 25)  # logits


def network(seed: int, start: float = 0.0) -> nn.Module:
    """Three dilated convolutions: every logit sees 7 pixels each way, at the full size of the image."""
    with seeded(seed):
        layers: list[nn.Module] = []
        for before, dilation in ((1, 1), (12, 2), (12, 4)):
            layers += [nn.Conv2d(before, 12, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        last = nn.Conv2d(12, 1, 1)
    nn.init.constant_(last.bias, start)
    return nn.Sequential(*layers, last).to(memory_format=torch.channels_last)


@torch.no_grad()
def dice_at(logits: Tensor, masks: Tensor, cut: float) -> float:
    """Return the mean Dice score over the images when every pixel above ``cut`` is painted."""
    painted, truth = (logits > cut).flatten(1), masks.flatten(1) > 0
    return float((2 * (painted & truth).sum(1) / (painted.sum(1) + truth.sum(1))).mean())


@torch.no_grad()
def best_cut(logits: Tensor, masks: Tensor) -> tuple[float, float]:
    """Return the best mean Dice score over ``CUTS``, and its cut."""
    return max((dice_at(logits, masks, float(cut)), float(cut)) for cut in CUTS)


def repeat(method: str, settings: list[dict[str, float]], seed: int) -> dict:
    """Train once for each setting; choose for the threshold 0.5 and for the moved one, each by its own validation."""
    x, y, _ = digit_scenes(300, size=24, seed=2 * seed)
    x_val, y_val, _ = digit_scenes(100, size=24, seed=2 * seed + 1)
    x_test, y_test, _ = digit_scenes(200, size=24, part="test", seed=seed)
    tried = []
    for setting in settings:
        model = network(seed, setting["start"])
        optimizer = partial(torch.optim.AdamW, weight_decay=setting["decay"])
        train(model, LOSSES[method], x, y, lr=setting["lr"], optimizer=optimizer, seed=seed, **BUDGET)
        with torch.no_grad():
            z_val, z_test = model(x_val), model(x_test)
        tried.append((dice_at(z_val, y_val, 0.0), *best_cut(z_val, y_val), z_test))
    at_half = max(range(len(tried)), key=lambda i: tried[i][0])
    moved = max(range(len(tried)), key=lambda i: tried[i][1])
    _, _, cut, z = tried[moved]
    p = tried[at_half][3].sigmoid()
    sure = p > 0.9
    return {
        "chosen": at_half,
        "validation": [one[0] for one in tried],
        "chosen_moved": moved,
        "at half": dice_at(tried[at_half][3], y_test, 0.0),
        "moved": dice_at(z, y_test, cut),
        "threshold": float(torch.tensor(cut).sigmoid()),
        "overconfidence": float((p[sure].mean() - y_test[sure].mean()).nan_to_num()),  # stated minus true share
    }
