import numpy as np
import pytest

from neurofm_bids.records.statistics import (
    Ages,
    Agreement,
    Components,
    Statistics,
    Summary,
    outliers,
    standard_deviation,
)

NAN = np.nan
# Scans with: both ages, a lower bound, no age, no predicted age, an age not of the session.
AGES = Ages(
    np.array([30.0, 89.0, NAN, 40.0, 50.0]),
    np.array([31.0, 70.0, 60.0, NAN, 52.0]),
    np.array([False, True, False, False, False]),
    np.array([False, True, False, True, True]),
)
NOBODY = Ages(np.full(5, NAN), AGES.predicted, np.zeros(5, bool), np.zeros(5, bool))
EIGHT = [1.0, 2, 3, 4, 5, 6, 7, 90]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (EIGHT, [7]),
        (EIGHT[1:], []),  # too few
        ([1.0] * 7 + [90], []),  # no spread
        ([*EIGHT, -200.0], [8, 7]),  # the farthest first
        ([], []),
    ],
)
def test_outliers(values, places):
    assert outliers(np.array(values)) == places


def test_summary_leaves_out_what_is_not_known():
    summary = Summary("year", np.array([np.nan, *EIGHT]))
    assert summary.outliers == [8]
    assert summary.statistics() == {
        "mean": 14.75,
        "sd": pytest.approx(30.48, abs=0.01),
        "median": 4.5,
        "minimum": 1.0,
        "maximum": 90.0,
        "n_outliers": 1,
    }


@pytest.mark.parametrize(
    ("values", "statistics"),
    [
        ([np.nan], {}),
        ([3.0], {"mean": 3, "sd": None, "median": 3, "minimum": 3, "maximum": 3, "n_outliers": None}),
    ],
)
def test_summary_of_few_values(values, statistics):
    assert Summary("1", np.array(values)).statistics() == statistics


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([34.7], None),
        ([34.7] * 3, 0.0),  # numpy: 8.7e-15
        ([0.0] * 3, 0.0),
        ([22.1 - 20.1, 42.1 - 40.1, 61.3 - 59.3], 0.0),  # equal but for rounding
        ([-1e-9, 1e-9], pytest.approx(2**0.5 * 1e-9)),
        ([1000.0, 1000.0 + 1e-6], pytest.approx(0.5**0.5 * 1e-6)),
    ],
)
def test_equal_values_have_no_spread(values, expected):
    assert standard_deviation(np.array(values)) == expected
    if values:
        assert Summary("1", np.array(values)).statistics()["sd"] == expected


def test_scans_without_an_exact_age_are_counted_and_not_compared():
    assert AGES.compared.tolist() == [True, False, False, False, True]
    assert AGES.rows() == [
        ("age_agreement", "n_age_unknown", 1, "count", 5),
        ("age_agreement", "n_lower_bound", 1, "count", 5),
        ("age_agreement", "n_not_of_session", 1, "count", 5),
    ]


def test_there_is_nothing_to_count_where_no_age_is_known_or_predicted():
    assert NOBODY.rows() == []
    assert Ages(AGES.chronological, NOBODY.chronological, AGES.lower_bound, AGES.lower_bound).rows() == []


def test_rows_of_all_statistics():
    statistics = Statistics(
        summaries={"contrast": Summary("1", np.array([1.0, 2.0, np.nan]))},
        ages=AGES,
        agreement=Agreement(2, 1.5, -0.5, None, None),
        components=Components(np.zeros((3, 2)), (0.7, 0.2)),
    )
    rows = {row[:2]: row[2:] for row in statistics.rows()}
    assert rows["contrast", "mean"] == (1.5, "1", 2)
    assert rows["contrast", "n_outliers"] == (None, "count", 2)
    assert rows["age_agreement", "bias"] == (-0.5, "year", 2)
    assert rows["age_agreement", "pearson_r"] == (None, "1", 2)
    assert rows["age_agreement", "n_lower_bound"] == (1, "count", 5)
    assert rows["component_2", "explained_variance"] == (0.2, "1", 3)
