import pytest
from pydantic import ValidationError

from neurofm_bids.records.flag import Flag, range_flag
from tests.samples import prediction


def test_a_prediction_outside_its_range_is_flagged():
    flag = range_flag("age", prediction(120.0, in_range=False, long_name="Predicted age"))
    assert flag == Flag(
        "age_out_of_range", "Predicted age is outside the training range of 0 to 100 years", "warning"
    )
    assert range_flag("age", prediction(20.0)) is None


def test_severities_are_known():
    with pytest.raises(ValidationError, match="'warning' or 'serious'"):
        Flag("a", "b", "grave")
