"""Stability of clusters under resampling."""

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.partition import hdbscan, kmeans
from neurofm_bids.analysis.clusters.stability import STABLE, UNSTABLE, jaccard, verdict
from tests.analysis.clusters.cohorts import continuum, planted


def by(number):
    return lambda places, seed: kmeans(places, number, seed, starts=3)


def test_planted_clusters_are_stable():
    places, _ = planted((60, 40))
    assert jaccard(places, kmeans(places, 2), by(2)).min() > 0.95
    again = jaccard(places, hdbscan(places), lambda drawn, _: hdbscan(drawn), replace=False)
    assert again.min() > STABLE


def test_a_division_of_one_cluster_is_not():
    places = continuum("normal")
    assert jaccard(places, kmeans(places, 4), by(4)).max() < STABLE


def test_it_is_the_share_of_scans_in_both():
    places, labels = np.arange(40.0)[:, None], np.repeat([1, 2], 20)
    halves = jaccard(places, labels, lambda drawn, _: 1 + (drawn[:, 0] >= 20).astype(int))
    one = jaccard(places, labels, lambda drawn, _: np.ones(len(drawn), dtype=int))
    none = jaccard(places, labels, lambda drawn, _: np.zeros(len(drawn), dtype=int))
    assert halves.tolist() == [1, 1]
    assert one == pytest.approx([0.5, 0.5], abs=0.05)
    assert none.tolist() == [0, 0]


def test_limits():
    assert [verdict(value) for value in (STABLE, UNSTABLE, 0.59)] == ["stable", "doubtful", "unstable"]
