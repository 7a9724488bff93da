from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.report.group_columns import labels, preferred, scan_columns, unit_of
from tests.report.cohort_tables import Table, simulated


def columns_of(tables, links=None):
    return {column.name: column for column in scan_columns(tables, links or {})}


def test_columns_of_all_tables_of_scans_are_there_once_in_units_of_people():
    found = columns_of(simulated(40), {"sub-00001": "sub-00001.html"})
    assert found["left_hippocampus_mm3"].unit == "ml"
    assert found["left_hippocampus_mm3"].factor == pytest.approx(1e-3)
    assert (found["neck_mm3"].unit, found["neck_mm3"].factor) == ("mm³", 1.0)
    assert found["chronological_age_years"].unit == "years"
    assert found["predicted_age_years"].range_column == "predicted_age_years_in_range"
    assert {"pc_1", "umap_2", "kmeans", "outlier_distance", "moca", "age_gap_corrected_years"} <= set(found)
    assert [name for name in found if name.endswith(("_lower95", "_upper95", "_sd"))] == []
    assert found["link"].values.dropna().unique().tolist() == ["sub-00001.html"]


def test_columns_of_a_heading_stand_together():
    groups = [column.group for column in scan_columns(simulated(40), {})]
    assert len([1 for a, b in pairwise(groups) if a != b]) + 1 == len(set(groups))


def test_findings_and_changes_belong_to_every_scan_of_theirs():
    tables = simulated(40)
    found = columns_of(tables)
    review, change = tables["review"].frame, tables["change"].frame
    scans = tables["predictions"].frame["scan"]
    assert set(scans[found["findings"].values.notna()]) == set(review["scan"])
    values = found["change:left_hippocampus_mm3"].values
    assert values.notna().all()
    first = change.set_index("participant_id")["change_per_year"]
    assert values.tolist() == first[tables["predictions"].frame["participant_id"]].tolist()


def test_a_column_of_the_dataset_does_not_hide_one_of_the_predictions():
    tables = dict(simulated(40))
    frame = tables["covariates"].frame.assign(quality="seen by eye")
    found = columns_of({**tables, "covariates": Table(frame, {})})
    assert found["covariates:quality"].values.unique().tolist() == ["seen by eye"]
    assert found["quality"].values.isin(["ok", "check", "fail"]).all()


def test_harmonised_measures_stand_beside_the_others_and_features_are_left_out():
    found = columns_of(simulated(40))
    assert found["harmonised:predicted_age_years"].title == "Predicted age, harmonised"
    assert found["predicted_age_years"].title == "Predicted age"
    assert found["site"].group == "Dataset"
    assert found["harmonised:site"].title == "site"
    assert [name for name in found if "f000" in name] == []


def test_rows_are_matched_by_scan_and_not_by_place():
    tables = dict(simulated(40))
    frame = tables["outliers"].frame
    turned = Table(frame.iloc[::-1].iloc[:-1].reset_index(drop=True), {})
    values = columns_of({**tables, "outliers": turned})["outlier_distance"].values
    assert values.iloc[1:].tolist() == frame["outlier_distance"].iloc[1:].tolist()
    assert np.isnan(values.iloc[0])


def test_scans_are_called_by_their_images():
    frame = pd.DataFrame(
        {"scan": ["sub-1/anat/sub-1_run-2_T1w.nii.gz", None], "participant_id": ["sub-1", "sub-2"]}
    )
    assert labels({"predictions": Table(frame, {})}) == ["sub-1_run-2", "sub-2"]


def test_scans_to_look_at_are_preferred():
    tables = simulated(40)
    frame = tables["predictions"].frame
    expected = frame["quality"].ne("ok") | frame["scan"].isin(tables["review"].frame["scan"])
    assert preferred(tables).tolist() == expected.tolist()
    assert expected.any()


def test_units_without_meaning_are_not_written():
    assert [unit_of({"Units": unit}, is_volume=False)[0] for unit in ("1", "arbitrary", "percent")] == [
        "",
        "",
        "%",
    ]
