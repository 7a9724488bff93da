import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.explain.deposit import deposit
from neurofm_bids.geometry import PHASES
from neurofm_bids.model.augmentation import lattices, read_volume, view_transform
from tests.model.volumes import volume


@pytest.mark.parametrize("view", range(8))
def test_every_second_voxel_gets_its_own_amount(view):
    values = np.random.default_rng(view).normal(size=(2, 3, 4, 5))
    total = np.zeros((2, 10, 12, 14))
    given = read_volume(volume())
    deposit(values, (4, 5, 6), view_transform(given, view), total, np.array([7, 9, 11]))
    lattice = tuple(
        slice(2 * s + p - c, None, 2) for s, p, c in zip((4, 5, 6), PHASES[view], (7, 9, 11), strict=True)
    )
    placed = total[(slice(None), *lattice)][:, :3, :4, :5]
    np.testing.assert_allclose(placed, values)
    assert np.count_nonzero(total) == values.size


def test_sums_and_places_are_preserved_where_the_lattice_is_turned():
    turn = nib.eulerangles.euler2mat(0.3, 0.2, 0.1)
    matrix = nib.affines.from_matvec(2 * turn, (6.3, 7.1, 8.2))
    values = np.zeros((1, 6, 6, 6))
    values[0, 2, 3, 4] = 5.0
    total, corner = np.zeros((1, 40, 40, 40)), np.array([-3, -2, -1])
    deposit(values, (1, 1, 1), matrix, total, corner)
    assert total.sum() == pytest.approx(5.0)
    centre = (np.indices(total.shape[1:]) * total[0]).sum(axis=(1, 2, 3)) / 5.0 + corner
    np.testing.assert_allclose(centre, nib.affines.apply_affine(matrix, (3, 4, 5)))


@pytest.mark.parametrize("view", [0, 1, 9, 12])
def test_what_a_view_reads_goes_back_to_where_it_was(view):
    """A bright ball is found at its own place by way of any view, turned ones too."""
    data = volume(start=(90, 80, 70), shape=(60, 70, 80)) * 0 + 0
    data[90:150, 80:150, 70:150] = 1.0
    grid = np.indices(data.shape)
    ball = np.linalg.norm(grid - np.array([110, 120, 95])[:, None, None, None], axis=0) < 6
    data[ball] = 2.0
    given = read_volume(data)
    boxes, start = lattices(given, 13)
    bright = boxes[view] > given.standardise(np.array([1.5], np.float32))[0]
    total = np.zeros((1, 256, 256, 256))
    deposit(bright[None].astype(float), start, view_transform(given, view), total, np.zeros(3, int))
    centre = (grid * total[0]).sum(axis=(1, 2, 3)) / total.sum()
    np.testing.assert_allclose(centre, (110, 120, 95), atol=0.4)
