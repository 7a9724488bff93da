"""Nested cross-validation of hazards."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.hazard_model import event_folds, fit_model
from neurofm_bids.readouts.hazard_validation import cross_validate, evaluate_hazards, martingale_residuals
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import harrell_c
from tests.readouts.test_hazard_model import cohort

QUICK = Scheme(folds=3, permutations=0, bootstraps=5, replicates=5)


def validated(samples, causes=(1,), seed=0):
    folds = event_folds(samples, 3, seed)
    return cross_validate(samples, causes, (5.0,), folds, replace(QUICK, seed=seed))


def test_held_out_scans_take_no_part():
    """Their hazards are those of a fit without them, whatever their own features are."""
    samples = cohort(400)
    folds = event_folds(samples, 3, 0)
    rows = np.flatnonzero(folds == 1)
    changed = replace(samples, features=samples.features.copy(), target=samples.target.copy())
    changed.features[rows] = changed.features[rows][:, ::-1] * 50 + 1000
    changed.target[rows, 1] += 30
    without = fit_model(samples.take(folds != 1), (1, 2), folds=3, seed=2)
    for one in (samples, changed):
        found = cross_validate(one, (1, 2), (5.0,), folds, QUICK)
        expected = without.log_ratios(one.take(rows))
        assert found.log_ratios[rows] == pytest.approx(expected)
        assert found.held_out.horizon_risks[rows] == pytest.approx(without.risks(expected, np.array([5.0])))


def test_two_scans_of_each_person_do_not_help_each_other():
    """If the scans of a person were split, what identifies a person would seem to predict the event."""
    base = cohort(150, effect=0.0, competing=False, scans=2)
    features = np.random.default_rng(0).normal(size=(150, 60))
    twice = replace(base, features=np.tile(features, (2, 1)), covariates=np.zeros((300, 0)))
    times = SurvivalTimes.of(twice.target)
    together = validated(twice).held_out.log_ratios
    split = validated(replace(twice, people=np.arange(300))).held_out.log_ratios
    assert abs(harrell_c(times, together) - 0.5) < 0.08
    assert harrell_c(times, split) > 0.65


def test_horizons_beyond_the_follow_up_are_left_out():
    samples = cohort(200)
    folds = event_folds(samples, 3, 0)
    held_out = cross_validate(samples, (1, 2), (30.0, 2.0), folds, QUICK).held_out
    assert held_out.horizons.tolist() == [2]
    assert held_out.times[[0, -1]].tolist() == [0, 2]
    assert np.isfinite(held_out.risks).all()


def test_an_evaluation_compares_with_covariates_and_predictions_and_permutes():
    samples = cohort(300)
    folds = event_folds(samples, 3, 0)
    scheme = replace(QUICK, permutations=99)
    predictions = samples.features[:, :1] + 0.3
    evaluation, _ = evaluate_hazards(samples, (1, 2), (5.0,), folds, scheme, predictions)
    full, covariates, read = (
        of["c_index"].value
        for of in (evaluation.metrics, evaluation.covariates_only, evaluation.predictions_and_covariates)
    )
    assert evaluation.with_covariates["c_index"] == evaluation.metrics["c_index"]
    assert evaluation.predictions_only["c_index"].value < read
    assert covariates + 0.05 < full
    assert read == pytest.approx(full, abs=0.03)
    assert evaluation.p_value == pytest.approx(0.01)
    assert list(evaluation.learning_curve) == ["133", "200"]  # of 67, too few have the event
    assert "3 folds of people, 3 inner folds of people in each training, for penalty" in evaluation.scheme
    assert "99 permutations" in evaluation.scheme


def test_without_an_effect_nothing_is_found():
    """Over cohorts, held-out C-indices are about .5, and p-values are not small."""
    found, p_values = [], []
    for seed in range(10):
        base = cohort(200, effect=0.0, competing=False, seed=seed)
        null = replace(base, covariates=np.zeros((200, 0)))
        scheme = replace(QUICK, permutations=39, seed=seed)
        evaluation, _ = evaluate_hazards(null, (1,), (5.0,), event_folds(null, 3, seed), scheme)
        found.append(evaluation.metrics["c_index"].value)
        p_values.append(evaluation.p_value)
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)
    assert sum(p <= 0.1 for p in p_values) <= 4
    assert np.mean(p_values) > 0.2


def test_martingale_residuals_are_free_of_covariates():
    samples = cohort(500)
    residuals = martingale_residuals(samples, (1, 2), QUICK)
    assert residuals.sum() == pytest.approx(0, abs=1e-8)
    assert abs(np.corrcoef(residuals, samples.covariates[:, 0])[0, 1]) < 0.01
    assert np.corrcoef(residuals, samples.features[:, 0])[0, 1] > 0.3


@pytest.mark.parametrize(("known", "is_compared"), [(290, True), (40, False)])
def test_predictions_are_compared_with_on_the_scans_that_have_them(known, is_compared):
    samples = cohort(300)
    predictions = np.where(np.arange(300)[:, None] < known, samples.features[:, :1], np.nan)
    evaluation, _ = evaluate_hazards(samples, (1, 2), (), event_folds(samples, 3, 0), QUICK, predictions)
    assert ("c_index" in evaluation.predictions_only) is is_compared
    assert ("c_index" in evaluation.predictions_and_covariates) is is_compared
