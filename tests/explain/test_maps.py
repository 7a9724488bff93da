import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.explain.integrated_gradients import GridAttribution
from neurofm_bids.explain.maps import region_attributions, smoothed, t1w_maps
from neurofm_bids.geometry import GRID_AFFINE


def planted(voxel, start=(100, 90, 80), amount=2.0):
    values = np.zeros((40, 50, 60), np.float32)
    values[tuple(v - s for v, s in zip(voxel, start, strict=True))] = amount
    return GridAttribution("age", "Predicted age", "year", values, start, 40.0, 38.0)


def oblique(zooms=(1.0, 1.2, 0.9)):
    turn = nib.eulerangles.euler2mat(0.4, -0.3, 0.2)
    return nib.Nifti1Image(
        np.zeros((110, 100, 120), np.int16), nib.affines.from_matvec(turn * zooms, (-50, -70, -40))
    )


@pytest.mark.parametrize(
    "moved", [np.eye(4), nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0.2, 0), (3, 5, -4))]
)
def test_a_planted_amount_lands_at_its_place_of_an_oblique_t1w(moved):
    voxel, t1w = (120, 112, 105), oblique()
    maps = t1w_maps([planted(voxel)], GRID_AFFINE, t1w, moved)
    values = np.asarray(maps.dataobj)[..., 0]
    assert maps.shape == (*t1w.shape, 1)
    point = nib.affines.apply_affine(moved @ GRID_AFFINE, voxel)
    index = np.argwhere(values > 0)
    weights = values[tuple(index.T)]
    centre = nib.affines.apply_affine(t1w.affine, (index * weights[:, None]).sum(axis=0) / weights.sum())
    np.testing.assert_allclose(centre, point, atol=0.1)
    ml = abs(np.linalg.det(t1w.affine[:3, :3])) / 1000
    assert values.sum() * ml == pytest.approx(2.0, rel=0.01)


def test_smoothing_keeps_the_sum():
    one = planted((120, 112, 105))
    assert smoothed(one).sum() == pytest.approx(2000.0, rel=1e-4)
    assert smoothed(one).max() < 100


def test_maps_hold_few_digits_for_small_files():
    values = np.asarray(t1w_maps([planted((120, 112, 105))], GRID_AFFINE, oblique(), np.eye(4)).dataobj)
    assert (values.view(np.int32) & 0xFFF == 0).all()
    assert np.abs(values[values != 0]).min() >= 1e-3 * values.max() * 0.999


def test_regions_share_a_map():
    codes = np.zeros((4, 4, 4), np.uint8)
    codes[0], codes[1] = 17, 53
    values = np.zeros((4, 4, 4), np.float32)
    values[0], values[1], values[2] = 3.0, -1.0, 1.0
    found = region_attributions(values, nib.Nifti1Image(codes, np.diag([2.0, 2, 2, 1])))
    assert list(found) == ["Unknown", "Left-Hippocampus", "Right-Hippocampus"]
    assert [one.share for one in found.values()] == pytest.approx([0.2, 0.6, 0.2])
    assert [one.sum for one in found.values()] == pytest.approx([0.128, 0.384, -0.128])
    assert [one.per_ml for one in found.values()] == pytest.approx([0.5, 3.0, -1.0])


def test_an_empty_map_has_no_shares():
    found = region_attributions(
        np.zeros((2, 2, 2), np.float32), nib.Nifti1Image(np.ones((2, 2, 2)), np.eye(4))
    )
    assert all(one.share == 0 for one in found.values())
