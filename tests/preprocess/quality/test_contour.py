import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from neurofm_bids.preprocess.quality.contour import (
    bright_rim,
    contour_gradient,
    cut_fraction,
    face_share,
    holes,
    outer_rim,
    overlap,
    pieces,
)
from tests.preprocess.quality import phantom

MASK = phantom.mask()
INSIDE = np.asarray(MASK.dataobj) > 0
SIZES = np.full(3, phantom.ZOOM)


def with_voxels(inside):
    return nib.Nifti1Image(inside.astype(np.uint8), MASK.affine)


def test_equal_masks_neither_leak_nor_miss():
    found = overlap(MASK, MASK, np.eye(4))
    assert (found.leak, found.missing, found.below_mm3) == (0, 0, 0)


@pytest.mark.parametrize("radius", [80.0, 90.0])
def test_a_large_mask_leaks(radius):
    found = overlap(phantom.mask(radius), MASK, np.eye(4))
    assert found.leak == pytest.approx(1 - (74 / radius) ** 3, abs=0.06)
    assert found.missing == 0


@pytest.mark.parametrize("radius", [60.0, 50.0])
def test_a_small_mask_misses(radius):
    found = overlap(phantom.mask(radius), MASK, np.eye(4))
    assert found.missing == pytest.approx(1 - (radius / 66) ** 3, abs=0.08)
    assert found.leak == 0


def test_the_affine_moves_the_mask():
    half = nib.affines.from_matvec(np.diag([0.5] * 3))
    assert overlap(phantom.mask(35.0), MASK, np.linalg.inv(half)).missing == pytest.approx(0, abs=0.01)
    assert overlap(MASK, MASK, half).missing > 0.7


def test_a_neck_is_measured_in_mm3():
    inside = INSIDE.copy()
    inside[36:52, 36:52, :20] = True  # 40 x 40 mm, of which 39 mm lie below the margin
    assert overlap(with_voxels(inside), MASK, np.eye(4)).below_mm3 == pytest.approx(40 * 40 * 39, rel=0.05)


def test_pieces_and_holes():
    inside = INSIDE.copy()
    inside[44, 44, 44] = False
    inside[2, 2, 2] = True
    assert (pieces(inside), holes(inside)) == (2, 1)
    assert (pieces(INSIDE), holes(INSIDE)) == (1, 0)


def test_a_cut_brain_ends_flat():
    assert cut_fraction(INSIDE) < 0.1
    values = [cut_fraction(INSIDE[:, :, :top]) for top in (70, 65, 55, 45)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1, abs=0.02)
    padded = INSIDE.copy()
    padded[:, :, 55:] = False
    assert cut_fraction(padded) == values[2]


def test_the_gradient_across_a_step():
    image = np.where(INSIDE, 800, 0).astype(np.float32)
    flat = contour_gradient(np.full_like(image, 800), INSIDE, 800.0, SIZES)
    sharp = contour_gradient(image, INSIDE, 800.0, SIZES)
    assert flat == 0
    assert 1 / (2 * phantom.ZOOM) < sharp < 3**0.5 / (2 * phantom.ZOOM)
    inner = contour_gradient(image, binary_erosion(INSIDE, iterations=4), 800.0, SIZES)
    assert inner == 0


def test_a_bright_rim():
    image = phantom.tissues().astype(np.float32)
    assert bright_rim(image, INSIDE, 850.0, SIZES) == 0
    image[(phantom.distance() > 64) & (np.arange(88) < 44)] = 900
    assert bright_rim(image, INSIDE, 850.0, SIZES) == pytest.approx(0.5, abs=0.05)


def test_a_face_is_signal_before_the_brain():
    image = np.zeros(INSIDE.shape, np.float32)
    assert face_share(image, MASK.affine, np.eye(4), 800.0) == 0
    image[:, 72:, :30] = 400
    assert face_share(image, MASK.affine, np.eye(4), 800.0) > 0.8
    assert face_share(image[:, :60], MASK.affine, np.eye(4), 800.0) is None


def test_a_small_mask_has_brain_outside():
    image = phantom.tissues().astype(np.float32)
    inside = np.asarray(phantom.mask(55.0).dataobj) > 0
    assert outer_rim(image, INSIDE, 800.0, SIZES) == pytest.approx(50 / 800)
    assert outer_rim(image, inside, 800.0, SIZES) == pytest.approx(500 / 800)
