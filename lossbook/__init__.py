"""The loss functions of the textbook lossbook: stable, tested, short enough to read."""

from lossbook import information
from lossbook.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    squared_hinge_loss,
)
from lossbook.geometry import (
    box_iou_loss,
    chamfer_loss,
    ciou_loss,
    diou_loss,
    emd_loss,
    giou_loss,
    sinkhorn_divergence,
    sinkhorn_loss,
)
from lossbook.imbalance import (
    asymmetric_loss,
    class_weights,
    distribution_balanced_loss,
    focal_loss,
    ldam_loss,
    logit_adjusted_loss,
    ohem_loss,
    softmax_asymmetric_loss,
    softmax_focal_loss,
)
from lossbook.regression import (
    huber_loss,
    log_cosh_loss,
    mae_loss,
    mse_loss,
    quantile_loss,
    rmse_loss,
    smooth_l1_loss,
)
from lossbook.segmentation import (
    combo_loss,
    dice_loss,
    focal_tversky_loss,
    jaccard_loss,
    lovasz_hinge_loss,
    lovasz_softmax_loss,
    softmax_dice_loss,
    tversky_loss,
)
from lossbook.training import Loss

__version__ = "0.1.0"

__all__ = [
    "Loss",
    "asymmetric_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "box_iou_loss",
    "chamfer_loss",
    "ciou_loss",
    "class_weights",
    "combo_loss",
    "cross_entropy",
    "dice_loss",
    "diou_loss",
    "distribution_balanced_loss",
    "emd_loss",
    "focal_loss",
    "focal_tversky_loss",
    "giou_loss",
    "hinge_loss",
    "huber_loss",
    "information",
    "jaccard_loss",
    "ldam_loss",
    "log_cosh_loss",
    "logit_adjusted_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "mae_loss",
    "mse_loss",
    "ohem_loss",
    "quantile_loss",
    "rmse_loss",
    "sinkhorn_divergence",
    "sinkhorn_loss",
    "smooth_l1_loss",
    "softmax_asymmetric_loss",
    "softmax_dice_loss",
    "softmax_focal_loss",
    "squared_hinge_loss",
    "tversky_loss",
]
