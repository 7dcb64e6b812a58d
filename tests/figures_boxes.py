"""The interactive figure of the chapter on boxes."""

import torch
from figures import Row, column, double, rows_with

import lossbook

AIM = double([2, 3, 5, 5])


def smooth_l1(box, aim):
    moved = [((box[i] + box[i + 2] - aim[i] - aim[i + 2]) / 2 / (aim[i + 2] - aim[i])) for i in (0, 1)]
    grown = [((box[i + 2] - box[i]) / (aim[i + 2] - aim[i])).log() for i in (0, 1)]
    numbers = torch.stack([*moved, *grown])
    return lossbook.smooth_l1_loss(numbers, torch.zeros_like(numbers), reduction="sum")


LOSSES = {
    "1 − IoU": lossbook.box_iou_loss,
    "GIoU": lossbook.giou_loss,
    "DIoU": lossbook.diou_loss,
    "CIoU": lossbook.ciou_loss,
    "smooth L1": smooth_l1,
}


def moved_box(at, tables):
    x, y, w, h = at["cx"], at["cy"], at["w"] / 2, at["h"] / 2
    box = double([x - w, y - h, x + w, y + h]).requires_grad_()
    bars = {row["loss"]: row["value"] for row in rows_with(tables, "loss", "value")}
    assert list(bars) == list(LOSSES)
    for name, loss in LOSSES.items():
        yield [bars[name]], [loss(box, AIM).detach()]
    slopes = {row["side"]: row["slope"] for row in rows_with(tables, "side", "slope", "to_x")}
    (exact,) = torch.autograd.grad(LOSSES[at["shown"]](box, AIM), box)
    # The figure takes differences over 0.001, so it has about six digits.
    yield [round(slopes[side], 4) for side in "ltrb"], [round(slope, 4) for slope in exact.tolist()]
    drawn = rows_with(tables, "l", "t", "r", "b")
    yield [column(drawn, side)[0] for side in "ltrb"], box.detach()


FIGURES = {
    "fig-boxes-sliders": Row(
        [
            {"cx": 8, "cy": 2.5, "w": 2, "h": 1.5, "shown": "GIoU"},
            {"cx": 4.25, "cy": 4.5, "w": 4, "h": 1.5, "shown": "CIoU"},
            {"cx": 1, "cy": 7, "w": 1, "h": 1.25, "shown": "1 − IoU"},
            {"cx": 4.25, "cy": 3.5, "w": 2.25, "h": 3.75, "shown": "DIoU"},
            {"cx": 9.25, "cy": 1, "w": 0.75, "h": 5, "shown": "smooth L1"},
        ],
        moved_box,
    )
}
