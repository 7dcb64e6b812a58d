"""Judges for the exercises that ask for code: each calls the reader's function and says what is right or wrong.

A judge has the name of its exercise. It returns one sentence: which properties hold, or which one fails first and for
which input. It needs nothing but ``lossbook``, so it works in a notebook of one's own, too.
"""

from lossbook.exercises.asymmetric import asymmetric, next_gamma
from lossbook.exercises.bakeoff import logit_adjusted
from lossbook.exercises.binary import undo_weight, weighted_bce
from lossbook.exercises.boxes import turned_boxes, write_giou
from lossbook.exercises.breaks import adjust
from lossbook.exercises.crossentropyloss import mean_cross_entropy
from lossbook.exercises.ctc import best_alignment, ctc
from lossbook.exercises.denoising import denoising_step, min_snr
from lossbook.exercises.divergence import kl_of_logs
from lossbook.exercises.embedding import cosface, nt_xent
from lossbook.exercises.entropy import entropy_in_bits
from lossbook.exercises.focal import class_balanced_focal, focal
from lossbook.exercises.generative import free_bits, relativistic
from lossbook.exercises.losses import many_lines
from lossbook.exercises.metrics import soft_f1
from lossbook.exercises.ranking import ipo_loss, rank_net_with_ties
from lossbook.exercises.regression import pseudo_huber
from lossbook.exercises.reinforcement import gae, td_loss
from lossbook.exercises.resampling import sampling_weights
from lossbook.exercises.scale import chunked_loss, mean_over_tokens
from lossbook.exercises.segmentation import batch_dice, boundary
from lossbook.exercises.softmax import softmax_cross_entropy
from lossbook.exercises.transport import earth_on_a_line, hausdorff
from lossbook.exercises.weighting import class_weights

__all__ = [
    "adjust",
    "asymmetric",
    "batch_dice",
    "best_alignment",
    "boundary",
    "chunked_loss",
    "class_balanced_focal",
    "class_weights",
    "cosface",
    "ctc",
    "denoising_step",
    "earth_on_a_line",
    "entropy_in_bits",
    "focal",
    "free_bits",
    "gae",
    "hausdorff",
    "ipo_loss",
    "kl_of_logs",
    "logit_adjusted",
    "many_lines",
    "mean_cross_entropy",
    "mean_over_tokens",
    "min_snr",
    "next_gamma",
    "nt_xent",
    "pseudo_huber",
    "rank_net_with_ties",
    "relativistic",
    "sampling_weights",
    "soft_f1",
    "softmax_cross_entropy",
    "td_loss",
    "turned_boxes",
    "undo_weight",
    "weighted_bce",
    "write_giou",
]
