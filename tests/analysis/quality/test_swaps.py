"""Scans that are not of the person whose name they have."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.fingerprint import fingerprints
from neurofm_bids.analysis.quality.pairs import fit_pairs
from neurofm_bids.analysis.quality.swaps import best_match, find_swaps, may_be_exchanged
from tests.analysis.quality.people import People, two_sessions


def swaps_of(numbers, names, recorded=None):
    prints = fingerprints(*numbers, np.ones(len(names), bool))
    people = np.unique(names, return_inverse=True)[1]
    return find_swaps(prints.scores, people, np.zeros(len(names)) if recorded is None else recorded)


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("seed", range(3))
def test_sessions_exchanged_between_two_people_are_found_with_each_other(n, seed):
    numbers, names, _ = two_sessions(People(seed), n)
    for part in numbers:
        part[[n, n + 1]] = part[[n + 1, n]]
    found = swaps_of(numbers, names)
    assert set(names[found["place"]]) == {"sub-000", "sub-001"}
    assert set(names[found["match"]]) == {"sub-000", "sub-001"}
    assert (names[found["place"]] != names[found["match"]]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_stranger_is_found_without_a_match(seed):
    world = People(seed)
    numbers, names, _ = two_sessions(world, 100)
    for part, new in zip(numbers, world.numbers(world.brains(1)), strict=True):
        part[100] = new[0]
    found = swaps_of(numbers, names)
    assert names[found["place"]].tolist() == ["sub-000"]
    assert found["match"].tolist() == [-1]


def test_of_three_scans_the_one_that_differs_is_named():
    world = People(3)
    brains = world.brains(60)
    parts = [world.numbers(world.rescanned(brains)) for _ in range(3)]
    numbers = tuple(np.concatenate(blocks) for blocks in zip(*parts, strict=True))
    for part, new in zip(numbers, world.numbers(world.brains(1)), strict=True):
        part[60] = new[0]
    assert swaps_of(numbers, np.tile(np.arange(60), 3))["place"].tolist() == [60]


@pytest.mark.parametrize("seed", range(4))
def test_honest_sessions_are_not_listed(seed):
    numbers, names, _ = two_sessions(People(seed), 300)
    assert swaps_of(numbers, names).empty


def test_recorded_age_and_sex_decide_which_of_two_scans_is_named():
    world = People(4)
    numbers, names, _ = two_sessions(world, 100)
    for part, new in zip(numbers, world.numbers(world.brains(1)), strict=True):
        part[100] = new[0]
    recorded = np.zeros(200)
    recorded[0] = np.log(50)
    assert swaps_of(numbers, names, recorded)["place"].tolist() == [0]


def test_a_single_scan_is_listed_on_strong_evidence_of_age_and_sex_only():
    world = People(5)
    recorded = np.zeros(80)
    recorded[3], recorded[4] = np.log(2000), np.log(500)
    found = swaps_of(world.numbers(world.brains(80)), np.arange(80), recorded)
    assert found["place"].tolist() == [3]
    assert found["own"].tolist() == [-1]


def test_the_best_match_is_of_another_person():
    scores = np.random.default_rng(0).standard_normal((50, 8))
    scores[10], scores[20] = scores[0] + 0.01, scores[0] + 0.02
    people = np.arange(50)
    people[10] = 0
    assert best_match(scores, people, 0, fit_pairs(np.zeros((0, 8))))[0] == 20


def test_two_scans_may_be_exchanged_where_both_differ_more_from_their_own_people():
    scores = np.array([[0.0], [9.0], [9.1], [0.2], [5.0], [4.0], [5.2]])
    people = np.array([0, 0, 1, 1, 2, 2, 3])
    first, other = np.array([0, 1, 0, 4]), np.array([3, 2, 4, 6])
    assert may_be_exchanged(scores, people, first, other).tolist() == [True, True, False, False]
