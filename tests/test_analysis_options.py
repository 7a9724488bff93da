"""The settings of analyses of a cohort."""

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.config import GROUPS
from neurofm_bids.option import options_of


def test_no_option_makes_scans_be_processed_again():
    assert GROUPS["analyses"] is Analyses
    assert not any(declared.changes_results for _, declared in options_of(Analyses))


def test_by_default_there_is_no_file():
    assert Analyses().group_config is None
