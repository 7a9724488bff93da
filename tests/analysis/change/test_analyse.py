import numpy as np

from neurofm_bids.analysis.change.analyse import analyse
from neurofm_bids.analysis.change.settings import ChangeSettings
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.records import dictionary
from tests.analysis.change.people import as_scans, people


def analysed(table, **settings):
    return analyse(as_scans(table), AnalysisSettings(change=ChangeSettings(**settings)))


def test_both_tables_are_made():
    tables = analysed(people(), covariates=("group",)).tables
    assert list(tables) == ["change", "mixedmodel"]
    assert len(tables["change"]) == 60
    assert set(tables["change"]["time_source"]) == {"date"}
    assert any(term.startswith("years:group[") for term in tables["mixedmodel"]["term"])
    for name, frame in tables.items():
        own = dictionary.analysis_table(name)[1]
        assert {*frame} - {"participant_id"} == set(own)


def test_nothing_is_done_without_a_second_scan():
    assert analysed(people(scans=1)) is None


def test_unknown_times_are_a_remark():
    table = people(count=20).assign(age=np.nan, acq_time=None)
    made = analysed(table)
    assert dict(made.tables) == {}
    assert "Participants with several scans whose times are not known or equal: 20" in made.remarks[0]


def test_few_people_have_change_and_no_model():
    made = analysed(people(count=4))
    assert list(made.tables) == ["change"]
    assert any("Mixed models not fitted" in remark for remark in made.remarks)


def test_excluded_scans_do_not_count():
    table = people(count=20, scans=2)
    table.loc[table["session_id"] == "ses-2", "predicted_x"] = np.nan
    assert analysed(table) is None


def test_settings_are_used():
    made = analysed(people(), time="age", error_sd={"predicted_x": 5.0}, measures=("predicted_x",))
    frame = made.tables["change"]
    assert set(frame["time_source"]) == {"age"}
    assert set(frame["error_sd"]) == {5.0}


def test_equal_scans_give_equal_tables():
    one, two = (analysed(people()).tables for _ in range(2))
    assert all(one[name].equals(two[name]) for name in one)
