import pytest
from pydantic import ValidationError

from neurofm_bids.records.flag import Flag, range_flag
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
