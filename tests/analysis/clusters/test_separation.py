"""Whether clusters are separate."""

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.partition import kmeans
from neurofm_bids.analysis.clusters.separation import separation_p, valley_p
from neurofm_bids.readouts.threads import one_thread
from tests.analysis.clusters.cohorts import continuum, planted


@pytest.mark.parametrize("kind", ["normal", "uniform", "heavy", "skewed", "curved"])
def test_parts_of_a_continuum_are_not_more_often_than_the_level(kind):
    least = []
    with one_thread():
        for seed in range(30):
            places = continuum(kind, seed=seed)
            tried = (kmeans(places, number, starts=2) for number in (2, 3, 4))
            least.append(min(separation_p(places, labels).max() for labels in tried))
    assert (np.array(least) < 0.05 / 3).mean() < 0.05


def test_planted_clusters_are():
    places, truth = planted((80, 60, 60))
    assert separation_p(places, truth + 1).max() < 0.001


def test_the_least_separate_other_cluster_counts():
    places, truth = planted((80, 60, 60))
    labels = truth + 1
    labels[:40] = 4
    p = separation_p(places, labels)
    assert p[[0, 3]].min() > 0.05
    assert p[[1, 2]].max() < 0.001


def test_equal_places_and_one_cluster_are_not_separate():
    same = np.zeros((5, 2))
    assert valley_p(same, same) == 1
    assert separation_p(same, np.ones(5, dtype=int)).tolist() == [1]


def test_it_rejects_one_cluster_no_more_often_than_its_level():
    random = np.random.default_rng(5)
    values = [np.sort(random.uniform(size=(60, 1)), axis=0) for _ in range(300)]
    p = np.array([valley_p(one[:30], one[30:]) for one in values])
    assert (p < 0.05).mean() < 0.05
