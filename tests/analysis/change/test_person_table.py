import numpy as np
import pytest

from neurofm_bids.analysis.change.person_table import CHANGE_COLUMNS, change_per_year
from tests.analysis.change.people import ERROR, people

X = ["predicted_x"]


def test_a_row_is_the_change_of_one_person():
    table = people(count=3, scans=2)
    made = change_per_year(table, X, {"predicted_x": "mm^3"}, error_sd={"predicted_x": 0.8})
    assert tuple(made.frame) == CHANGE_COLUMNS
    row, own = made.frame.iloc[1], table.iloc[2:4]
    change = own["predicted_x"].iloc[1] - own["predicted_x"].iloc[0]
    assert (row["participant_id"], row["units"], row["n_scans"], row["time_source"]) == (
        "sub-001",
        "mm^3",
        2,
        "date",
    )
    assert row["years"] == pytest.approx(own["age"].diff().iloc[1], abs=0.02)
    assert row["change_per_year"] == pytest.approx(change / row["years"])
    assert row["reliable_change_index"] == pytest.approx(change / (np.sqrt(2) * 0.8))
    assert row["last_value"] - row["first_value"] == pytest.approx(change)
    half = 1.959964 * np.sqrt(2) * 0.8 / row["years"]
    assert row["upper95"] - row["change_per_year"] == pytest.approx(half)


@pytest.mark.parametrize("scans", [2, 4])
def test_unchanged_people_are_called_changed_in_five_percent(scans):
    table = people(count=2000, scans=scans, change=0, sd_change=0)
    still = table[table["group"] == "control"]
    frame = change_per_year(still, X, error_sd={"predicted_x": ERROR}).frame
    assert (frame["reliable_change"] != "none").mean() == pytest.approx(0.05, abs=0.02)
    inside = (frame["lower95"] < 0) & (frame["upper95"] > 0)
    assert inside.mean() == pytest.approx(0.95, abs=0.02)


def test_an_error_that_is_estimated_from_the_cohort_gives_the_same_rate():
    table = people(count=1000, scans=4, sd_change=0, change=0)
    still = table[table["group"] == "control"]
    frame = change_per_year(still, X).frame
    assert set(frame["error_source"]) == {"residuals"}
    assert frame["error_sd"].iloc[0] == pytest.approx(ERROR, rel=0.05)
    assert (frame["reliable_change"] != "none").mean() == pytest.approx(0.05, abs=0.025)


def test_people_who_change_are_found_with_the_right_sign():
    table = people(count=200, gap=4.0, change=-2.0, sd_change=0)
    levels = change_per_year(table, X, error_sd={"predicted_x": ERROR}).frame["reliable_change"]
    assert (levels == "decrease").mean() > 0.95
    assert not (levels == "increase").any()


def test_the_interval_of_single_scans_does_not_make_change_reliable():
    table = people(count=5, scans=2).assign(predicted_x_sd=0.01)
    made = change_per_year(table, X)
    assert made.frame["reliable_change"].isna().all()
    assert made.frame["reliable_change_index"].notna().all()
    assert set(made.frame["error_source"]) == {"interval"}
    assert "reliable change is not judged" in made.remarks[0]


def test_without_any_error_there_is_change_without_interval():
    made = change_per_year(people(count=5, scans=2), X)
    assert made.frame["change_per_year"].notna().all()
    assert made.frame[["lower95", "reliable_change_index", "error_sd", "error_source"]].isna().all(axis=None)
    assert "error between scans is not known: 1 (predicted_x)" in made.remarks[0]


def test_rows_are_ordered_and_people_without_two_times_have_none():
    table = people(count=12, scans=2)
    table.loc[table["participant_id"] == "sub-004", "predicted_x"] = np.nan
    table = table.assign(y=table["predicted_x"] * 2)[::-1].reset_index(drop=True)
    frame = change_per_year(table, [*X, "y"]).frame
    assert list(frame["participant_id"]) == sorted(frame["participant_id"])
    assert list(frame["measure"][:4]) == ["predicted_x", "y"] * 2
    assert "sub-004" not in set(frame["participant_id"])
    assert len(frame) == 22


def test_sessions_within_the_retest_weeks_have_no_change_and_are_named():
    table = people(count=4, scans=2, gap=8 / 60 / 24 / 365.25)
    table["acq_time"] = np.tile(["2012-05-01T10:00:00", "2012-05-01T10:08:00"], 4)
    made = change_per_year(table, X)
    assert made.frame.empty
    assert made.remarks[0].startswith("Participants whose scans are all within 12 weeks: 4 (sub-000")
    table["acq_time"] = np.tile(["2012-05-01", "2012-06-15"], 4)
    assert change_per_year(table, X).frame.empty
    assert len(change_per_year(table, X, retest_weeks=0).frame) == 4
