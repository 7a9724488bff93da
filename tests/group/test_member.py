from dataclasses import replace

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.group.member import impossible_values, make_member, prediction_columns
from neurofm_bids.records.flag import Flag
from tests.samples import prediction, scan_record

IMPOSSIBLE = Flag("age_impossible", "Age of 4596 years is impossible", "serious")


def member(value=40.0, known=38.0, remarks=(), flags=()):
    record = scan_record(predictions={"age": prediction(value, in_range=not flags)}, flags=flags)
    return make_member(record, Person(known, remarks=remarks))


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ({}, 2.0),
        ({"known": None}, None),
        ({"remarks": ("lower_bound",)}, None),
        ({"remarks": ("not_of_session",)}, 2.0),
        ({"value": 4596.0, "flags": (IMPOSSIBLE,)}, None),
    ],
)
def test_the_gap_is_of_ages_that_can_be_compared(changes, gap):
    assert member(**changes).predictions["age_gap_years"] == gap


def test_an_impossible_prediction_is_named():
    odd = member(4596.0, flags=(IMPOSSIBLE,))
    assert odd.impossible == odd.out_of_range == prediction_columns({"age": prediction(1.0)})
    assert odd.predictions["predicted_age_years"] == 4596.0
    assert "1 (sub-01)" in impossible_values([odd, member()])
    assert impossible_values([member(), replace(odd, impossible=())]) == ""
