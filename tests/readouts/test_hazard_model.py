"""Hazards of the event and the competing event, fitted to one training set."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.hazard_model import event_folds, fit_model
from neurofm_bids.readouts.hazards import baseline_hazard
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import calibration_slope
from tests.readouts.simulated_times import KnownHazards, simulate_times


def cohort(n=400, features=6, effect=0.8, competing=True, seed=0, scans=1):
    """Return people with an effect of the first feature on the event, of age on both events."""
    random = np.random.default_rng(seed)
    values, age = random.normal(size=(n, features)), random.normal(70, 6, n)
    log_ratios = np.column_stack([effect * values[:, 0] + 0.08 * (age - 70), 0.1 * (age - 70)])
    known = KnownHazards(log_ratios[:, : 1 + competing], (0.06, 0.04)[: 1 + competing])
    target = simulate_times(known, random)[0].target
    rows = np.tile(np.arange(n), scans)
    sites = rows % 3
    return Samples(values[rows], age[rows, None], target[rows], rows, sites)


def fitted(samples, causes=(1, 2)):
    return fit_model(samples, causes, folds=4, seed=0)


def test_hazards_have_the_effects_of_features_and_covariates():
    samples = cohort(2000)
    model = fitted(samples)
    event, death = (model.columns.linear(own.fitted) for own in model.hazards)
    assert event.coefficients[0] == pytest.approx(0.8, abs=0.12)
    assert np.abs(event.coefficients[1:]).max() < 0.12
    assert event.covariates[0] == pytest.approx(0.08, abs=0.02)
    assert death.covariates[0] == pytest.approx(0.1, abs=0.02)
    assert np.abs(death.coefficients).max() < 0.1
    assert model.log_ratios(samples).mean(axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_the_penalty_is_strong_without_an_effect_and_weak_with_one():
    weak, strong = (fitted(cohort(effect=effect, competing=False), (1,)) for effect in (0.8, 0.0))
    assert weak.hazards[0].penalty < strong.hazards[0].penalty / 30


def test_baselines_and_slopes_are_those_of_held_out_scans():
    samples = cohort(300, 40)
    times, (event, death) = SurvivalTimes.of(samples.target), fitted(samples).hazards
    held_out = calibration_slope(times, event.held_out)
    assert min(held_out, 1) < event.slope < max(held_out, 1)
    for hazard in (event, death):
        expected = baseline_hazard(times, hazard.cause, hazard.slope * hazard.held_out)
        assert hazard.baseline == expected
        assert hazard.coefficients == pytest.approx(hazard.slope * hazard.fitted)


def test_scans_of_a_person_stay_together_and_folds_have_equal_shares_of_events():
    samples = cohort(100, scans=2)
    folds = event_folds(samples, 5, 0)
    assert folds[:100].tolist() == folds[100:].tolist()
    events = samples.target[:, 2] == 1
    for fold in range(5):
        assert np.mean(events[folds == fold]) == pytest.approx(np.mean(events), abs=0.06)


def test_people_with_an_event_are_counted_not_scans():
    samples = cohort(60, scans=2)
    events = int(np.sum(samples.target[:60, 2] == 1))
    few = samples.take(np.flatnonzero((samples.target[:, 2] != 1) | (samples.people < 30)))
    count = len(np.unique(few.people[few.target[:, 2] == 1]))
    assert 0 < count < 20 <= 2 * events
    with pytest.raises(NeuroFMError, match=f"the event occurs in {count} people of a training, at least"):
        fitted(few)


@pytest.mark.parametrize("deaths", [0, 10])
def test_a_rare_competing_event_has_one_hazard_for_all(deaths):
    samples = cohort(300)
    samples.target[np.flatnonzero(samples.target[:, 2] == 2)[deaths:], 2] = 0
    model = fitted(samples)
    assert not model.hazards[1].coefficients.any()
    assert model.hazards[1].penalty == np.inf
    assert (model.baselines[1].cumulative_hazard[-1] > 0) == (deaths > 0)
    assert model.risks(model.log_ratios(samples), np.array([5.0])).shape == (300, 1)


def test_covariates_alone_are_a_model():
    samples = cohort(600)
    model = fitted(replace(samples, features=samples.features[:, :0]))
    assert model.columns.linear(model.hazards[0].fitted).covariates[0] == pytest.approx(0.07, abs=0.03)


def test_a_covariate_that_separates_people_keeps_a_finite_effect():
    samples = cohort(300)
    model = fitted(replace(samples, covariates=(samples.target[:, 2:] == 1).astype(float)))
    assert 1 < np.abs(model.hazards[0].fitted[0]) < 10
