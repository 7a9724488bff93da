"""Features and covariates as the columns of a hazard."""

import numpy as np
import pytest

from neurofm_bids.readouts.hazard_columns import learn_columns
from neurofm_bids.readouts.samples import Samples


def made(n=50, features=4, covariates=2, sites=1, harmonised=False):
    random = np.random.default_rng(0)
    known = np.column_stack([random.normal(70, 5, n), random.integers(0, 2, n)])
    values = random.normal(size=(n, features)) * 3 + known[:, :1] * 0.4 + 100
    people = np.arange(n)
    return Samples(values, known[:, :covariates], np.zeros((n, 3)), people, people % sites, harmonised)


def test_components_are_orthogonal_and_free_of_covariates():
    samples = made()
    columns = learn_columns(samples).values(samples)
    assert columns.shape == (50, 6)
    assert columns.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-12)
    assert columns[:, :2].std(axis=0) == pytest.approx([1, 1])
    products = columns.T @ columns
    assert products[2:, :2] == pytest.approx(np.zeros((4, 2)), abs=1e-9)
    assert products[2:, 2:] == pytest.approx(np.diag(np.diag(products)[2:]), abs=1e-9)


@pytest.mark.parametrize("features", [0, 4, 80])
@pytest.mark.parametrize("covariates", [0, 2])
def test_a_linear_function_has_the_units_of_features_and_covariates(features, covariates):
    samples = made(features=features, covariates=covariates)
    learned = learn_columns(samples)
    columns = learned.values(samples)
    coefficients = np.random.default_rng(1).normal(size=columns.shape[1])
    linear = learned.linear(coefficients, 0.5)
    read = linear.intercept + samples.features @ np.array(linear.coefficients)
    read = read + samples.covariates @ np.array(linear.covariates)
    assert read == pytest.approx(columns @ coefficients + 0.5)
    assert (len(linear.coefficients), len(linear.covariates)) == (features, covariates)


def test_columns_that_do_not_vary_have_no_weight():
    samples = made()
    samples.features[:, 1], samples.covariates[:, 1] = 7.0, 1.0
    learned = learn_columns(samples)
    columns = learned.values(samples)
    assert columns.shape[1] == 5
    assert columns[:, 1].tolist() == [0] * 50
    assert learned.linear(np.ones(5)).coefficients[1] == pytest.approx(0, abs=1e-12)


def test_features_are_harmonised_within_sites():
    samples = made(sites=2, harmonised=True)
    samples.features[samples.sites == 1] += 50
    columns = learn_columns(samples).values(samples)
    for site in (0, 1):
        assert columns[samples.sites == site, 2:].mean(axis=0) == pytest.approx(np.zeros(4), abs=0.5)
