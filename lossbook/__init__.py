"""The loss functions of the textbook lossbook: stable, tested, short enough to read."""

from lossbook import information
from lossbook.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    squared_hinge_loss,
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
from lossbook.training import Loss

__version__ = "0.1.0"

__all__ = [
    "Loss",
    "asymmetric_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "class_weights",
    "cross_entropy",
    "distribution_balanced_loss",
    "focal_loss",
    "hinge_loss",
    "huber_loss",
    "information",
    "ldam_loss",
    "log_cosh_loss",
    "logit_adjusted_loss",
    "mae_loss",
    "mse_loss",
    "ohem_loss",
    "quantile_loss",
    "rmse_loss",
    "smooth_l1_loss",
    "softmax_asymmetric_loss",
    "softmax_focal_loss",
    "squared_hinge_loss",
]
