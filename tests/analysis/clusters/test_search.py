"""How many clusters there are."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from neurofm_bids.analysis.clusters.search import SAMPLE, find_clusters, search_density, search_kmeans
from tests.analysis.clusters.cohorts import continuum, planted


def chosen(tried):
    (one,) = [one for one in tried if one.is_chosen]
    return one


@pytest.mark.parametrize("seed", [1, 2])  # that the level holds over seeds is tested in test_separation
@pytest.mark.parametrize("kind", ["normal", "uniform", "heavy", "skewed", "curved"])
def test_a_continuum_is_one_cluster(kind, seed):
    places = continuum(kind, seed=seed)
    assert chosen(search_kmeans(places, (2, 4), seed)).number == 1
    assert chosen(search_density(places, seed)).number == 1


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("search", [lambda p, s: search_kmeans(p, (2, 4), s), search_density])
def test_planted_clusters_are_found(search, seed):
    places, truth = planted((80, 60, 60), distance=7, seed=seed)
    found = chosen(search(places, seed))
    assert found.number == 3
    assert adjusted_rand_score(truth, found.labels) > 0.9
    assert found.are_real(0.05).all()
    assert found.silhouette.min() > 0.3


def test_a_number_that_is_given_is_kept_with_what_is_wrong_with_it():
    found = chosen(search_kmeans(continuum("normal"), (3, 3)))
    assert found.number == 3
    assert not found.are_real(0.05).any()


def test_numbers_need_five_scans_per_cluster():
    assert [one.number for one in search_kmeans(continuum("normal", n=18), (2, 8))] == [1, 2, 3]


def test_large_cohorts_are_resampled_in_part_and_labelled_in_whole():
    places, truth = planted((SAMPLE, SAMPLE // 2), distance=7)
    found = chosen(search_kmeans(places, (2, 2)))
    assert len(found.labels) == len(truth)
    assert adjusted_rand_score(truth, found.labels) > 0.95


def test_dense_cohorts_beyond_the_limit_are_labelled_by_the_nearest_scan(monkeypatch):
    monkeypatch.setattr("neurofm_bids.analysis.clusters.search.DENSITY_SAMPLE", 150)
    places, truth = planted((150, 150), distance=8)
    found = chosen(search_density(places))
    assert adjusted_rand_score(truth, found.labels) > 0.9


def test_only_the_methods_that_are_named_run():
    places, _ = planted((40, 40))
    assert {one.method for one in find_clusters(places, ["hdbscan"], (2, 3))} == {"hdbscan"}
    tried = find_clusters(places, ["kmeans", "hdbscan"], (2, 3))
    assert [one.method for one in tried if one.is_chosen] == ["kmeans", "hdbscan"]


def test_equal_places_give_equal_clusters():
    places = continuum("normal", n=60)
    first, second = (search_kmeans(places, (2, 3), 4) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert (one.labels == other.labels).all()
        assert np.array_equal(one.similarity, other.similarity, equal_nan=True)
