"""The space in which scans are compared."""

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.space import MOST_AXES, make_space, without_effects

RANDOM = np.random.default_rng(1)
SHARED = RANDOM.normal(size=(200, 3))
FEATURES = SHARED @ RANDOM.normal(size=(3, 30)) * 2 + RANDOM.normal(size=(200, 30))
ALL = np.ones(200, dtype=bool)


def test_axes_have_variance_one_and_those_of_shared_variance_are_kept():
    space = make_space(FEATURES, ALL)
    assert space.places.shape == (200, 3)
    assert space.places.var(axis=0, ddof=1) == pytest.approx(np.ones(3))
    assert space.shares.sum() < 1
    assert space.known.all()


def test_units_and_constant_features_do_not_matter():
    scaled = np.column_stack([FEATURES * np.logspace(-3, 3, 30), np.full(200, 7.3)])
    assert make_space(scaled, ALL).places == pytest.approx(make_space(FEATURES, ALL).places)


def test_scans_that_do_not_make_the_space_are_placed_in_it():
    makers = ALL.copy()
    makers[150:] = False
    features = FEATURES.copy()
    features[199, 3] = np.nan
    space = make_space(features, makers)
    assert space.places[:150] == pytest.approx(make_space(FEATURES[:150], ALL[:150]).places)
    assert space.known.tolist() == [True] * 199 + [False]


def test_there_are_at_least_two_axes_and_at_most_ten():
    assert make_space(RANDOM.normal(size=(200, 8)), ALL).places.shape[1] == 2
    many = RANDOM.normal(size=(200, 20)) @ RANDOM.normal(size=(20, 60))
    assert make_space(many, ALL).places.shape[1] == MOST_AXES


@pytest.mark.parametrize("rows", [2, 200])
def test_too_few_or_equal_scans_have_no_space(rows):
    assert make_space(np.ones((rows, 5)), np.ones(rows, dtype=bool)) is None


def test_linear_effects_are_removed():
    age = RANDOM.uniform(20, 80, 200)
    features = FEATURES + age[:, None] * 0.3
    left = without_effects(features, age[:, None], ALL)
    assert np.corrcoef(left[:, 0], age)[0, 1] == pytest.approx(0, abs=1e-10)
    assert left.mean(axis=0) == pytest.approx(features.mean(axis=0))
