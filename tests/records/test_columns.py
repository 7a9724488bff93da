import pytest

from neurofm_bids.records.columns import (
    FLAG_COLUMNS,
    IDENTITY_COLUMNS,
    entries,
    flag_row,
    identity_row,
    prediction_row,
    quality_row,
)
from neurofm_bids.records.flag import Flag
from tests.samples import prediction, scan_record

FLAGS = (Flag("low_snr", "Look"), Flag("cropped", "Look", "serious"))
RECORD = scan_record(
    session="a",
    predictions={"age": prediction(40.0), "sex": prediction(0.4, "1", interval95=None, of_class="male")},
    image_quality={"snr_brain": 19.6, "contrast": None, "odd name": 1.0, "mask_volume_mm3": 1.0},
    flags=FLAGS,
    readouts={"hand grip": 1.5},
)


def test_cells_of_the_identity():
    assert identity_row(RECORD.scan) == {
        "participant_id": "sub-01",
        "session_id": "ses-a",
        "scan": "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
    }
    assert identity_row(scan_record().scan)["session_id"] is None


def test_cells_of_the_predictions():
    row = prediction_row(RECORD)
    age = {name.removeprefix("predicted_age_years"): cell for name, cell in list(row.items())[:5]}
    assert age == {"": 40.0, "_sd": 0.5, "_lower95": 39.0, "_upper95": 41.0, "_in_range": True}
    assert row["predicted_male_probability_lower95"] is row["predicted_male_probability_upper95"] is None
    assert (row["views"], row["readout_hand_grip"]) == (8, 1.5)


def test_cells_of_the_metrics():
    assert quality_row(RECORD) == {"snr_brain": 19.6, "contrast": None, "odd_name": 1.0}


@pytest.mark.parametrize(
    ("flags", "cells"), [(FLAGS, (1450123.0, 2, 1, "low_snr;cropped")), ((), (1450123.0, 0, 0, None))]
)
def test_cells_of_the_flags(flags, cells):
    assert flag_row(scan_record(flags=flags)) == dict(zip(FLAG_COLUMNS, cells, strict=True))


def test_every_column_has_an_entry():
    rows = {**identity_row(RECORD.scan), **prediction_row(RECORD), **quality_row(RECORD), **flag_row(RECORD)}
    described = entries(RECORD)
    assert set(described) == set(rows)
    assert set(IDENTITY_COLUMNS) < set(described)
    for name, entry in described.items():
        assert entry["LongName"], name
        assert entry["Description"], name


def test_rows_of_a_cohort_share_their_keys():
    one, other = (list(prediction_row(scan_record(subject))) for subject in ("01", "02"))
    assert [a is b for a, b in zip(one, other, strict=True)] == [True] * len(one)
