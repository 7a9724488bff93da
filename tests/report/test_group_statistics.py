import numpy as np
import pandas as pd
import pytest

from neurofm_bids.records.dictionary import centile_columns
from neurofm_bids.report.group_statistics import (
    age_rows,
    centile_view,
    not_compared,
    summary_view,
    volume_columns,
)
from tests.report.cohort_tables import Table

COLUMNS = ["measure", "statistic", "value", "units", "n"]


def statistics(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def ages(**values):
    return statistics(*(("age_agreement", name, value, "year", 30) for name, value in values.items()))


def test_summaries_have_one_row_per_measure_in_units_of_people():
    rows = statistics(
        ("predicted_brain_volume_mm3", "mean", 1.2e6, "mm^3", 20),
        ("predicted_brain_volume_mm3", "n_outliers", 2, "count", 20),
        ("predicted_brain_volume_mm3", "sd", None, "mm^3", 20),
        ("noise", "mean", 0.1, "1", 21),
    )
    known = {"predicted_brain_volume_mm3": {"LongName": "Brain", "Units": "mm^3"}}
    found = summary_view(rows, known, ["predicted_brain_volume_mm3"])
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["Brain", "ml", "20", "1,200", "n/a", "n/a", "n/a", "n/a", "2"]
    ]
    assert len(found.heads) == 9


def test_agreement_is_shown_as_the_table_has_it():
    found = dict(age_rows(ages(mae=2.34, bias=-1.2, sd_of_gap=2.0, pearson_r=0.9, n_age_unknown=3)))
    assert found == {
        "Scans compared (n)": "30",
        "Scans left out: age not known": "3",
        "Mean absolute error (MAE)": "2.3 years",
        "Bias (mean of predicted minus chronological)": "-1.2 years",
        "Standard deviation of the gap": "2.0 years",
        "Pearson correlation (r)": "0.90",
    }
    few = dict(age_rows(ages(mae=2.0, bias=2.0, sd_of_gap=None, pearson_r=np.nan)))
    assert few["Standard deviation of the gap"] == "needs two scans"
    assert few["Pearson correlation (r)"] == "needs three scans and a spread of ages"
    assert age_rows(ages(n_age_unknown=3)) == []


@pytest.mark.parametrize(
    ("predicted", "known", "remarks", "why"),
    [
        ([None], [50.0], [None], "The model does not predict age."),
        ([50.0], [None], [None], "No chronological ages are known."),
        (
            [50.0, 50.0],
            [89.0, None],
            ["lower_bound;not_of_session", None],
            "All known chronological ages are",
        ),
        ([None, 50.0], [50.0, None], [None, None], "No scan has both"),
    ],
)
def test_the_report_says_why_no_scan_is_compared(predicted, known, remarks, why):
    frame = pd.DataFrame(
        {
            "predicted_age_years": predicted,
            "chronological_age_years": known,
            "chronological_age_remarks": remarks,
        }
    )
    assert not_compared(frame).startswith(why)


def test_centiles_are_counted_at_both_ends_and_unreliable_ones_left_out():
    unreliable = centile_columns()["centile_notes"]["Levels"]["unreliable"]
    frame = pd.DataFrame(
        {"a_centile": [1.0, 4.0, 50.0, 99.0], "b_centile": 50.0, "c_centile": None, "a_z": 0.0}
    )
    known = {
        "a_centile": {"LongName": "A, measured, centile"},
        "b_centile": {"Description": f"x. {unreliable}"},
    }
    table = Table(frame, known)
    assert volume_columns(table) == ["a_centile"]
    (row,) = centile_view(table).rows
    assert [cell.text for cell in row] == ["A, measured", "4", "27", "2", "50.0%", "1", "25.0%"]
