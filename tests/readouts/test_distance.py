"""How far features are from those of a training."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.distance import distances
from neurofm_bids.readouts.readout import Cloud
from tests.readouts.made import CLOUD


@pytest.mark.parametrize(
    ("row", "expected"),
    [((0.0, 0.0), 0.0), ((2.0, 0.0), 1.0), ((0.0, 2.0), 1.0), ((-4.0, 6.0), np.sqrt(4 + 9))],
)
def test_distances_are_in_standard_deviations(row, expected):
    assert distances(CLOUD, [row])[0] == pytest.approx(expected)


def test_without_other_directions_only_the_components_count():
    assert distances(replace(CLOUD, residual_variance=0.0), [(2.0, 5.0)])[0] == pytest.approx(1.0)


def test_with_all_components_it_is_the_distance_of_mahalanobis():
    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 3)) @ random.normal(size=(3, 3)) + 5
    mean, sd = rows.mean(axis=0), rows.std(axis=0)
    variances, directions = np.linalg.eigh(np.cov((rows - mean) / sd, rowvar=False))
    cloud = Cloud(
        tuple(mean), tuple(sd), tuple(map(tuple, directions.T)), tuple(variances), 0.0, CLOUD.distances
    )
    inverse = np.linalg.inv(np.cov(rows, rowvar=False))
    expected = [np.sqrt((row - mean) @ inverse @ (row - mean)) for row in rows]
    np.testing.assert_allclose(distances(cloud, rows), expected)
