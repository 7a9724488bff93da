import numpy as np

from neurofm_bids.readouts.covariate_coding import coded_row, coded_rows, coding_of
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
