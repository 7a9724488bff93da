"""Analyses of a cohort, one after the other."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings, Columns
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.analyses import analyse

SCANS = Scans(pd.DataFrame({"x": [1]}), np.zeros((1, 2), np.float32), np.array([True]), {}, (), ("x",))


def test_tables_and_remarks_of_all_are_joined():
    frame = pd.DataFrame({"a": [1]})
    analyses = (
        lambda scans, settings: Result({"one": frame}, ("first",)),
        lambda scans, settings: None,
        lambda scans, settings: Result({"two": frame}, ("second",)),
    )
    result = analyse(SCANS, AnalysisSettings(), analyses)
    assert list(result.tables) == ["one", "two"]
    assert result.remarks == ("first", "second")


def test_a_column_that_does_not_exist_is_refused():
    with pytest.raises(NeuroFMError, match="no column 'y'"):
        analyse(SCANS, AnalysisSettings(Columns(site="y")))
