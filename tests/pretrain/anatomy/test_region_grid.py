import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from neurofm_bids.pretrain.anatomy.region_grid import SHELL, SPACING_MM, region_grid

SIZE = (20, 24, 28)


@pytest.fixture(scope="module")
def regions():
    """Four blocks of regions in a larger cavity."""
    regions = np.zeros(SIZE, dtype=np.uint8)
    regions[3:10, 3:20, 5:15], regions[10:17, 3:20, 5:15] = 1, 2
    regions[3:10, 3:20, 15:24], regions[10:17, 3:20, 15:24] = 36, 42
    return regions


@pytest.fixture(scope="module")
def cranium():
    cranium = np.zeros(SIZE, dtype=bool)
    cranium[1:19, 1:23, 2:27] = True
    return cranium


@pytest.fixture(scope="module")
def grid(regions, cranium):
    return region_grid(regions, cranium)


def test_volumes_are_those_of_the_map(grid, regions, cranium):
    counts = [np.count_nonzero(regions == number) for number in range(1, SHELL + 1)]
    shell = np.count_nonzero(cranium & (regions == 0))
    assert grid.volumes_ml == pytest.approx(np.array([*counts, shell]) / 1000, rel=1e-6)


def test_fractions_are_means_over_cells(grid, regions, cranium):
    assert grid.fractions.shape == (SHELL + 1, *(n // SPACING_MM for n in SIZE))
    cell = (slice(0, 4), slice(0, 4), slice(4, 8))
    assert grid.fractions[0, 0, 0, 1] == (regions[cell] == 1).mean() == 3 / 64
    assert np.array_equal(grid.fractions.sum(axis=0)[1:-1, 1:-1, 1:-1], np.ones((3, 4, 5)))
    assert grid.fractions.sum() * SPACING_MM**3 == np.count_nonzero(cranium)


@pytest.mark.parametrize("number", [1, 36, SHELL + 1])
def test_weights_sum_what_interpolation_reads(grid, regions, cranium, number):
    field = np.random.default_rng(0).random(grid.weights.shape[1:])
    places = (np.indices(SIZE) - (SPACING_MM - 1) / 2) / SPACING_MM
    voxels = map_coordinates(field, places, order=1, mode="nearest")
    inside = cranium & (regions == 0) if number == SHELL + 1 else regions == number
    assert (grid.weights[number - 1] * field).sum() == pytest.approx(voxels[inside].sum(), rel=1e-5)


def test_the_inverse_finds_the_density_of_each_region(grid):
    wanted = np.zeros(SHELL + 1)
    wanted[[0, 1, 35, 41, SHELL]] = 0.3, -0.2, 0.1, 0.4, -0.1
    density = np.tensordot(wanted, grid.fractions, 1)
    present = grid.volumes_ml > 0
    means = (grid.weights * density).sum(axis=(1, 2, 3)) / np.maximum(1000 * grid.volumes_ml, 1)
    assert abs(means - wanted)[present].max() > 0.05  # cells at borders mix regions
    assert grid.inverse @ means == pytest.approx(wanted, abs=0.03)
