import pytest

from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.schema import from_json, to_json
from tests.samples import AGE


@pytest.mark.parametrize("made", [AGE, Prediction(1.0, None, None, "kg", (0.0, 0.5), False, "P", "D")])
def test_a_prediction_survives_its_file(made):
    assert from_json(Prediction, to_json(made)) == made


def test_keys_of_the_file():
    keys = "Value SD Interval95 Units Range InRange LongName Description OfClass"
    assert list(to_json(AGE)) == keys.split()
