import re

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.age_gap.associations import ASSOCIATION_COLUMNS, associations
from tests.analysis.age_gap import cohort as planted
from tests.analysis.age_gap.cohort import cohort

ADJUST = ("age", "sex", "fwhm_mean_mm")


def with_gap(**options):
    table = cohort(**options)
    return table.assign(gap=table["predicted_age_years"] - table["age"])


def associated(table, columns, adjust=ADJUST, **options):
    made = associations(table, "gap", columns, adjust, **options)
    assert tuple(made.frame) == ASSOCIATION_COLUMNS
    return made.frame.set_index("column"), made.remarks


def test_planted_effects_are_within_their_intervals():
    """Of 40 cohorts, the 95% interval of each effect holds the truth in 33 or more (p > 0.001 for fewer)."""
    truth = {"moca": planted.PER_POINT, "group": planted.OF_PATIENTS}
    within = dict.fromkeys(truth, 0)
    for seed in range(40):
        frame, remarks = associated(
            with_gap(people=150, seed=seed), ["moca", "group"], (*ADJUST, "moca", "group")
        )
        assert remarks == ()
        for column, effect in truth.items():
            within[column] += frame["lower95"][column] < effect < frame["upper95"][column]
    assert min(within.values()) >= 33


def test_a_column_without_effect_is_rarely_significant():
    rng = np.random.default_rng(1)
    p = []
    for seed in range(100):
        table = with_gap(people=80, seed=seed)
        table["noise"] = rng.normal(size=len(table))
        p.append(associated(table, ["noise"])[0]["p"]["noise"])
    assert 0 <= np.mean(np.array(p) < 0.05) <= 0.12


def test_covariates_matter():
    table = with_gap(people=2000, seed=2)
    table["confounded"] = table["fwhm_mean_mm"] + np.random.default_rng(0).normal(0, 0.5, len(table))
    alone = associated(table, ["confounded"], ("age",))[0].loc["confounded"]
    adjusted = associated(table, ["confounded"])[0].loc["confounded"]
    assert alone["p"] < 0.001
    assert adjusted["lower95"] < 0 < adjusted["upper95"]
    assert adjusted["adjusted_for"] == "age;sex;fwhm_mean_mm"


def test_levels_are_compared_with_the_most_frequent_one():
    table = with_gap(people=200)
    table["site"] = np.where(np.arange(200) < 100, "A", np.where(np.arange(200) < 160, "B", "C"))
    table.loc[table["site"] == "C", "gap"] += 5
    table.loc[:1, "site"] = "D"
    frame, remarks = associated(table, ["site", "moca"])
    assert list(frame.loc["site", "level"]) == ["B", "C"]
    assert set(frame.loc["site", "reference"]) == {"A"}
    assert frame.loc["site", "estimate"].iloc[1] == pytest.approx(5, abs=2)
    assert frame.loc["site", "p_column"].nunique() == 1
    assert frame.loc["site", "p_column"].iloc[0] < 1e-4
    assert frame["scans"]["moca"] == 200
    assert set(frame.loc["site", "scans"]) == {198}
    assert remarks == (
        "Levels of site with fewer than 10 people who have all values of a model count as not known there: "
        "D.",
    )


def test_p_values_are_corrected_over_columns_not_over_rows():
    table = with_gap(people=120)
    table["site"] = np.tile(["A", "B", "C"], 40)
    frame, _ = associated(table, ["moca", "group", "site"])
    by_column = frame[~frame.index.duplicated()]["p_column"].sort_values()
    holm = np.maximum.accumulate(np.minimum(by_column * [3, 2, 1], 1))
    for column in by_column.index:
        assert np.all(np.isclose(frame.loc[[column], "p_corrected"], holm[column]))


def test_partial_r_is_the_correlation_of_residuals():
    table = with_gap(people=150)
    frame, _ = associated(table, ["moca"], ("age", "fwhm_mean_mm"))
    others = np.column_stack([np.ones(150), table["age"], table["fwhm_mean_mm"]])
    residuals = [
        values - others @ np.linalg.lstsq(others, values, rcond=None)[0]
        for values in (table["gap"].to_numpy(), table["moca"].astype(float).to_numpy())
    ]
    assert frame["partial_r"]["moca"] == pytest.approx(np.corrcoef(*residuals)[0, 1])


