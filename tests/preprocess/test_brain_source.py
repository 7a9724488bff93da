import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.brain_source import check_sequence, named_errors, read_brain
from tests.conftest import TEMPLATE_BRAIN


def test_a_path_and_its_image_give_the_volume_of_the_model_grid():
    volume = read_brain(TEMPLATE_BRAIN)
    assert volume.shape == (256, 256, 256)
    assert np.array_equal(read_brain(nib.load(TEMPLATE_BRAIN)), volume)
    assert read_brain(volume) is volume


@pytest.mark.parametrize(
    "single", ["brain.nii", np.zeros((2, 2, 2)), nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4))]
)
def test_one_brain_is_no_sequence(single):
    check_sequence([single])
    with pytest.raises(NeuroFMError, match=r"a sequence of brains\. Use a list") as error:
        check_sequence(single)
    assert error.value.code is Exit.USAGE


def test_errors_name_the_brain_and_are_raised_or_returned():
    other, nameless = ValueError("x"), NeuroFMError("too small", fix="Scan again.", code=Exit.DATA)
    placed = NeuroFMError("file not found", where="a.nii")
    results = [1, nameless, placed, other]
    first, named, *rest = named_errors(results, "return")
    assert (first, rest) == (1, [placed, other])
    assert (named.where, named.what, named.fix, named.code) == (
        "brain 1",
        "too small",
        "Scan again.",
        Exit.DATA,
    )
    raising = named_errors(results, "raise")
    assert next(raising) == 1
    with pytest.raises(NeuroFMError, match=r"too small.*brain 1"):
        next(raising)
