import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.age_gap.correction import FOLDS, LEAST_CONTROLS, corrected_gaps
from tests.analysis.age_gap.cohort import cohort

AGE, PREDICTED, CORRECTED = "age", "predicted_age_years", "age_gap_corrected_years"
LINE = ["correction_intercept_years", "correction_slope"]


def controls(table):
    return set(table.loc[table["group"] == "control", "participant_id"])


def corrected(table, of=None):
    return corrected_gaps(table, AGE, PREDICTED, controls(table) if of is None else of)


def test_the_gap_of_held_out_controls_does_not_depend_on_age():
    """Each control is corrected with a line of others: over many cohorts the correlation is zero on average.

    The correlation of one cohort of n has a standard deviation of 1 / sqrt(n), here 0.06.
    """
    raw, made = [], []
    for seed in range(30):
        table = cohort(seed=seed)
        gaps = corrected(table)
        held_out = gaps["fold"].notna()
        ages = table.loc[held_out, AGE]
        raw.append(np.corrcoef(gaps.loc[held_out, "age_gap_years"], ages)[0, 1])
        made.append(np.corrcoef(gaps.loc[held_out, CORRECTED], ages)[0, 1])
    assert np.mean(raw) < -0.8
    assert abs(np.mean(made)) < 0.02
    assert np.abs(made).max() < 0.05


def test_people_who_are_no_controls_keep_their_effect_and_lose_the_dependence_on_age():
    table = cohort(people=4000)
    gaps = corrected(table)
    patients = table["group"] == "patient"
    assert gaps.loc[patients, CORRECTED].mean() - gaps.loc[~patients, CORRECTED].mean() == pytest.approx(
        3, abs=0.4
    )
    assert abs(np.corrcoef(gaps.loc[patients, CORRECTED], table.loc[patients, AGE])[0, 1]) < 0.08
    assert gaps.loc[patients, "fold"].isna().all()
    assert gaps.loc[patients, LINE].drop_duplicates().shape == (1, 2)


@pytest.mark.parametrize("scans", [1, 3])
def test_nobodys_own_age_is_in_the_line(scans):
    table = cohort(people=60, scans=scans)
    before = corrected(table)
    for person in ("sub-000", "sub-007", "sub-031"):
        own = table["participant_id"] == person
        changed = table.assign(
            age=table[AGE].where(~own, 95.0), predicted_age_years=table[PREDICTED] + 9 * own
        )
        after = corrected(changed, controls(table))
        pd.testing.assert_frame_equal(before.loc[own, [*LINE, "fold"]], after.loc[own, [*LINE, "fold"]])
        if before.loc[own, "is_control"].all():
            assert not np.allclose(before.loc[~own, LINE], after.loc[~own, LINE])


def test_all_scans_of_a_person_are_in_one_fold():
    table = cohort(people=80, scans=3)
    gaps = corrected(table)
    folds = gaps.groupby(table["participant_id"])["fold"].agg(["min", "max"]).dropna()
    assert (folds["min"] == folds["max"]).all()
    assert set(folds["min"]) == set(range(1, FOLDS + 1))


def test_the_corrected_gap_is_that_of_the_written_line():
    table = cohort(people=60)
    gaps = corrected(table)
    offset = gaps[LINE[0]] + gaps[LINE[1]] * table[AGE]
    assert np.allclose(gaps[CORRECTED], table[PREDICTED] - table[AGE] - offset)


def test_it_equals_the_correction_of_de_lange_and_cole():
    """Corrected prediction = prediction + age - (alpha age + beta), of a regression of prediction on age."""
    table = cohort(people=300)
    gaps = corrected(table)
    fold = gaps["fold"] == 3
    others = gaps["is_control"] & ~fold
    alpha, beta = np.polyfit(table.loc[others, AGE], table.loc[others, PREDICTED], 1)
    prediction = table[PREDICTED] + table[AGE] - (alpha * table[AGE] + beta)
    assert np.allclose((prediction - table[AGE])[fold], gaps.loc[fold, CORRECTED])


def test_a_control_counts_once_whatever_the_number_of_scans():
    table = cohort(people=60)
    once = corrected(table)
    doubled = table[table["participant_id"] == "sub-004"]
    more = corrected(pd.concat([table, doubled, doubled], ignore_index=True))
    assert np.allclose(once[LINE], more[LINE][: len(table)])


def test_scans_without_both_ages_have_no_gap_and_are_not_fitted():
    table = cohort(people=80)
    table.loc[3, AGE] = np.nan
    table.loc[5, PREDICTED] = np.nan
    gaps = corrected(table)
    assert gaps.loc[[3, 5], CORRECTED].isna().all()
    assert gaps.loc[[3, 5], "fold"].isna().all()
    assert gaps[CORRECTED].notna().sum() == len(table) - 2


def test_ages_beyond_those_of_controls_are_marked():
    table = cohort(people=80)
    table.loc[0, AGE] = 99.0
    gaps = corrected(table, controls(table) - {"sub-000"})
    assert gaps["outside_control_ages"][0]
    assert gaps["outside_control_ages"].mean() < 0.2


def test_too_few_controls_are_refused():
    table = cohort(people=60)
    few = sorted(controls(table))[: LEAST_CONTROLS - 1]
    with pytest.raises(
        ValueError, match=f"{LEAST_CONTROLS - 1} controls have both ages, at least {LEAST_CONTROLS}"
    ):
        corrected(table, few)
    with pytest.raises(ValueError, match="all controls, or all but those of a tenth, have the same age"):
        corrected(table.assign(age=40.0))


def test_controls_of_a_fold_without_other_ages_among_the_rest_are_refused():
    """One control of another age: the line of that control is of people who all have the same age."""
    table = cohort(people=60)
    only = sorted(controls(table))[0]
    ages = np.where(table["participant_id"] == only, 70.0, 40.0)
    with pytest.raises(ValueError, match="all but those of a tenth, have the same age"):
        corrected(table.assign(age=ages))


def test_controls_may_lack_the_prefix_of_labels():
    table = cohort(people=60)
    labels = {name.removeprefix("sub-") for name in controls(table)}
    pd.testing.assert_frame_equal(corrected(table, labels), corrected(table))


@pytest.mark.parametrize(
    ("of", "said"),
    [("sub-000", "^1 control has both"), (["sub-000", "000"], "^1 control has"), ([], "^0 controls")],
)
def test_controls_are_counted_in_the_refusal(of, said):
    table = cohort(people=60)
    with pytest.raises(ValueError, match=said):
        corrected(table, of)
