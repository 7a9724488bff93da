import math
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.preprocess.quality.flag_values import flag_values
from neurofm_bids.preprocess.quality.scan import Scan
from tests.preprocess.quality import phantom

INSIDE = np.asarray(phantom.mask().dataobj) > 0


def scan(data):
    image = nib.Nifti1Image(data.astype(np.float32), phantom.mask().affine)
    return Scan(image, image, phantom.mask(), phantom.registration(), phantom.mask())


@pytest.mark.parametrize(("space", "degrees"), [("rigid", 0.0), ("native", 10.0)])
def test_only_a_rotation_that_the_network_sees_counts(space, degrees):
    assert flag_values(scan(phantom.head()), space)["encoded_rotation"] == degrees


def test_values_of_known_intensities():
    data = np.where(INSIDE, 100.0, 20.0)
    data[44, 44, 44] = 700
    values = flag_values(scan(data), "rigid")
    assert values["peak_ratio"] == pytest.approx(7)
    assert values["background"] == pytest.approx(0.2)
    assert values["mask_volume_ml"] == pytest.approx(INSIDE.sum() * phantom.ZOOM**3 / 1000)


def test_a_blank_brain_has_no_ratios():
    values = flag_values(scan(np.where(INSIDE, 0, 5)), "rigid")
    assert math.isnan(values["peak_ratio"])
    assert math.isnan(values["background"])


def test_the_forms_of_the_header_are_compared():
    made = scan(phantom.head())
    image = nib.Nifti1Image(np.asarray(made.t1w.dataobj), made.t1w.affine)
    image.set_sform(image.affine, 1)
    image.set_qform(np.diag([1, 1, 1.1, 1]) @ image.affine, 1)
    values = flag_values(replace(made, t1w=image), "rigid")
    assert values["orientations"] == 2
    assert values["size_difference"] == pytest.approx(0.1, abs=1e-5)
    assert values["qform_sizes"] == "2.5 x 2.5 x 2.75 mm"
    assert values["axis_angle"] == pytest.approx(0, abs=1e-3)
