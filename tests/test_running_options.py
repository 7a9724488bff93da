from dataclasses import fields

from neurofm_bids.option import options_of
from neurofm_bids.running_options import BOTH_STAGES, ENCODE, PREPROCESS, STAGES, Running


def test_both_stages_are_run_by_default_and_no_stage_changes_results():
    assert STAGES == (BOTH_STAGES, PREPROCESS, ENCODE) == ("all", "preprocess", "encode")
    assert Running().stage == BOTH_STAGES
    declared = {item.name: option for item, option in options_of(Running)}
    assert declared.keys() == {item.name for item in fields(Running)}
    assert declared["stage"].choices == STAGES
    assert not any(option.changes_results for option in declared.values())
