"""Scores of readouts in tables."""

from dataclasses import replace

import pytest

from neurofm_bids.records.dictionary import readout_columns
from neurofm_bids.records.score import NO_SCORE, Score, ScorePart
from neurofm_bids.records.score_columns import (
    READOUT_NOTES,
    SCORE_COLUMNS,
    overlapping,
    score_entries,
    score_row,
    score_rows,
)

RAVEN = Score(
    "raven",
    "cognitive",
    "regression",
    "Score of Raven's matrices",
    "value",
    "points",
    20.0,
    (12.0, 28.0),
    centile=60.0,
    centile_interval95=(40.0, 80.0),
    distance_percentile=12.0,
    notes=("age_outside", "quality_failed"),
)
PARTS = tuple(ScorePart(f"probability of class {name}", value) for name, value in (("A", 0.7), ("B", 0.3)))
GROUP = Score(
    "group", "clinical", "multiclass", "", PARTS[0].name, "1", 0.7, None, "A", PARTS, distance_percentile=5.0
)
NONE = replace(
    RAVEN, value=None, interval95=None, centile=None, notes=("covariate_unknown",), reason="no age"
)


def test_each_column_of_a_scan_has_a_meaning():
    assert tuple(readout_columns()) == SCORE_COLUMNS
    assert set(readout_columns()[READOUT_NOTES]["Levels"]) > NO_SCORE


def test_rows_of_a_scan():
    rows = [dict(zip(SCORE_COLUMNS, row, strict=True)) for row in score_rows([RAVEN, GROUP, NONE])]
    assert [row["quantity"] for row in rows] == ["value", PARTS[0].name, PARTS[1].name, "value"]
    assert (rows[0]["value"], rows[0]["lower95"], rows[0]["units"]) == (20.0, 12.0, "points")
    assert (rows[0]["centile_upper95"], rows[0][READOUT_NOTES]) == (80.0, "age_outside;quality_failed")
    assert (rows[2]["name"], rows[2]["value"], rows[2]["centile"], rows[2]["units"]) == (
        "group",
        0.3,
        None,
        "1",
    )
    assert (rows[3]["value"], rows[3]["reason"]) == (None, "no age")


def test_cells_and_meanings_in_a_table_of_scans():
    row, columns = score_row([RAVEN, GROUP]), score_entries([RAVEN, GROUP])
    assert row["readout_raven"] == 20.0
    assert row["readout_raven_centile_lower95"] == 40.0
    assert row["readout_raven_notes"] == "age_outside;quality_failed"
    assert "readout_raven_class" not in row
    assert (row["readout_group_class"], row["readout_group_probability_of_class_B"]) == ("A", 0.3)
    assert set(row) <= set(columns)
    assert columns["readout_raven"]["Units"] == columns["readout_raven_lower95"]["Units"] == "points"
    assert columns["readout_raven"]["LongName"] == "Score of Raven's matrices, value"
    assert (
        columns["readout_group_probability_of_class_B"]["LongName"] == "Readout group, probability of class B"
    )
    assert "Levels" in columns["readout_raven_notes"]


def test_a_scan_without_a_score_has_the_columns_nevertheless():
    assert set(score_row([NONE])) == set(score_row([RAVEN]))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["raven", "grip", "raven_2"], []),
        (["raven", "grip", "Raven"], [("raven", "Raven")]),
        (["raven_centile", "raven"], [("raven_centile", "raven")]),
    ],
)
def test_readouts_whose_columns_would_be_the_same(names, pairs):
    assert list(overlapping(names)) == pairs
