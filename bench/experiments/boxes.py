"""A small network finds the box of a digit on a photograph, trained with seven losses.

Every method has the same network, the same four numbers, the same steps of AdamW, and four settings: three step sizes
without weight decay, and the middle one with it. The digits and photographs of the test part are not those of training
and validation.
"""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor, nn

from lossbook import box_iou_loss, ciou_loss, diou_loss, giou_loss, smooth_l1_loss
from lossbook.scenes import digit_scenes
from lossbook.training import seeded, train

SEEDS = range(10)
SETTINGS = [
    {"lr": 0.001, "weight_decay": 0.0},
    {"lr": 0.003, "weight_decay": 0.0},
    {"lr": 0.009, "weight_decay": 0.0},
    {"lr": 0.003, "weight_decay": 0.3},
]
SLICE = ("GIoU", 0)
LOOSE = {"mean IoU": 0.05, "above 0.5": 0.08, "above 0.75": 0.08, "apart": 0.05}
STEPS, BATCH = 300, 32


def network(seed: int) -> nn.Module:
    """Two convolutions that halve the image twice, and two layers that turn it into four numbers."""
    with seeded(seed):
        seen = nn.Sequential(nn.Conv2d(1, 16, 6, stride=4, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1))
        return nn.Sequential(seen, nn.ReLU(), nn.Flatten(), nn.Linear(2048, 32), nn.ReLU(), nn.Linear(32, 4))


def decode(numbers: Tensor) -> Tensor:
    """Return the box that four numbers mean, seen from a square of 9 pixels in the middle of the image.

    They are the way to its centre in widths of the square, and the logarithms of how much wider and higher it is.
    """
    centre, half = 16 + 9 * numbers[..., :2], 4.5 * numbers[..., 2:].clamp(-5, 5).exp()
    return torch.cat([centre - half, centre + half], -1)


def encode(boxes: Tensor) -> Tensor:
    """Return the four numbers of a box."""
    centre, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    return torch.cat([(centre - 16) / 9, (size / 9).log()], -1)


def numbers_loss(numbers: Tensor, boxes: Tensor, beta: float) -> Tensor:
    """Compare the four numbers."""
    return smooth_l1_loss(numbers, encode(boxes), beta=beta)


def area_loss(loss: Callable[..., Tensor], numbers: Tensor, boxes: Tensor) -> Tensor:
    """Compare the boxes that the numbers mean."""
    return loss(decode(numbers), boxes)


def both_losses(numbers: Tensor, boxes: Tensor) -> Tensor:
    """Compare the four numbers, and the boxes that they mean."""
    return numbers_loss(numbers, boxes, 1 / 9) + area_loss(giou_loss, numbers, boxes)


LOSSES = {
    "smooth L1": partial(numbers_loss, beta=1.0),
    "smooth L1, β = 1/9": partial(numbers_loss, beta=1 / 9),
    "IoU": partial(area_loss, box_iou_loss),
    "GIoU": partial(area_loss, giou_loss),
    "DIoU": partial(area_loss, diou_loss),
    "CIoU": partial(area_loss, ciou_loss),
    "smooth L1 + GIoU": both_losses,
}
METHODS = dict.fromkeys(LOSSES, SETTINGS)


@cache
def scenes(n: int, part: str, seed: int) -> tuple[Tensor, Tensor]:
    """Return images, each less its mean, and boxes."""
    images, _, boxes = digit_scenes(n, contrast=1.0, part=part, seed=seed)
    return images - images.mean((1, 2, 3), keepdim=True), boxes


def fitted(method: str, x: Tensor, boxes: Tensor, seed: int, *, lr: float, weight_decay: float) -> nn.Module:
    """Train one network."""
    model, adam = network(seed), partial(torch.optim.AdamW, weight_decay=weight_decay)
    train(model, LOSSES[method], x, boxes, steps=STEPS, batch_size=BATCH, lr=lr, optimizer=adam, seed=seed)
    return model


@torch.no_grad()
def overlap(model: nn.Module, x: Tensor, boxes: Tensor) -> Tensor:
    """Return the intersection over union of each answer with its box."""
    return 1 - box_iou_loss(decode(model(x)), boxes, reduction="none")


def repeat(method: str, settings: list[dict], seed: int) -> dict:
    """Train once for each setting on scenes of this seed, and judge the best on scenes of the test part."""
    x, boxes = scenes(1500, "train", seed)
    check, test = scenes(500, "train", seed + 1000), scenes(1000, "test", seed)
    models = [fitted(method, x, boxes, seed, **setting) for setting in settings]
    validation = [float(overlap(model, *check).mean()) for model in models]
    chosen = max(range(len(models)), key=validation.__getitem__)
    found = overlap(models[chosen], *test)
    return {"chosen": chosen, "validation": validation, "mean IoU": float(found.mean()),
            "above 0.5": float((found > 0.5).double().mean()), "above 0.75": float((found > 0.75).double().mean()),
            "apart": float((found == 0).double().mean())}
