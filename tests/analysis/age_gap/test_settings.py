from neurofm_bids.analysis.age_gap.settings import AgeGapSettings
from neurofm_bids.records.dictionary import metric


def test_the_quality_metrics_that_are_adjusted_for_are_measured():
    assert AgeGapSettings().quality
    assert all(metric(name)["Units"] != "arbitrary" for name in AgeGapSettings().quality)
