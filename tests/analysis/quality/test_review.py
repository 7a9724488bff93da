"""The list of what to look at."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.quality.comparison import Comparison
from neurofm_bids.analysis.quality.drift import COLUMNS as DRIFT_COLUMNS
from neurofm_bids.analysis.quality.review import COLUMNS, review_table

TABLE = pd.DataFrame(
    {
        "participant_id": ["sub-1", "sub-1", "sub-2"],
        "session_id": ["ses-1", "ses-2", None],
        "scan": ["a", "b", "c"],
        "age": [30.0, 31.0, 70.0],
        "sex": ["F", "F", "M"],
        "predicted_age_years": [33.0, 71.0, 69.0],
        "predicted_male_probability": [0.1, 0.97, 0.9],
        "intracranial_mm3": [1.4e6, 1.61e6, 1.6e6],
    }
)
NO_PAIRS = pd.DataFrame({"first": [], "other": []}, dtype=int)
NO_SWAPS = pd.DataFrame({"place": [], "own": [], "match": []}, dtype=int)
NOTHING = {
    "compared": Comparison(NO_PAIRS.assign(share=0.0), NO_PAIRS, NO_SWAPS, NO_PAIRS),
    "outliers": pd.DataFrame({"outlier_distance": [1.0, 2, 3], "outlier_p": 0.5, "is_outlier": False}),
    "drift": pd.DataFrame(columns=list(DRIFT_COLUMNS)),
}


def compared(**found):
    parts = {"duplicates": NO_PAIRS.assign(share=0.0), "same": NO_PAIRS, "swaps": NO_SWAPS, "sexes": NO_PAIRS}
    return Comparison(**(parts | found))


def review(**found):
    return review_table(TABLE, **(NOTHING | found))


def test_nothing_found_is_an_empty_table():
    assert review().empty
    assert list(review()) == list(COLUMNS)


def swap(**values):
    row = {"place": 1, "own": 0, "match": 2, "pair_ratio": 12.0, "match_ratio": 5.0, "recorded_ratio": 3.0}
    return pd.DataFrame([row | {"ratio": 20.0, "age_score": 2.0, "sex_score": 3.0} | values])


def test_a_swap_has_head_size_records_and_match():
    row = review(compared=compared(swaps=swap())).iloc[0]
    assert (row["scan"], row["other_scan"], row["measure"]) == ("b", "c", "intracranial_mm3")
    assert (row["value"], row["expected"]) == (1.61e6, 1.4e6)
    assert row["score"] == pytest.approx(20 / np.log(10))
    for text in (
        "+15.0%",
        "do not match a",
        "recorded sex F, predicted male 0.970",
        "recorded age 31.0, predicted 71.0",
    ):
        assert text in row["reason"]
    assert row["action"].endswith("first for an exchange with c.")


def test_a_swap_by_records_only_has_the_predicted_and_the_recorded_value():
    row = review(compared=compared(swaps=swap(own=-1, match=-1, pair_ratio=0.0))).iloc[0]
    assert (row["measure"], row["value"], row["expected"]) == ("predicted_male_probability", 0.97, 0.0)
    assert pd.isna(row["other_scan"])
    row = review(compared=compared(swaps=swap(own=-1, match=-1, pair_ratio=0.0, sex_score=0.0))).iloc[0]
    assert (row["measure"], row["value"], row["expected"]) == ("predicted_age_years", 71.0, 31.0)
    assert "recorded sex" not in row["reason"]


def same_brains(*, may_be_exchanged=False):
    pair = {"first": 0, "other": 2, "distance": 0.1, "typical": 0.5, "chance": 1e-5}
    return pd.DataFrame([{**pair, "may_be_exchanged": may_be_exchanged}])


def test_sessions_that_may_be_exchanged_are_checked_before_copies():
    [action] = review(compared=compared(same=same_brains()))["action"]
    [first] = review(compared=compared(same=same_brains(may_be_exchanged=True)))["action"]
    assert "exchanged" not in action
    assert first == f"Check first whether sessions of the two participants were exchanged. {action}"


def test_findings_are_ordered_by_kind_and_strength():
    pairs = pd.DataFrame({"first": [0, 0], "other": [1, 2], "share": [0.7, 1.0]})
    same = same_brains()
    outliers = pd.DataFrame({"outlier_distance": [1.0, 2, 9], "outlier_p": [0.5, 0.5, 1e-6]})
    outliers["is_outlier"] = pd.array([False, None, True], dtype="boolean")
    found = review(
        compared=compared(duplicates=pairs, same=same, swaps=swap(), sexes=pairs[["first", "other"]][:1]),
        outliers=outliers,
    )
    kinds = ["duplicate", "duplicate", "swap", "swap", "possible_duplicate", "outlier"]
    assert found["kind"].tolist() == kinds
    assert found["score"].tolist() == pytest.approx([1, 0.7, 300, 20 / np.log(10), 5, 6])
    assert found["measure"].tolist()[2] == "sex"
    assert "All features are equal to those of a" in found["reason"][0]
    assert "70% of features" in found["reason"][1]


def test_drift_has_a_row_per_group_with_the_largest_effect():
    row = {"by": "site", "group": "x", "test": "shift", "n": 40, "p_holm": 1e-3, "is_drift": True}
    rows = [{**row, "measure": m, "value": v, "effect_size": v} for m, v in (("m1", 0.8), ("m2", -2.0))]
    rows.append({**row, "group": "y", "measure": "m1", "value": 9.0, "effect_size": 9.0, "is_drift": False})
    found = review(drift=pd.DataFrame(rows, columns=list(DRIFT_COLUMNS)))
    assert found["measure"].tolist() == ["m2"]
    assert found["scan"].isna().all()
    assert found["reason"][0].startswith("x: m2 differs from the other groups of site by -2 (-2.00 robust sd")
    assert "2 measures differ" in found["reason"][0]
