from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.evaluation import evaluate
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.multiclass import Multiclass
from neurofm_bids.readouts.readout import Metric
from neurofm_bids.readouts.samples import Samples
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
    assert (made.with_covariates, made.predictions_and_covariates) == ({}, {})
    assert "each of 2 sites left out in turn" in made.scheme
    assert isinstance(made.metrics["mae"], Metric)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_what_features_add_to_covariates_is_seen_beside_them(kind):
    """Features alone are worse than the covariate, and add to it; noise adds nothing."""
    rng = np.random.default_rng(0)
    age, own = rng.normal(size=(2, 300))
    value = 2 * age + own
    target, family = (
        (value, Gaussian()) if kind == "regression" else (np.digitize(value, [-1, 1]), Multiclass(3))
    )
    noise = rng.normal(size=(300, 10))
    told = np.column_stack([own, noise[:, 1:]])
    people, told_too = np.arange(300), rng.normal(size=(300, 1))
    found = []
    for features in (told, noise):
        samples = Samples(features, age[:, None], target.astype(float), people, people * 0)
        made, _ = evaluate(samples, family, people % 5, QUICK, told_too, by_site=False)
        found.append([getattr(made, field)[family.main].value for field in FIELDS])
    (alone, with_covariates, covariates, *_), (_, noisy, same, predicted, both) = found
    assert alone < covariates < with_covariates - 0.02
    assert noisy == pytest.approx(same, abs=0.02)
    assert predicted < same - 0.2
    assert both == pytest.approx(same, abs=0.02)


def test_few_people_are_compared_too():
    samples = samples_of(scans=20)
    made, _ = evaluate(samples, Gaussian(), samples.people % 5, QUICK, samples.features[:, :1], by_site=False)
    assert all(getattr(made, field) for field in FIELDS)


FIELDS = ("metrics", "with_covariates", "covariates_only", "predictions_only", "predictions_and_covariates")
