import numpy as np
import pytest

from neurofm_bids.records.statistics import Agreement, Components, Statistics, Summary, outliers

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


def test_rows_of_all_statistics():
    statistics = Statistics(
        summaries={"contrast": Summary("1", np.array([1.0, 2.0, np.nan]))},
        agreement=Agreement(2, 1.5, -0.5, None, None),
        components=Components(np.zeros((3, 2)), (0.7, 0.2)),
    )
    rows = {row[:2]: row[2:] for row in statistics.rows()}
    assert rows["contrast", "mean"] == (1.5, "1", 2)
    assert rows["contrast", "n_outliers"] == (None, "count", 2)
    assert rows["age_agreement", "bias"] == (-0.5, "year", 2)
    assert rows["age_agreement", "pearson_r"] == (None, "1", 2)
    assert rows["component_2", "explained_variance"] == (0.2, "1", 3)
