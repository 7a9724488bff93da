import pytest
from pydantic import ValidationError

from neurofm_bids.bids.entities import described
from neurofm_bids.records.flag import Flag, range_flag, suffix_flag
from tests.samples import prediction


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (20.0, None),
        (
            120.0,
            Flag("age_out_of_range", "Predicted age is outside the training range of 0 to 100 years"),
        ),
        (
            4596.0,
            Flag(
                "age_impossible",
                "Predicted age of 4596 years is impossible (above 125 or below 0)",
                "serious",
            ),
        ),
    ],
)
def test_a_prediction_outside_its_range_is_flagged(value, flag):
    age = prediction(value, in_range=0 <= value <= 100, long_name="Predicted age")
    assert range_flag("age", age, (0, 125)) == flag


def test_severities_are_known():
    with pytest.raises(ValidationError, match="'warning' or 'serious'"):
        Flag("a", "b", "grave")


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("sub-01_rec-UNIT1", "mp2rage_uni"),
        ("sub-01_rec-denoisedUNIT1_run-1", "mp2rage_uni"),
        ("sub-01", None),
        ("sub-01_rec-norm", None),
        ("sub-01_UNIT1.nii.gz", "mp2rage_uni"),
        ("sub-01_rec-UNIT1_T1w.nii.gz", None),
    ],
)
def test_images_that_are_no_t1w_are_flagged(image, name):
    flag = suffix_flag(described(image)["suffix"])
    assert (flag and (flag.name, flag.severity)) == (name and (name, "warning"))


def test_limits_of_volumes_are_written_in_full():
    volume = prediction(1.8e6, "mm^3", in_range=False, range=(700_000, 1_700_000), long_name="Volume")
    assert "training range of 700000 to 1700000 mm^3" in range_flag("v", volume, (0, 2e6)).message
    assert "of 1800000 mm^3 is impossible (above 1200000" in range_flag("v", volume, (0, 1.2e6)).message
