import numpy as np

from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.scan import Identity


def cohort(*rows):
    """Return a cohort of scans with these cells of predictions, quality and flags."""
    members = tuple(Member(Identity(), *cells, acquisition={}, flags=(), out_of_range=()) for cells in rows)
    return Cohort("openS", members, (), np.empty((len(rows), 0), np.float32), entries={"a": {"Units": "kg"}})


SCANS = cohort(({"a": 1.0}, {"q": 2}, {"n": 3}), ({"a": None}, {"r": 4.0}, {}))


def test_values_are_numbers_or_nan():
    columns = np.array([SCANS.values(name) for name in ("a", "q", "n", "r", "unknown")])
    nan = np.nan
    np.testing.assert_array_equal(columns, [[1, nan], [2, nan], [3, nan], [nan, 4], [nan, nan]])
    assert columns.dtype == np.float64


def test_ages_are_those_of_the_tables():
    rows = [
        {"predicted_age_years": 60.0, "chronological_age_years": 89.0, "chronological_age_remarks": remarks}
        for remarks in (None, "lower_bound", "lower_bound;not_of_session")
    ]
    ages = cohort(*((row, {}, {}) for row in rows)).ages
    assert (ages.chronological.tolist(), ages.predicted.tolist()) == ([89.0] * 3, [60.0] * 3)
    assert ages.lower_bound.tolist() == [False, True, True]
    assert ages.not_of_session.tolist() == [False, False, True]


def test_metrics_are_those_that_any_scan_has():
    assert SCANS.metrics == ("q", "r")


def test_recorded_columns_are_described_too():
    assert SCANS.columns["a"] == {"Units": "kg"}
    assert SCANS.columns["age_gap_years"]["Units"] == "year"
