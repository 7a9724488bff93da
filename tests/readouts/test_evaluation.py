from dataclasses import replace

import numpy as np

from neurofm_bids.readouts.evaluation import evaluate
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.readout import Metric
from tests.readouts.cohorts import QUICK, samples_of

SCHEME = replace(QUICK, permutations=99, bootstraps=200)


def test_features_are_compared_with_covariates_and_predictions():
    samples = samples_of(scans=100)
    told = (samples.target + np.random.default_rng(0).normal(size=100))[:, None]
    made, held = evaluate(samples, Gaussian(), samples.people % 5, SCHEME, told, by_site=False)
    assert made.metrics["r"].value > 0.6
    assert abs(made.covariates_only["r"].value) < 0.4
    assert made.predictions_only["r"].value > 0.9
    assert made.p_value == 0.01
    assert made.scheme == (
        "Nested cross-validation: 5 folds of people, 5 inner folds of people in each training; intervals: "
        "200 bootstrap samples of people; 99 permutations within sites"
    )
    assert np.corrcoef(held.values[:, 0], samples.target)[0, 1] > 0.6


def test_more_people_read_better():
    samples = samples_of(scans=300, width=60, seed=2)
    made, _ = evaluate(samples, Gaussian(), samples.people % 5, QUICK, by_site=False)
    assert list(made.learning_curve) == ["48", "96", "144", "192", "240"]
    values = [metric.value for metric in made.learning_curve.values()]
    assert values[0] < values[-1] == made.metrics["r"].value
    assert made.p_value is None


def test_without_covariates_and_predictions_there_is_no_comparison():
    samples = samples_of(covariates=0)
    made, _ = evaluate(samples, Gaussian(), samples.sites, QUICK, by_site=True)
    assert (made.covariates_only, made.predictions_only) == ({}, {})
    assert "each of 2 sites left out in turn" in made.scheme
    assert isinstance(made.metrics["mae"], Metric)
