from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.transform import LEAST_OF_SITE, learn_transform
from tests.readouts.cohorts import samples_of


def test_features_are_unrelated_to_covariates_and_of_unit_variance():
    samples = samples_of(covariates=2)
    shifted = replace(samples, features=samples.features + 5 * samples.covariates[:, :1])
    values = learn_transform(shifted).apply(shifted)
    assert np.allclose(values.mean(axis=0), 0)
    assert np.allclose(values.std(axis=0), 1)
    assert np.allclose(samples.covariates.T @ values, 0)


def test_harmonised_sites_have_one_mean_and_one_spread():
    samples = samples_of(scans=80, harmonised=True)
    spread = np.where(samples.sites[:, None] == 1, 4.0, 1.0)
    wild = replace(samples, features=samples.features * spread + 100 * samples.sites[:, None])
    values = learn_transform(wild).apply(wild)
    for site in (0, 1):
        own = values[samples.sites == site]
        assert np.allclose(own.mean(axis=0), 0)
        assert np.allclose(own.std(axis=0, ddof=1), own.std(axis=0, ddof=1)[0], rtol=0.05)
    plain = replace(wild, is_harmonised=False)
    assert abs(learn_transform(plain).apply(plain)[samples.sites == 1].mean()) > 0.5


def test_slopes_on_covariates_are_those_within_sites_if_harmonised():
    samples = samples_of(scans=200, harmonised=True)
    covariates = samples.covariates + 5 * samples.sites[:, None]
    features = 2 * covariates - 30 * samples.sites[:, None] + np.zeros((1, 8))
    made = replace(samples, covariates=covariates, features=features)
    assert learn_transform(made).slopes == pytest.approx(2)
    assert (learn_transform(replace(made, is_harmonised=False)).slopes < 0).all()


def test_a_site_of_few_scans_or_not_in_the_training_is_left_as_it_is():
    samples = samples_of(harmonised=True)
    sites = samples.sites.copy()
    sites[: LEAST_OF_SITE - 1] = 7
    transform = learn_transform(replace(samples, sites=sites))
    assert set(transform.sites) == {0, 1}
    other = replace(samples, sites=np.full_like(sites, 9))
    plain = other.features - (other.covariates - transform.centre) @ transform.slopes - transform.mean
    assert np.allclose(transform.apply(other), plain / transform.sd)


def test_a_constant_feature_counts_for_nothing():
    samples = samples_of()
    features = samples.features.copy()
    features[:, 2] = 1234.5
    transform = learn_transform(replace(samples, features=features))
    assert not transform.apply(replace(samples, features=features + 1))[:, 2].any()
    assert transform.unfold(np.ones(8), 0.0).coefficients[2] == 0


def test_a_feature_that_is_constant_at_one_site_only_is_not_scaled():
    samples = samples_of(harmonised=True, covariates=0)
    features, rng = samples.features.copy(), np.random.default_rng(0)
    own = samples.sites == 0
    features[own, 2] = 1234.5 + 1e-12 * rng.normal(size=own.sum())
    transform = learn_transform(replace(samples, features=features))
    assert transform.sites[0][1][2] == 1
    assert transform.sites[1][1][2] > 1


def test_a_function_is_the_same_in_the_units_of_the_features():
    samples = samples_of(covariates=2)
    transform = learn_transform(samples)
    weights = np.random.default_rng(1).normal(size=8)
    one = transform.unfold(weights, 0.7)
    expected = transform.apply(samples) @ weights + 0.7
    plain = samples.features @ one.coefficients + samples.covariates @ one.covariates + one.intercept
    assert np.allclose(plain, expected)
