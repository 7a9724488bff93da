from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK
from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.derived import brain_mask, corrected_t1w
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.records.scan import Identity


def task(*derived, **settings):
    return Task("x", Identity(), {}, Processing(**settings), "", derived=derived)


def test_the_own_mask_is_used_without_another(brain_image):
    t1w = load_t1w(brain_image)
    mask, measured = brain_mask(task(), t1w)
    given = DerivedFile(MASK.use, mask, tool="X 1")
    again, theirs = brain_mask(task(given, skull_strip="derivatives"), t1w)
    assert (measured.method, theirs.method) == ("none", "derivatives")
    assert np.array_equal(mask.dataobj, again.dataobj)
    assert theirs == replace(measured, method="derivatives", version="X 1")


def test_a_correction_is_that_of_the_derivative(brain_image, tmp_path):
    t1w = load_t1w(brain_image)
    mask, _ = brain_mask(task(), t1w)
    own, measured = corrected_t1w(task(), t1w, mask)
    nib.save(own, tmp_path / "preproc.nii.gz")
    given = DerivedFile(BIAS_CORRECTED.use, tmp_path / "preproc.nii.gz")
    made, theirs = corrected_t1w(task(given, bias_correction="derivatives"), t1w, mask)
    inside = np.asarray(mask.dataobj) > 0
    np.testing.assert_allclose(
        np.asarray(made.dataobj)[inside], np.asarray(own.dataobj)[inside], rtol=0.02, atol=1
    )
    assert theirs.field_variation == pytest.approx(measured.field_variation, rel=0.05)


@pytest.mark.parametrize(
    ("setting", "step"), [("skull_strip", brain_mask), ("bias_correction", corrected_t1w)]
)
def test_an_image_that_is_asked_for_and_not_given_is_an_error(setting, step, brain_image):
    images = [load_t1w(brain_image)] * (1 if step is brain_mask else 2)
    with pytest.raises(NeuroFMError, match="no image of another program is given"):
        step(task(**{setting: "derivatives"}), *images)
