from dataclasses import replace

import pytest

from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import (
    CENTILE_COLUMNS,
    FLAG_COLUMNS,
    IDENTITY_COLUMNS,
    centile_entries,
    centile_row,
    centile_rows,
    entries,
    flag_row,
    identity_row,
    morphometry_row,
    prediction_row,
    quality_row,
)
from neurofm_bids.records.dictionary import centile_columns
from neurofm_bids.records.flag import Flag
from tests.samples import prediction, scan_record

FLAGS = (Flag("low_snr", "Dark"), Flag("cropped", "Cut", "serious", "the top of the head"))
REASONS = "Cut. Look at the top of the head. Dark."
RECORD = scan_record(
    session="a",
    predictions={"age": prediction(40.0), "sex": prediction(0.4, "1", interval95=None, of_class="male")},
    image_quality={"snr_brain": 19.6, "contrast": None, "odd name": 1.0, "mask_volume_mm3": 1.0},
    flags=FLAGS,
    anatomy=Anatomy(
        {
            "left_caudate": Volume(3000.0, None, 0.9),
            "right_caudate": Volume(5000.0, (4000.0, 6000.0), 0.8),
            "brain": Volume(1.2e6, None, 0.95),
        },
        2,
        "ab" * 32,
    ),
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
    assert row["views"] == 8


def test_cells_of_the_metrics():
    assert quality_row(RECORD) == {"snr_brain": 19.6, "contrast": None, "odd_name": 1.0}


@pytest.mark.parametrize(
    ("flags", "cells"),
    [
        (FLAGS, (1450123.0, 2, 1, "low_snr;cropped", "fail", REASONS)),
        ((), (1450123.0, 0, 0, None, "ok", None)),
    ],
)
def test_cells_of_the_flags(flags, cells):
    assert flag_row(scan_record(flags=flags)) == dict(zip(FLAG_COLUMNS, cells, strict=True))


def test_cells_of_the_regions():
    assert morphometry_row(RECORD) == {
        "left_caudate_mm3": 3000.0,
        "right_caudate_mm3": 5000.0,
        "brain_mm3": 1.2e6,
        "caudate_asymmetry": -0.5,
        "left_caudate_confidence": 0.9,
        "right_caudate_confidence": 0.8,
        "brain_confidence": 0.95,
    }
    assert morphometry_row(scan_record()) == {}


def test_every_column_has_an_entry():
    parts = (prediction_row, morphometry_row, quality_row, flag_row)
    rows = identity_row(RECORD.scan) | {k: v for part in parts for k, v in part(RECORD).items()}
    described = entries(RECORD)
    assert set(described) == set(rows)
    assert set(IDENTITY_COLUMNS) < set(described)
    for name, entry in described.items():
        assert entry["LongName"], name
        assert entry["Description"], name


def test_rows_of_a_cohort_share_their_keys():
    one, other = (list(prediction_row(scan_record(subject))) for subject in ("01", "02"))
    assert [a is b for a, b in zip(one, other, strict=True)] == [True] * len(one)


CENTILES = (
    Centile(
        "brain", "measured", 1e6, (9e5, 1.1e6), 1.1e6, -1.0, 15.9, (5.0, 40.0), ("preview", "extrapolated")
    ),
    Centile("brain_volume", "predicted", 1.2e6, None, notes=("preview", "repeatability", "extrapolated")),
)


def test_cells_of_the_centiles_of_a_scan():
    first, second = (dict(zip(CENTILE_COLUMNS, cells, strict=True)) for cells in centile_rows(CENTILES))
    assert (first["lower95_mm3"], first["expected_mm3"], first["z"]) == (9e5, 1.1e6, -1.0)
    assert (first["centile"], first["centile_upper95"]) == (15.9, 40.0)
    assert first["centile_notes"] == "preview;extrapolated"
    assert (second["name"], second["source"], second["centile"]) == ("brain_volume", "predicted", None)
    assert set(CENTILE_COLUMNS) == set(centile_columns())


def test_what_is_no_volume_has_cells_of_its_own():
    item = Centile("age", "predicted", 40.0, (37.0, 43.0), 45.0, -1.0, 15.9)
    row = dict(zip(CENTILE_COLUMNS, centile_rows([item])[0], strict=True))
    assert (row["value"], row["lower95"], row["upper95"], row["expected"]) == (40.0, 37.0, 43.0, 45.0)
    assert row["units"] == "year"
    assert (row["mm3"], row["lower95_mm3"], row["expected_mm3"], row["centile"]) == (None, None, None, 15.9)


def test_cells_of_the_centiles_in_a_table_of_scans():
    row = centile_row(CENTILES)
    assert row["brain_centile_lower95"] == 5.0
    assert row["predicted_brain_volume_z"] is None
    assert row["centile_notes"] == "preview;extrapolated"
    assert set(centile_entries(CENTILES)) == set(row)
    assert centile_entries(CENTILES)["brain_z"]["LongName"] == "Brain, measured, z-score"
    assert "Not to be read" not in centile_entries(CENTILES)["brain_z"]["Description"]
    marked = replace(CENTILES[0], notes=("preview", "unreliable", "shifted"))
    for items in ((marked, CENTILES[0]), (CENTILES[0], marked)):
        text = centile_entries(items)["brain_z"]["Description"]
        levels = centile_columns()["centile_notes"]["Levels"]
        marks = [f"Not to be read as a centile: {levels[note]}" for note in ("unreliable", "shifted")]
        assert text.endswith(". ".join(marks))
    assert centile_row(()) == {}
