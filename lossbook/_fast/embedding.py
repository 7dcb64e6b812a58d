"""All distances and all products within a batch: in memory that grows with N² and not with N²D."""

import torch
from torch import Tensor

from lossbook._fast import without_autocast


def distances(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances of all rows of z, and what their derivative needs."""
    found = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")
    return found, z, found


def distances_backward(grad: Tensor, z: Tensor, found: Tensor) -> Tensor:
    """Return the sum over j of (grad_ij + grad_ji) (z_i - z_j) / d_ij, 0 where d_ij is."""
    slope: Tensor = torch.ops.aten._cdist_backward(grad + grad.T, z, z, 2.0, found)
    return slope


def products(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return z z^T, and what its derivative needs."""
    with without_autocast(z):
        return z @ z.T, z


def products_backward(grad: Tensor, z: Tensor) -> Tensor:
    """Return (grad + grad^T) z, in two products: to transpose a matrix takes longer than to multiply by it."""
    with without_autocast(z):
        return grad @ z + grad.T @ z
