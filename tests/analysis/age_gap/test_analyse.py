import re

import numpy as np
import pytest

from neurofm_bids.analysis.age_gap.analyse import CORRECTED_GAP
from neurofm_bids.analysis.age_gap.analyse import analyse as analyse_all
from neurofm_bids.analysis.age_gap.settings import AgeGapSettings
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records import dictionary
from tests.analysis.age_gap.cohort import as_scans, cohort


def analyse(scans, settings):
    return analyse_all(scans, AnalysisSettings(age_gap=settings))


SETTINGS = AgeGapSettings(("group=control",), ("moca",), quality=("fwhm_mean_mm",))


def test_both_gaps_and_the_association_are_reported():
    scans = as_scans(cohort())
    made = analyse(scans, SETTINGS)
    gaps = made.tables["agegap"]
    assert list(gaps)[:6] == [
        "participant_id",
        "session_id",
        "scan",
        "chronological_age_years",
        "predicted_age_years",
        "age_gap_years",
    ]
    assert len(gaps) == len(scans.table)
    assert gaps[CORRECTED_GAP].notna().all()
    row = made.tables["associations"].iloc[0]
    assert (row["outcome"], row["adjusted_for"]) == (CORRECTED_GAP, "age;sex;fwhm_mean_mm")
    assert row["lower95"] < -0.5 < row["upper95"]


def test_without_controls_the_gap_is_raw_and_a_remark_says_so():
    made = analyse(as_scans(cohort()), AgeGapSettings(associations=("moca",)))
    assert CORRECTED_GAP not in made.tables["agegap"]
    assert made.tables["associations"]["outcome"][0] == "age_gap_years"
    assert "no controls are named" in made.remarks[0]
    assert any("not adjusted for cjv" in remark for remark in made.remarks)
    assert set(analyse(as_scans(cohort()), AgeGapSettings()).tables) == {"agegap"}


def test_too_few_controls_leave_the_gap_raw():
    made = analyse(as_scans(cohort(people=20)), SETTINGS)
    assert CORRECTED_GAP not in made.tables["agegap"]
    assert "controls have both ages, at least 20" in made.remarks[0]


def test_excluded_scans_have_empty_cells_and_are_not_fitted():
    table = cohort(people=100)
    table.loc[:4, "predicted_age_years"] = np.nan
    gaps = analyse(as_scans(table), SETTINGS).tables["agegap"]
    assert gaps.loc[:4, ["age_gap_years", CORRECTED_GAP, "fold"]].isna().all(axis=None)
    assert len(gaps) == 100


def test_ages_that_no_control_has_are_counted():
    table = cohort(people=100)
    patients = table.index[table["group"] == "patient"]
    table.loc[patients, "age"] = 50.0
    table.loc[patients[0], "age"] = 97.0
    remarks = analyse(as_scans(table), SETTINGS).remarks
    assert any("at ages that no control has: 1." in remark for remark in remarks)


def test_nothing_is_done_without_any_gap():
    table = cohort(people=10)
    assert analyse(as_scans(table.assign(age=np.nan)), SETTINGS) is None
    scans = as_scans(table)
    scans.table.drop(columns="predicted_age_years", inplace=True)
    assert analyse(scans, SETTINGS) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (AgeGapSettings(controls=("group=healthy",)), "no participant has group=healthy"),
        (AgeGapSettings(controls=("999",)), "controls of the age gap have no scan"),
    ],
)
def test_what_does_not_exist_is_refused(settings, message):
    with pytest.raises(NeuroFMError) as raised:
        analyse(as_scans(cohort(people=30)), settings)
    assert re.search(message, f"{raised.value} {raised.value.fix}", re.DOTALL)


def test_equal_scans_give_equal_tables():
    one, two = (analyse(as_scans(cohort()), SETTINGS).tables for _ in range(2))
    assert all(one[name].equals(two[name]) for name in one)


def test_every_column_is_described():
    tables = analyse(as_scans(cohort()), SETTINGS).tables
    for name, frame in tables.items():
        own = set(dictionary.analysis_table(name)[1])
        assert own <= set(frame)
        assert all(dictionary.column(column) for column in {*frame} - own - {"predicted_age_years"})


def test_sex_that_is_not_known_is_not_adjusted_for():
    made = analyse(as_scans(cohort().assign(sex=None)), SETTINGS)
    assert made.tables["associations"]["adjusted_for"][0] == "age;fwhm_mean_mm"
    text = "Associations of the age gap are not adjusted for sex: it is known of 0% of the scans"
    assert made.remarks[-1] == f"{text}, 80% are needed."


def test_the_level_of_the_controls_is_the_reference():
    table = cohort(people=100)
    few = table["group"].map({"patient": "control", "control": "patient"})
    settings = AgeGapSettings(controls=("group=control",), associations=("group",))
    for groups in (table["group"], few):
        found = analyse(as_scans(table.assign(group=groups)), settings).tables["associations"]
        assert found[["reference", "level"]].to_numpy().tolist() == [["control", "patient"]]
    others = AgeGapSettings(controls=(table["participant_id"][0],), associations=("group",))
    found = analyse(as_scans(table.assign(group=few)), others).tables["associations"]
    assert found["reference"].tolist() == ["patient"]
