"""Metrics of images that are hardly images, and of one image in other units."""

import math
import warnings

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.preprocess.iqm import METRIC_NAMES, measure_quality
from tests.preprocess.quality import phantom

HEAD = phantom.head()
MASK = phantom.mask()
INSIDE = np.asarray(MASK.dataobj) > 0
FIELD = np.exp(np.linspace(-0.2, 0.2, HEAD.shape[0], dtype=np.float32))[:, None, None]


def quality(data, corrected=None, inside=INSIDE, affine=MASK.affine):
    """Return the quality of an image; warnings of a division or a mean of nothing are errors."""
    arrays = [np.asarray(a, np.float32) for a in (data, data if corrected is None else corrected)]
    images = [nib.Nifti1Image(array, affine) for array in arrays]
    mask = nib.Nifti1Image(inside.astype(np.uint8), affine)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return measure_quality(*images, mask, phantom.registration(), template_mask=MASK)


def nearly_blank():
    data = np.zeros_like(HEAD)
    data[40:44, 40:44, 40:44] = 500
    return data


def voxel(*place):
    inside = np.zeros_like(INSIDE)
    inside[place] = True
    return inside


def cropped(*slices):
    return {"data": HEAD[slices], "corrected": (HEAD / FIELD)[slices], "inside": INSIDE[slices]}


DEGENERATE = {
    "blank": {"data": np.zeros_like(HEAD)},
    "nearly blank": {"data": nearly_blank(), "corrected": nearly_blank() / 2},
    "constant": {"data": np.full_like(HEAD, 7)},
    "constant brain in blank air": {"data": 7 * INSIDE},
    "blank brain": {"data": np.where(INSIDE, 0, HEAD)},
    "two intensities": {"data": np.where(phantom.distance() < 48, 800, 100 * INSIDE)},
    "negative": {"data": HEAD - 2000},
    "blank after correction": {"data": HEAD, "corrected": np.zeros_like(HEAD)},
    "negative after correction": {"data": HEAD, "corrected": -HEAD},
    "blank before correction": {"data": np.zeros_like(HEAD), "corrected": HEAD},
    "one bright voxel": {"data": np.where(voxel(44, 44, 44), 1e9, HEAD)},
    "noise": {"data": np.random.default_rng(0).normal(0, 1, HEAD.shape)},
    "one sagittal slice": cropped(slice(44, 45), slice(None), slice(None)),
    "one coronal slice": cropped(slice(None), slice(44, 45), slice(None)),
    "one axial slice": cropped(slice(None), slice(None), slice(44, 45)),
    "two slices": cropped(slice(None), slice(None), slice(44, 46)),
    "one line": cropped(slice(44, 45), slice(44, 45), slice(None)),
    "one voxel": cropped(slice(44, 45), slice(44, 45), slice(44, 45)),
    "a brain of one voxel": {"data": HEAD, "inside": voxel(44, 44, 44)},
    "a brain of one voxel off the lattice": {"data": HEAD, "inside": voxel(43, 43, 43)},
    "a brain that fills the image": {"data": HEAD, "inside": np.ones_like(INSIDE)},
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_every_metric_of_any_image_is_a_number_or_has_a_reason(name):
    found = quality(**DEGENERATE[name])
    assert tuple(found.metrics) == METRIC_NAMES
    assert all(value is None or math.isfinite(value) for value in found.metrics.values())
    assert {key for key, value in found.metrics.items() if value is None} == found.not_measured.keys()
    assert all(found.not_measured.values())


@pytest.mark.parametrize(
    ("name", "metric", "reason"),
    [
        ("nearly blank", "noise", "the median intensity of the brightest third of the brain is not above 0"),
        (
            "negative after correction",
            "inu_range",
            "no intensity of the brain is above 0 after bias correction",
        ),
        ("one axial slice", "ringing", "the box around the brain has fewer than 13 voxels along an axis"),
        ("one axial slice", "fwhm_anisotropy", "the smoothness along one or more axes could not be measured"),
        ("blank before correction", "entropy_focus", "the brain is blank before bias correction"),
        (
            "a brain of one voxel off the lattice",
            "core_rim_ratio",
            "no voxel of the brain lies on the lattice of every second voxel",
        ),
    ],
)
def test_reasons_say_what_is_missing(name, metric, reason):
    assert quality(**DEGENERATE[name]).not_measured[metric] == reason


@pytest.mark.parametrize("axis", range(3))
def test_anisotropy_is_unknown_whichever_width_is(axis):
    place = np.arange(HEAD.shape[axis]).reshape([-1 if axis == i else 1 for i in range(3)])
    found = quality(phantom.head(noise=60.0) + 4000 * (place % 2))
    assert found.metrics[f"fwhm_{'xyz'[axis]}_mm"] is None
    assert sum(found.metrics[f"fwhm_{name}_mm"] is None for name in "xyz") == 1
    assert {"fwhm_mean_mm", "fwhm_anisotropy"} <= found.not_measured.keys()


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_no_metric_depends_on_the_unit_of_the_intensities(unit):
    images = (HEAD * FIELD, HEAD), (unit * HEAD * FIELD, unit * HEAD)
    usual, scaled = (quality(*pair) for pair in images)
    assert not usual.not_measured
    assert scaled.metrics == pytest.approx(usual.metrics, rel=1e-4)
    for name in ("peak_ratio", "background"):
        assert scaled.values[name] == pytest.approx(usual.values[name], rel=1e-4)
