import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.preprocess.quality.scan import Scan
from tests.preprocess.quality import phantom


def scan(data, corrected=None):
    mask = phantom.mask()
    images = [
        nib.Nifti1Image(d.astype(np.float32), mask.affine)
        for d in (data, data if corrected is None else corrected)
    ]
    return Scan(images[0], images[1], mask, phantom.registration(), mask)


def test_the_brain_lies_in_its_box():
    found = scan(phantom.head())
    assert found.brain.sum() == found.inside.sum()
    assert found.brain.shape == (63, 63, 63)
    assert found.values.size == found.uncorrected.size == found.brain.sum()
    assert found.white == pytest.approx(800, abs=3)
    assert found.air_sd > 0


def test_the_bias_field():
    head = phantom.head()
    assert np.median(scan(head, head / 2).bias_field) == pytest.approx(2)
    with pytest.raises(NotMeasuredError, match="the bias was not corrected"):
        _ = scan(head).bias_field


def test_what_cannot_be_measured_says_why():
    stripped = np.where(phantom.distance() < 70, phantom.head(), 0)
    found = scan(stripped)
    with pytest.raises(NotMeasuredError, match="the background is blank"):
        _ = found.air
    assert found.air_sd == 0
    with pytest.raises(NotMeasuredError, match="do not form three classes"):
        scan(np.full_like(stripped, 5)).tissue("wm")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.zeros_like(phantom.head()), "the brightest third of the brain is not above 0"),
        (phantom.head() - 2000, "white matter is not above 0"),
    ],
)
def test_a_dark_brain_has_no_white_matter_to_compare_with(data, reason):
    with pytest.raises(NotMeasuredError, match=reason):
        _ = scan(data).white
    with pytest.raises(NotMeasuredError, match="no intensity of the brain is above 0 after bias correction"):
        _ = scan(phantom.head(), np.minimum(data, 0)).bias_field
