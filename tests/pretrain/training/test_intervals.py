import numpy as np
import pytest
import torch

from neurofm_bids.anatomy.network import CLASSES
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.training.intervals import interval_factors

NAMES = [region.name for region in REGIONS]


def brain(side):
    """Return a box of 8^3 voxels, half hippocampus, and its volumes, if a part of it is left."""
    volumes = np.zeros(len(REGIONS) + 1)
    volumes[NAMES.index("left_hippocampus")] = side * 256 * 8
    volumes[NAMES.index("right_hippocampus")] = (1 - side) * 256 * 8
    return torch.ones(8, 8, 8), volumes


class Fixed(torch.nn.Module):
    """A network that gives the same fractions and side, whatever it sees."""

    def forward(self, image):
        logits = torch.full((1, len(CLASSES) + 1, *image.shape[2:]), -60.0)
        logits[:, [CLASSES.index("hippocampus"), CLASSES.index("csf")]] = 0.0
        logits[:, -1] = 0.0
        return [logits]


def test_the_factor_is_the_error_over_the_doubt():
    factors = interval_factors(Fixed(), [brain(0.5)] * 30)
    assert factors["left_hippocampus"] == pytest.approx(0, abs=1e-6)
    factors = interval_factors(Fixed(), [brain(0.25)] * 30)
    doubt = 1 - 0.25  # half of a half
    assert factors["left_hippocampus"] == pytest.approx(np.log(2) / doubt)
    assert factors["right_hippocampus"] == pytest.approx(np.log(1.5) / doubt)
