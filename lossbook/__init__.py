"""The loss functions of the textbook lossbook: stable, tested, short enough to read."""

from lossbook import information
from lossbook.imbalance import class_weights, focal_loss, softmax_focal_loss

__version__ = "0.1.0"

__all__ = ["class_weights", "focal_loss", "information", "softmax_focal_loss"]
