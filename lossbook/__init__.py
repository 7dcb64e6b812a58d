"""The loss functions of the textbook lossbook: stable, tested, short enough to read."""

from lossbook import information
from lossbook.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    squared_hinge_loss,
)
from lossbook.generative import (
    denoising_loss,
    flow_matching_loss,
    gaussian_kl_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_generator_loss,
    negative_elbo,
    non_saturating_discriminator_loss,
    non_saturating_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
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
from lossbook.reinforcement import (
    entropy_bonus,
    policy_gradient_loss,
    ppo_loss,
    q_learning_error,
    td_error,
)
from lossbook.scale import linear_cross_entropy, z_loss
from lossbook.sequence import ctc_loss
from lossbook.training import Loss

__version__ = "0.1.0"

__all__ = [
    "Loss",
    "asymmetric_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "class_weights",
    "cross_entropy",
    "ctc_loss",
    "denoising_loss",
    "distribution_balanced_loss",
    "entropy_bonus",
    "flow_matching_loss",
    "focal_loss",
    "gaussian_kl_loss",
    "gradient_penalty",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "hinge_loss",
    "huber_loss",
    "information",
    "ldam_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "linear_cross_entropy",
    "log_cosh_loss",
    "logit_adjusted_loss",
    "mae_loss",
    "minimax_generator_loss",
    "mse_loss",
    "negative_elbo",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "ohem_loss",
    "policy_gradient_loss",
    "ppo_loss",
    "q_learning_error",
    "quantile_loss",
    "rmse_loss",
    "smooth_l1_loss",
    "softmax_asymmetric_loss",
    "softmax_focal_loss",
    "squared_hinge_loss",
    "td_error",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
    "z_loss",
]