def test_scans_of_one_person_do_not_count_as_people():
    """Ten equal scans of everyone make the interval no narrower than one scan of everyone does."""
    once = with_gap(people=100)
    again = pd.concat([once] * 10, ignore_index=True)
    one, many = (associated(table, ["moca"])[0].loc["moca"] for table in (once, again))
    assert (one["standard_errors"], many["standard_errors"]) == ("HC3", "cluster")
    assert (many["people"], many["scans"]) == (100, 1000)
    width = (many["upper95"] - many["lower95"]) / (one["upper95"] - one["lower95"])
    assert width == pytest.approx(1, abs=0.12)


def test_rows_without_a_value_are_left_out():
    table = with_gap(people=100)
    table.loc[:9, "moca"] = "n/a"
    table.loc[10:19, "sex"] = None
    table.loc[20:29, "gap"] = np.nan
    assert associated(table, ["moca"])[0]["people"]["moca"] == 70


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"moca": "n/a"}, r"0 people have all values, 1\d are needed"),
        ({"moca": "28"}, "does not vary"),
        ({"moca": [f"id{place}" for place in range(100)]}, "fewer than two levels of 10 people"),
    ],
)
def test_a_column_that_cannot_be_tested_is_named(change, reason):
    frame, remarks = associated(with_gap(people=100).assign(**change), ["moca", "group"])
    assert list(frame.index) == ["group"]
    assert any("with moca is not tested" in remark for remark in remarks)
    assert re.search(reason, " ".join(remarks))


def test_a_column_that_equals_a_covariate_is_not_tested():
    table = with_gap(people=100)
    table["months"] = table["age"] * 12
    _, remarks = associated(table, ["months"])
    assert remarks == (
        "The association of gap with months is not tested: it cannot be told from what it is adjusted for.",
    )


def test_constant_covariates_are_omitted():
    frame, _ = associated(with_gap(people=100).assign(sex="F"), ["moca"])
    assert frame["adjusted_for"]["moca"] == "age;fwhm_mean_mm"


def test_codes_are_levels_where_that_is_said():
    table = with_gap(people=120)
    table["code"] = np.tile([1, 2, 3], 40)
    assert len(associated(table, ["code"])[0]) == 1
    assert list(associated(table, ["code"], categories=["code"])[0]["level"]) == ["2", "3"]


def test_levels_are_counted_among_complete_rows():
    """Nine of the ten scans of site C lack the score, so that one row of it is left in the model."""
    table = with_gap(people=120)
    table["site"] = ["A"] * 60 + ["B"] * 50 + ["C"] * 10
    table.loc[111:, "moca"] = "n/a"
    frame, remarks = associated(table, ["site"], (*ADJUST, "moca"))
    assert list(frame["level"]) == ["B"]
    assert frame["people"]["site"] == 110
    assert "Levels of site with fewer than 10 people" in remarks[0]
    assert remarks[0].endswith(": C.")


def test_levels_are_counted_by_people_and_not_by_scans():
    table = with_gap(people=60, scans=3)
    person = np.repeat(np.arange(60), 3)
    nine, ten = (associated(table.assign(site=np.where(person < n, "A", "B")), ["site"]) for n in (9, 10))
    assert nine[0].empty
    assert "fewer than two levels of 10 people" in nine[1][-1]
    assert list(ten[0]["reference"]) == ["B"]


def test_the_rarer_value_of_numbers_needs_ten_people():
    table = with_gap(people=60, scans=2)
    person = np.repeat(np.arange(60), 2)
    nine, ten = (associated(table.assign(case=np.where(person < n, 1, 0)), ["case"]) for n in (9, 10))
    assert nine[0].empty
    assert nine[1][-1].endswith(
        "not tested: 9 people have another value than the most frequent one, 10 are needed."
    )
    assert list(ten[0].index) == ["case"]


@pytest.mark.parametrize("scans", [1, 2])
def test_a_covariate_that_one_person_determines_is_a_remark(scans):
    table = with_gap(people=60, scans=scans)
    table["moved"] = np.where(table["participant_id"] == "sub-007", 1.0, 0.0)
    frame, remarks = associated(table, ["moca"], (*ADJUST, "moved"))
    assert frame.empty
    assert remarks[-1].endswith("not tested: the values of one participant alone determine an estimate.")


@pytest.mark.parametrize("people", [10, 12])
def test_clustered_errors_of_ten_people_reject_rarely(people):
    """Of 200 cohorts without an effect, 5% are expected; 12% was the share with 5 people."""
    p = []
    for seed in range(200):
        table = with_gap(people=80, scans=2, seed=seed)
        rare = np.random.default_rng(seed).permutation(80)[:people]
        table["site"] = np.where(np.isin(np.repeat(np.arange(80), 2), rare), "A", "B")
        p.append(associated(table, ["site"])[0]["p"]["site"])
    assert np.mean(np.array(p) < 0.05) < 0.12
