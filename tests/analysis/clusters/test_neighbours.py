"""Nearest neighbours of scans."""

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.neighbours import nearest_neighbours

PLACES = np.array([[0.0, 0], [0.1, 0], [1, 0], [3, 0]])


def test_scans_of_the_same_person_are_not_neighbours():
    found = nearest_neighbours(PLACES, ["a", "a", "b", "c"], 2)
    assert found[["scan", "rank", "neighbour"]].to_numpy().tolist() == [
        [0, 1, 2],
        [0, 2, 3],
        [1, 1, 2],
        [1, 2, 3],
        [2, 1, 1],
        [2, 2, 0],
        [3, 1, 2],
        [3, 2, 1],
    ]
    assert found["distance"].to_list() == pytest.approx([1, 3, 0.9, 2.9, 0.9, 1, 2, 2.9])


def test_they_are_those_of_all_distances():
    random = np.random.default_rng(0)
    places, people = random.normal(size=(80, 3)), random.integers(0, 30, 80)
    found = nearest_neighbours(places, people, 4)
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    distance[people[:, None] == people] = np.inf
    expected = np.argsort(distance, axis=1)[:, :4]
    assert found["neighbour"].to_numpy().reshape(80, 4).tolist() == expected.tolist()


def test_equal_distances_are_in_order_of_scans():
    same = np.zeros((4, 2))
    assert nearest_neighbours(same, list("abcd"), 3)["neighbour"].to_list()[:3] == [1, 2, 3]


def test_there_may_be_fewer_or_none():
    assert len(nearest_neighbours(PLACES, list("abcd"), 9)) == 12
    assert len(nearest_neighbours(PLACES, ["a"] * 4, 2)) == 0
