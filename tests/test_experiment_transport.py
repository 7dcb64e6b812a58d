"""What the experiment on clouds computes for all pairs at once is what the package computes for one."""

import sys
from pathlib import Path

import pytest
import torch

import lossbook
from lossbook.data import digits_split

sys.path.insert(0, str(Path(lossbook.__file__).parents[1] / "bench"))
from experiments import transport


@pytest.mark.parametrize(("reg", "off"), [(0.25, 0.06), (1.0, 0.02), (4.0, 0.002)])
def test_entropic_costs_between_images_are_the_sinkhorn_loss(reg, off):
    images = transport.canvas(digits_split().x_train[:4], 0, 2)
    place = torch.cartesian_prod(*[torch.arange(12.0, dtype=torch.float64)] * 2)
    cost = torch.cdist(place, place).square()
    wanted = [[lossbook.sinkhorn_loss(x, y, reg=reg, cost=cost) for y in images[2:].flatten(1)]
              for x in images[:2].flatten(1)]
    torch.testing.assert_close(transport.entropic_costs(images[:2], images[2:], reg), torch.tensor(wanted).double(),
                               rtol=off, atol=0)


def test_centred_images_have_their_centre_of_mass_in_the_middle():
    images = transport.centred(transport.canvas(digits_split().x_train[:20], 0, 2))
    place = torch.arange(12.0, dtype=torch.float64) - 5.5
    for axis in (1, 2):
        assert (images.sum(axis) @ place).abs().max() <= 0.5 + 1e-9
