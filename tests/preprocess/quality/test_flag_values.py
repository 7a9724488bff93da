import math
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neurofm_bids.preprocess.quality.flag_values import flag_values
from neurofm_bids.preprocess.quality.scan import Scan
from tests.preprocess.quality import phantom

INSIDE = np.asarray(phantom.mask().dataobj) > 0


def scan(data):
    image = nib.Nifti1Image(data.astype(np.float32), phantom.mask().affine)
    return Scan(image, image, phantom.mask(), phantom.registration(), phantom.mask())


def test_the_smoothness_that_counts_is_that_of_the_smoothest_axis():
    head = phantom.head()
    blurred = ndimage.gaussian_filter1d(head, 3, axis=1)
    before, after = (flag_values(scan(data))["fwhm_largest_mm"] for data in (head, blurred))
    assert before == max(scan(head).fwhm)
    assert after == scan(blurred).fwhm[1] > 1.5 * before


def test_values_of_known_intensities():
    data = np.where(INSIDE, 100.0, 20.0)
    data[44, 44, 44] = 700
    values = flag_values(scan(data))
    assert values["peak_ratio"] == pytest.approx(7)
    assert values["background"] == pytest.approx(0.2)
    assert values["mask_volume_ml"] == pytest.approx(INSIDE.sum() * phantom.ZOOM**3 / 1000)


def test_a_blank_brain_has_no_ratios():
    values = flag_values(scan(np.where(INSIDE, 0, 5)))
    assert math.isnan(values["peak_ratio"])
    assert math.isnan(values["background"])


def test_the_forms_of_the_header_are_compared():
    made = scan(phantom.head())
    image = nib.Nifti1Image(np.asarray(made.t1w.dataobj), made.t1w.affine)
    image.set_sform(image.affine, 1)
    image.set_qform(np.diag([1, 1, 1.1, 1]) @ image.affine, 1)
    values = flag_values(replace(made, t1w=image))
    assert values["orientations"] == 2
    assert values["size_difference"] == pytest.approx(0.1, abs=1e-5)
    assert values["qform_sizes"] == "2.5 x 2.5 x 2.75 mm"
    assert values["axis_angle"] == pytest.approx(0, abs=1e-3)
