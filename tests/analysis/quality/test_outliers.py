"""Outliers in many directions at once."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.outliers import find_outliers, outlier_distances, outlier_p_values
from tests.analysis.quality.people import People


def cohort(n, seed):
    world = People(seed)
    return world.numbers(world.brains(n))[0]


def mixed(features, rng):
    """Return rows whose features are each within the margins, but of different people."""
    return np.stack([rng.permutation(column) for column in features.T], axis=1)[:5]


@pytest.mark.parametrize("seed", range(3))
def test_scans_whose_features_do_not_fit_together_are_outliers(seed):
    features = cohort(300, seed)
    features[:5] = mixed(features, np.random.default_rng(seed))
    found = find_outliers(features, np.ones(300, bool))
    assert found["is_outlier"][:5].all()
    assert found["is_outlier"][5:].sum() <= 1


@pytest.mark.parametrize(("n", "cohorts"), [(40, 50), (300, 10), (2000, 5)])
def test_a_cohort_without_outliers_has_hardly_any(n, cohorts):
    false = [find_outliers(cohort(n, seed), np.ones(n, bool))["is_outlier"].sum() for seed in range(cohorts)]
    assert sum(false) <= 0.01 * cohorts * n


@pytest.mark.parametrize("n", [20, 30, 50])
@pytest.mark.parametrize("width", [100, 768])
def test_features_without_any_direction_are_compared_too(n, width):
    features = np.random.default_rng(n).standard_normal((n, width))
    features[3] *= 20
    found = find_outliers(features, np.ones(n, bool))
    assert np.flatnonzero(found["is_outlier"]).tolist() == [3]
    assert np.isfinite(found["outlier_distance"]).all()


@pytest.mark.parametrize("n_equal", [31, 40, 60])
def test_features_that_do_not_vary_have_empty_cells(n_equal):
    features = np.random.default_rng(0).standard_normal((60, 30))
    features[:n_equal] = 2
    assert find_outliers(features, np.ones(60, bool)).isna().all().all()


@pytest.mark.parametrize("n_equal", [10, 20, 29])
def test_equal_scans_among_others_are_no_outliers(n_equal):
    features = cohort(60, 0)
    features[:n_equal] = features[0]
    found = find_outliers(features, np.ones(60, bool))
    assert np.isfinite(found["outlier_distance"]).all()
    assert not found["is_outlier"][:n_equal].any()


def test_heavy_tails_are_those_of_the_cohort_and_no_outliers():
    features = cohort(600, 0)
    features *= np.sqrt(5 / np.random.default_rng(0).chisquare(5, (600, 1))).astype(np.float32)
    assert find_outliers(features, np.ones(600, bool))["is_outlier"].mean() < 0.01


def test_scans_that_are_left_out_have_empty_cells_and_change_nothing():
    features = cohort(100, 1)
    alone = find_outliers(features[:80], np.ones(80, bool))
    features[80:] = 1e6
    found = find_outliers(features, np.arange(100) < 80)
    assert found[80:].isna().all().all()
    assert found["outlier_distance"][:80].equals(alone["outlier_distance"])


def test_few_scans_have_empty_cells():
    assert find_outliers(cohort(19, 0), np.ones(19, bool)).isna().all().all()


def test_both_distances_grow_with_the_deviation():
    features = cohort(1500, 2)
    mean, sd = features.mean(axis=0), features.std(axis=0)
    direction = np.linalg.svd((features - mean) / sd)[2][0] * np.sqrt(80)
    features[0], features[1] = mean + 4 * sd * direction, mean + 8 * sd * direction
    features[2], features[3] = (mean + k * sd * np.tile([1, -1], 40) for k in (3, 6))
    within, beyond = outlier_distances(features).T
    assert within[1] > within[0] > np.quantile(within[4:], 0.98)
    assert beyond[3] > beyond[2] > beyond[4:].max()


def test_a_distance_of_one_is_that_of_the_median_scan():
    found = find_outliers(cohort(200, 3), np.ones(200, bool))
    assert found["outlier_distance"].median() == pytest.approx(1, abs=0.25)


def test_features_that_components_describe_completely_have_one_distance():
    features = np.random.default_rng(0).standard_normal((200, 3)) @ np.ones((3, 8)) * np.arange(1, 9)
    assert outlier_distances(features).shape == (200, 1)


def test_p_values_of_lognormal_distances_are_uniform():
    distances = np.exp(np.random.default_rng(0).normal(1, 0.3, 5000))
    p = outlier_p_values(distances)
    assert np.quantile(p, [0.01, 0.5, 0.99]) == pytest.approx([0.01, 0.5, 0.99], abs=0.02)
