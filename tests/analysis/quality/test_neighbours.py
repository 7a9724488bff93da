"""How near other people's scans come by chance."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.neighbours import chance_of_neighbours, nearest_pairs


@pytest.mark.parametrize("dimensions", [3, 8, 15])
@pytest.mark.parametrize("n", [60, 1500])
def test_the_chance_of_the_nearest_strangers_is_about_one(dimensions, n):
    smallest = []
    for seed in range(8):
        scores = np.random.default_rng(seed).standard_normal((n, dimensions))
        found = chance_of_neighbours(scores, np.arange(n), *nearest_pairs(scores))
        smallest.append(found["chance"].min())
    assert 0.1 < np.median(smallest) < 10
    assert min(smallest) > 0.005


def test_the_nearest_pair_of_all_is_among_those_of_the_search():
    scores = np.random.default_rng(0).standard_normal((300, 12))
    scores[200] = scores[100] + 0.01
    assert (100, 200) in set(zip(*nearest_pairs(scores), strict=True))


def test_members_of_a_small_group_apart_are_not_taken_for_one_person():
    rng = np.random.default_rng(0)
    scores = np.vstack([rng.standard_normal((200, 10)), 30 + rng.standard_normal((4, 10))])
    first, other = np.array([200, 200, 201]), np.array([201, 202, 203])
    assert (chance_of_neighbours(scores, np.arange(204), first, other)["chance"] > 0.1).all()


def test_a_cohort_of_copies_does_not_change_the_chance_of_strangers():
    rng = np.random.default_rng(0)
    once = rng.standard_normal((150, 10))
    scores = np.vstack([once, once + 0.05 * rng.standard_normal((150, 10))])
    rows = np.arange(150)
    found = chance_of_neighbours(scores, np.arange(300), rows, rows + 150)
    assert (found["chance"] < 0.01).mean() > 0.95


def test_other_scans_of_the_same_person_do_not_count_as_neighbours():
    rng = np.random.default_rng(0)
    brains = rng.standard_normal((100, 10))
    scores = np.vstack([brains, brains + 0.01 * rng.standard_normal((100, 10))])
    pairs = np.arange(0, 98), np.arange(1, 99)
    found = chance_of_neighbours(scores, np.tile(np.arange(100), 2), *pairs)
    assert found["chance"].min() > 0.05
