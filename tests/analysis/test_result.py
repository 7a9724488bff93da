"""Results of analyses."""

from neurofm_bids.analysis.result import Result


def test_an_analysis_may_give_nothing():
    result = Result()
    assert not result.tables
    assert not result.remarks
