"""What tells one brain from another."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.components import robust_scale
from neurofm_bids.analysis.quality.fingerprint import LEAST_SCANS, fingerprints
from tests.analysis.quality.people import People


def numbers(n=100):
    world = People()
    return world.numbers(world.brains(n))


def test_scores_are_standardised_and_without_correlation():
    prints = fingerprints(*numbers(400), np.ones(400, bool))
    assert robust_scale(prints.scores)[1] == pytest.approx(np.ones(prints.scores.shape[1]))
    correlation = np.corrcoef(prints.scores.T) - np.eye(prints.scores.shape[1])
    assert np.abs(correlation).max() < 0.35


def test_scans_without_volumes_that_most_have_are_left_out():
    features, volumes, metrics = numbers()
    volumes[3] = np.nan
    included = np.arange(100) != 5
    prints = fingerprints(features, volumes, metrics, included)
    assert prints.places.tolist() == [i for i in range(100) if i not in (3, 5)]


def test_volumes_that_few_scans_have_are_not_used():
    features, volumes, metrics = numbers()
    volumes[:60, 2] = np.nan
    used = fingerprints(features, volumes, metrics, np.ones(100, bool))
    assert len(used.places) == 100
    without = fingerprints(features, np.delete(volumes, 2, axis=1), metrics, np.ones(100, bool))
    assert np.array_equal(used.scores, without.scores)


def test_features_alone_are_enough():
    features, volumes, metrics = numbers()
    prints = fingerprints(features, volumes[:, :0], metrics[:, :0], np.ones(100, bool))
    assert prints.numbers.shape == features.shape
    assert 0 < prints.scores.shape[1] <= 20


def test_few_scans_have_none():
    assert fingerprints(*numbers(LEAST_SCANS - 1), np.ones(LEAST_SCANS - 1, bool)) is None
