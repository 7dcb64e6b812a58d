"""The losses for embeddings, for the table of transforms."""

import torch
from rows import Row

import lossbook


def rows(n, count=1):
    """Return ``count`` tensors of n embeddings."""
    return tuple(torch.randn(count, n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(count)))


def pairs(n):
    return *rows(n, 2), torch.arange(n) % 2


def triplets(n):
    return rows(n, 3)


def labelled(n):
    return *rows(n), torch.arange(n) % 7 // 3


def partners(n):
    return rows(n, 2)


def cosines(n):
    return rows(n)[0].sin(), torch.arange(n) % 3


ONE_BATCH = {"examples": False}  # every example is compared with all the others
ROWS = [
    Row("contrastive", lossbook.contrastive_loss, pairs, {"margin": 2.0}, (0, 1)),
    Row("triplet", lossbook.triplet_loss, triplets, {"swap": True}, (0, 1, 2)),
    Row("triplet soft, p 3", lossbook.triplet_loss, triplets, {"soft": True, "p": 3.0}, (0, 1, 2)),
    Row("batch all", lossbook.batch_all_triplet_loss, labelled, **ONE_BATCH),
    Row("angular", lossbook.angular_loss, labelled, **ONE_BATCH),
    Row("angular 80", lossbook.angular_loss, labelled, {"angle": 80.0}, **ONE_BATCH),
    Row("NT-Xent", lossbook.nt_xent_loss, partners, {"temperature": 0.5}, (0, 1), **ONE_BATCH),
    Row("SupCon", lossbook.sup_con_loss, labelled, {"temperature": 0.5}, **ONE_BATCH),
    Row("ArcFace", lossbook.arcface_loss, cosines, {"scale": 4.0}),
]
