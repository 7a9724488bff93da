"""Clusters by k-means and by density."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from neurofm_bids.analysis.clusters import partition
from neurofm_bids.analysis.clusters.partition import hdbscan, kmeans
from tests.analysis.clusters.cohorts import planted

PLACES, TRUTH = planted((60, 90, 40))


@pytest.mark.parametrize("labels", [kmeans(PLACES, 3), hdbscan(PLACES)])
def test_planted_clusters_are_found_and_the_largest_is_first(labels):
    assert adjusted_rand_score(TRUTH[labels > 0], labels[labels > 0]) > 0.9
    sizes = np.bincount(labels, minlength=4)[1:]
    assert sizes[0] >= sizes[1] >= sizes[2] > 0
    assert len(sizes) == 3


def test_equal_seeds_give_equal_clusters():
    assert (kmeans(PLACES, 4, seed=3) == kmeans(PLACES, 4, seed=3)).all()


def test_scans_without_density_are_noise():
    lonely = np.concatenate([PLACES, [[90.0, 90, 90, 90]]])
    assert hdbscan(lonely)[-1] == partition.NOISE
    assert (hdbscan(PLACES[:3]) == partition.NOISE).all()


def test_others_belong_to_the_nearest_centre_or_scan():
    labels = kmeans(PLACES, 3)
    centres = partition.centres_of(PLACES, labels)
    assert (partition.nearest_centre(PLACES, centres) == labels).all()
    assert (partition.nearest_label(PLACES + 1e-6, PLACES, labels) == labels).all()


def test_labels_are_numbered_by_size():
    assert partition.by_size(np.array([4, -1, 2, 2])).tolist() == [2, 0, 1, 1]
