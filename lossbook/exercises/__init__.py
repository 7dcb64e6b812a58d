"""Judges for the exercises that ask for code: each calls the reader's function and says what is right or wrong.

A judge has the name of its exercise. It returns one sentence: which properties hold, or which one fails first and for
which input. It needs nothing but ``lossbook``, so it works in a notebook of one's own, too.
"""

from lossbook.exercises.boxes import turned_boxes, write_giou
from lossbook.exercises.ctc import best_alignment, ctc
from lossbook.exercises.denoising import denoising_step, min_snr
from lossbook.exercises.embedding import cosface, nt_xent
from lossbook.exercises.generative import free_bits, relativistic
from lossbook.exercises.ranking import ipo_loss, rank_net_with_ties
from lossbook.exercises.reinforcement import gae, td_loss
from lossbook.exercises.scale import chunked_loss, mean_over_tokens
from lossbook.exercises.segmentation import batch_dice, boundary
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
    "free_bits",
    "gae",
    "hausdorff",
    "ipo_loss",
    "mean_over_tokens",
    "min_snr",
    "nt_xent",
    "rank_net_with_ties",
    "relativistic",
    "td_loss",
    "turned_boxes",
    "write_giou",
]
