import pandas as pd

from neurofm_bids.report.group_scans import FIRST_SCANS, main_columns, scans_view
from tests.report.cohort_tables import PREDICTED, Table, meanings, simulated


def tables_of(**changes):
    columns = {
        "participant_id": ["sub-01"],
        "scan": ["sub-01/anat/sub-01_T1w.nii.gz"],
        "predicted_age_years": [41.0],
        "predicted_age_years_lower95": [40.0],
        "predicted_age_years_upper95": [42.0],
        "predicted_age_years_in_range": [True],
        "chronological_age_years": [42.0],
        "age_gap_years": [-1.0],
        "chronological_age_remarks": [None],
        "predicted_brain_volume_mm3": [15200.0],
        "predicted_brain_volume_mm3_in_range": [True],
        "mask_volume_mm3": [1.5e6],
        "quality": ["check"],
        "flags": ["low_snr;neck"],
    }
    frame = pd.DataFrame({**columns, **changes})
    return {"predictions": Table(frame, meanings([*PREDICTED, *frame]))}


def row(**changes):
    (found,) = scans_view(tables_of(**changes), {"sub-01": "sub-01.html"}).rows
    return found


def test_rows_have_units_intervals_and_links():
    found = row()
    assert [cell.text for cell in found] == [
        "sub-01",
        "41.0",
        "42.0",
        "-1.00",
        "15.2",
        "1,500",
        "check",
        "low snr; neck",
    ]
    assert found[0].link == "sub-01.html"
    assert found[1].about == "95% interval over passes: 40.0 to 42.0"
    heads = scans_view(tables_of(), {}).heads
    assert [(head.unit, head.is_number) for head in heads[3:6]] == [
        ("years", True),
        ("ml", True),
        ("ml", True),
    ]


def test_ages_are_left_out_where_none_is_known():
    frame = tables_of(chronological_age_years=[None])["predictions"].frame
    assert main_columns(frame) == [
        "predicted_age_years",
        "predicted_brain_volume_mm3",
        "mask_volume_mm3",
        "quality",
        "flags",
    ]


def test_a_lower_bound_of_an_age_and_a_value_outside_its_range_are_marked():
    found = row(
        chronological_age_remarks=["lower_bound;not_of_session"], predicted_age_years_in_range=[False]
    )
    assert found[2].text == "≥ 42.0"
    assert [cell.is_outside for cell in found] == [False, True, *[False] * 6]


def test_unknown_values_are_named_so():
    found = row(predicted_age_years=[None], predicted_age_years_lower95=[None], flags=[None])
    assert (found[1].text, found[1].about, found[-1].text) == ("n/a", "", "n/a")


def test_of_many_scans_those_to_look_at_come_first():
    tables = simulated(400)
    found = scans_view(tables, {})
    assert (len(found.rows), found.total) == (FIRST_SCANS, 400)
    bad = [cells for cells in found.rows if cells[-2].text != "ok"]
    assert len(bad) == tables["predictions"].frame["quality"].ne("ok").sum() > 10
