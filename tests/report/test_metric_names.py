"""Names of the metrics of readouts."""

import pytest

from neurofm_bids.report.metric_names import is_of_quarter, metric_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [("auc", "AUC"), ("r2", "R²"), ("c_index", "C-index"), ("brier_2.5y", "Brier score 2.5y")],
)
def test_metrics_are_named_as_people_read_them(name, shown):
    assert metric_name(name) == shown


def test_metrics_of_quarters_are_told_by_their_ending():
    assert is_of_quarter("observed_risk_5y_q4")
    assert not is_of_quarter("observed_risk_5y")
