import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.preprocess.quality.sharpness import fwhm, noise, ringing, slice_jump
from tests.preprocess.quality import phantom

INSIDE = np.asarray(phantom.mask().dataobj) > 0
WHITE = np.random.default_rng(0).normal(0, 1, INSIDE.shape).astype(np.float32)
SIZES = np.array([1.0, 1.0, 2.0])


@pytest.mark.parametrize("voxels", [1.5, 2.5, 4.0])
def test_smoothed_noise_has_the_width_of_its_kernel(voxels):
    smooth = gaussian_filter(WHITE, voxels / 2.3548)
    x, y, z = fwhm(smooth, INSIDE, SIZES)
    assert (x, y, z / 2) == pytest.approx((voxels,) * 3, rel=0.07)


def test_width_along_one_axis():
    smooth = gaussian_filter(WHITE, (0, 3 / 2.3548, 0))
    x, y, _ = fwhm(smooth, INSIDE, SIZES)
    assert y == pytest.approx(3, rel=0.05)
    assert math.isnan(x) or x < 0.7
    assert all(math.isnan(width) for width in fwhm(np.ones_like(WHITE), INSIDE, SIZES))


@pytest.mark.parametrize("sd", [5.0, 20.0, 80.0])
def test_noise_is_measured_beside_anatomy(sd):
    assert noise(800 + sd * WHITE, INSIDE) == pytest.approx(sd, rel=0.02)
    image = phantom.tissues().astype(np.float32) + sd * WHITE
    assert sd < noise(image, INSIDE) < 1.2 * sd  # a quarter of the blocks hold an edge
    assert math.isnan(noise(image, INSIDE & False))


def test_a_ripple_is_a_peak():
    image = phantom.tissues().astype(np.float32) + 20 * WHITE
    place = np.arange(INSIDE.shape[1])[:, None]
    values = [
        ringing(image + a * np.cos(2 * np.pi * 0.3 * place).astype(np.float32), INSIDE) for a in (0, 10, 40)
    ]
    assert values[0] < 0.2
    assert values[0] < values[1] < values[2]
    assert values[2] > 1
    assert math.isnan(ringing(image, INSIDE & False))
    with pytest.raises(NotMeasuredError, match="fewer than 13 voxels along an axis"):
        ringing(image[:, :, 30:42], INSIDE[:, :, 30:42])


@pytest.mark.parametrize(("left", "jump"), [(1.0, 0.0), (0.7, 0.3), (0.0, 1.0)])
def test_a_darker_slice_jumps(left, jump):
    image = np.full(INSIDE.shape, 500, np.float32)
    image[:, :, 44] *= left
    assert slice_jump(image, INSIDE) == pytest.approx(max(jump, 0.0), abs=0.02)


def test_slices_without_neighbours_or_without_signal_do_not_jump():
    image = np.full(INSIDE.shape, 500, np.float32)
    assert math.isnan(slice_jump(-image, INSIDE))
    assert math.isnan(slice_jump(image[:2, :2, :2], np.ones((2, 2, 2), bool)))
