import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.group.member import left_out_scans, make_member, prediction_columns
from neurofm_bids.records.flag import Flag
from tests.samples import prediction, scan_record

IMPOSSIBLE = Flag("age_impossible", "Age of 4596 years is impossible", "serious")


def member(value=40.0, known=38.0, remarks=(), flags=(), **options):
    record = scan_record(predictions={"age": prediction(value, in_range=not flags)}, flags=flags)
    return make_member(record, Person(known, remarks=remarks), **options)


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


SERIOUS = Flag("low_overlap", "The overlap is low", "serious", "the mask")
AGE_COLUMN = prediction_columns({"age": prediction(1.0)})


@pytest.mark.parametrize(
    ("flags", "include_failed", "left_out", "is_included"),
    [
        ((), False, (), True),
        ((Flag("coarse_voxels", "Coarse"),), False, (), True),
        ((SERIOUS,), False, (*AGE_COLUMN, "mask_volume_mm3"), False),
        ((SERIOUS,), True, (), True),
        ((IMPOSSIBLE,), False, (*AGE_COLUMN, "mask_volume_mm3"), False),
        ((IMPOSSIBLE,), True, AGE_COLUMN, True),
    ],
)
def test_what_statistics_leave_out(flags, include_failed, left_out, is_included):
    odd = member(flags=flags, include_failed=include_failed)
    assert (odd.left_out, odd.is_included) == (left_out, is_included)
    assert odd.predictions["predicted_age_years"] == 40.0
    assert (odd.predictions["age_gap_years"] is None) is bool(left_out)


def test_scans_that_are_left_out_are_named():
    failed, impossible = member(flags=(SERIOUS,)), member(flags=(IMPOSSIBLE,), include_failed=True)
    (sentence,) = left_out_scans([failed, member()])
    assert sentence.startswith(
        "Scans whose quality is judged as fail: 1 (sub-01). Their values are in the tables"
    )
    (sentence,) = left_out_scans([impossible, member()])
    assert sentence.startswith("Scans with impossible predictions: 1 (sub-01).")
    assert len(left_out_scans([failed, impossible])) == 2
    assert left_out_scans([member()]) == ()
