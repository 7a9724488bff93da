"""Recorded age and sex against predictions."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.recorded import recorded_log_ratio, recorded_sexes_that_differ


def people(n, seed=0, age_error=5.0, sex_error=1.5):
    rng = np.random.default_rng(seed)
    age, is_male = rng.uniform(20, 80, n), rng.random(n) < 0.5
    logit = np.where(is_male, 4, -4) + sex_error * rng.standard_normal(n)
    sex = np.where(is_male, "M", "F").astype(object)
    return age, sex, age + age_error * rng.standard_normal(n), 1 / (1 + np.exp(-logit))


def test_wrong_age_and_sex_together_are_strong_evidence():
    age, sex, predicted, male = people(2000)
    places = np.flatnonzero((sex == "F") & (age < 30))[:5]
    sex[places], age[places] = "M", 75
    ratio = recorded_log_ratio(age, sex, predicted, male)["log_ratio"].to_numpy()
    assert (ratio[places] > np.log(100)).all()
    assert np.mean(np.delete(ratio, places) > np.log(100)) < 0.01


def test_honest_scans_reach_a_ratio_no_more_often_than_it_says():
    for seed in range(5):
        ratio = recorded_log_ratio(*people(1000, seed))["log_ratio"].to_numpy()
        for level in (10, 30, 100):
            assert np.mean(ratio >= np.log(level)) <= 1.5 / level


def test_evidence_is_weak_where_predictions_are_poor():
    age, sex, predicted, male = people(500, age_error=60, sex_error=12)
    sex[0] = "M" if male[0] < 0.5 else "F"
    assert recorded_log_ratio(age, sex, predicted, male)["log_ratio"].max() < np.log(100)


@pytest.mark.parametrize("known", [0, 9])
def test_too_few_known_values_are_no_evidence(known):
    age, sex, predicted, male = people(200)
    age[known:], sex[known:] = np.nan, None
    assert (recorded_log_ratio(age, sex, predicted, male) == 0).all().all()


def test_sexes_that_differ_between_sessions_are_found_with_the_first_known_one():
    sex = np.array([None, "F", "M", "F", "O"], dtype=object)
    found = recorded_sexes_that_differ(np.array([7, 7, 7, 8, 8]), sex)
    assert found.to_numpy().tolist() == [[1, 2]]
