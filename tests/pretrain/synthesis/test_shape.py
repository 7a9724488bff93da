from dataclasses import replace

import numpy as np
import pytest
import torch

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape, occupancy


@pytest.mark.parametrize(("brain", "lateral"), [(1120.0, 20.0), (1000.0, 60.0), (1160.0, 6.0)])
def test_a_shape_has_the_volumes_of_its_person(anatomies, person, brain, lateral):
    shape = make_shape(
        anatomies[0], replace(person, brain_ml=brain, lateral_ml=lateral), RandomFields((1, 2))
    )
    assert shape.volume_ml(shape.brain) == pytest.approx(brain, rel=0.005)
    assert shape.volume_ml(shape.ventricles) == pytest.approx(lateral, rel=0.01)
    assert float((shape.brain + shape.ventricles).max()) <= 1


def test_occupancy_measures_a_ball_on_the_lattice():
    points = torch.stack(torch.meshgrid(*[torch.arange(-30.0, 31, 2)] * 3, indexing="ij")) + 0.7
    inside = occupancy(20 - points.square().sum(0).sqrt(), 2)
    assert float(inside.sum()) * 8 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.003)
