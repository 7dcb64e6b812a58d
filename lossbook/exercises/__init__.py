"""Judges for the exercises that ask for code: each calls the reader's function and says what is right or wrong.

A judge has the name of its exercise. It returns one sentence: which properties hold, or which one fails first and for
which input. It needs nothing but ``lossbook``, so it works in a notebook of one's own, too.
"""

from lossbook.exercises.binary import undo_weight, weighted_bce
from lossbook.exercises.boxes import turned_boxes, write_giou
from lossbook.exercises.crossentropyloss import mean_cross_entropy
from lossbook.exercises.ctc import best_alignment, ctc
from lossbook.exercises.denoising import denoising_step, min_snr
from lossbook.exercises.divergence import kl_of_logs
from lossbook.exercises.embedding import cosface, nt_xent
from lossbook.exercises.entropy import entropy_in_bits
from lossbook.exercises.generative import free_bits, relativistic
from lossbook.exercises.losses import many_lines
from lossbook.exercises.metrics import soft_f1
from lossbook.exercises.ranking import ipo_loss, rank_net_with_ties
from lossbook.exercises.regression import pseudo_huber
from lossbook.exercises.reinforcement import gae, td_loss
from lossbook.exercises.scale import chunked_loss, mean_over_tokens
from lossbook.exercises.segmentation import batch_dice, boundary
from lossbook.exercises.softmax import softmax_cross_entropy
from lossbook.exercises.transport import earth_on_a_line, hausdorff

__all__ = [
    "batch_dice",
    "best_alignment",
    "boundary",
    "chunked_loss",
    "cosface",
    "ctc",
    "denoising_step",
    "earth_on_a_line",
    "entropy_in_bits",
    "free_bits",
    "gae",
    "hausdorff",
    "ipo_loss",
    "kl_of_logs",
    "many_lines",
    "mean_cross_entropy",
    "mean_over_tokens",
    "min_snr",
    "nt_xent",
    "pseudo_huber",
    "rank_net_with_ties",
    "relativistic",
    "soft_f1",
    "softmax_cross_entropy",
    "td_loss",
    "turned_boxes",
    "undo_weight",
    "weighted_bce",
    "write_giou",
]
