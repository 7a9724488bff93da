import pytest
from pydantic import ValidationError

from neurofm_bids.records.measurement import (
    BiasCorrection,
    BrainExtraction,
    Measurements,
    ModelGrid,
    Registration,
    Standardisation,
)
from neurofm_bids.records.schema import from_json, to_json
from tests.samples import IDENTITY, MEASUREMENTS


def test_measurements_survive_their_file():
    assert from_json(Measurements, to_json(MEASUREMENTS)) == MEASUREMENTS


@pytest.mark.parametrize(
    "make",
    [
        lambda: BrainExtraction("hand", "", 1.0, 0.0),
        lambda: BiasCorrection("n3", 0.1),
        lambda: Registration(IDENTITY[:3], IDENTITY, 0.9, 0.9, 0.0, 1.0),
        lambda: ModelGrid("mni", "cubic", (1.0, 1.0, 1.0), 0.0, IDENTITY),
        lambda: ModelGrid("native", "linear", (1.0, 1.0, 1.0), 0.0, IDENTITY),
        lambda: ModelGrid("native", "none", (1.0, 1.0), 0.0, IDENTITY),
        lambda: Standardisation(float("nan"), 1.0),
    ],
)
def test_values_that_no_step_measures_are_refused(make):
    with pytest.raises(ValidationError):
        make()
