"""The loss functions of the textbook lossbook: stable, tested, short enough to read."""

from lossbook import information
from lossbook.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    squared_hinge_loss,
)
from lossbook.embedding import (
    angular_loss,
    arcface_loss,
    batch_all_triplet_loss,
    contrastive_loss,
    hardest_triplets,
    nt_xent_loss,
    sup_con_loss,
    triplet_loss,
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
from lossbook.ranking import (
    dpo_loss,
    list_mle_loss,
    list_net_loss,
    margin_ranking_loss,
    pairwise_logistic_loss,
    preference_loss,
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
    "angular_loss",
    "arcface_loss",
    "asymmetric_loss",
    "batch_all_triplet_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "class_weights",
    "contrastive_loss",
    "cross_entropy",
    "distribution_balanced_loss",
    "dpo_loss",
    "focal_loss",
    "hardest_triplets",
    "hinge_loss",
    "huber_loss",
    "information",
    "ldam_loss",
    "list_mle_loss",
    "list_net_loss",
    "log_cosh_loss",
    "logit_adjusted_loss",
    "mae_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nt_xent_loss",
    "ohem_loss",
    "pairwise_logistic_loss",
    "preference_loss",
    "quantile_loss",
    "rmse_loss",
    "smooth_l1_loss",
    "softmax_asymmetric_loss",
    "softmax_focal_loss",
    "squared_hinge_loss",
    "sup_con_loss",
    "triplet_loss",
]
