import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.covariate_coding import check_coding, coded_row, coded_rows, coding_of
from neurofm_bids.readouts.readout import Covariate

BOTH = [Covariate("age"), Covariate("site", ("1", "2", "3"))]


def test_numbers_that_are_codes_have_levels():
    assert coding_of("site", ["2", "1", "", "3"], {"site"}) == BOTH[1]
    assert coding_of("site", ["2", "1", "", "3"]) == Covariate("site")


def test_rows_have_a_column_for_each_level_but_the_first():
    rows = coded_rows(BOTH, {"age": ["20", "30", ""], "site": ["1", "3", "2"]}, 3)
    assert np.array_equal(rows, [[20, 0, 0], [30, 0, 1], [np.nan] * 3], equal_nan=True)


def test_what_cannot_be_coded_is_named():
    assert coded_row(BOTH, {"age": 20, "site": "4"}) == (
        "the covariate site is 4, which no scan of the training has"
    )
    assert coded_row(BOTH, {"age": "old", "site": 1}) == "the covariate age is old, not a number"
    assert coded_row(BOTH, {"age": None, "site": 1}) == "the covariate age is not known"


def checked(column, categories=()):
    check_coding("t", coding_of("c", column, categories), column, len(column), categories)


@pytest.mark.parametrize(
    ("column", "categories", "message"),
    [
        ([*map(str, range(40)), "89+", "old", "89+"], (), r"texts among numbers \(89\+, old\): task t"),
        ([f"city {k}" for k in range(40)], (), "has 40 different values in 40 people, more than a tenth"),
        ([str(k % 5) for k in range(40)], {"c"}, "has 5 different values in 40 people"),
    ],
)
def test_a_covariate_that_would_become_many_columns_is_refused(column, categories, message):
    with pytest.raises(NeuroFMError, match=message):
        checked(column, categories)


def test_few_levels_and_numbers_are_covariates():
    checked([str(k) for k in range(40)])
    checked(["F", "M"] * 3)
    checked([str(k % 4) for k in range(40)], {"c"})
    checked([*["1"] * 30, *["x"] * 10], {"c"})
