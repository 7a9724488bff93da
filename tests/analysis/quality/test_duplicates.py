"""One image under two names."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.quality.duplicates import (
    exact_duplicates,
    resaved_duplicates,
    same_brains,
    share_that_agrees,
)
from neurofm_bids.analysis.quality.fingerprint import fingerprints
from tests.analysis.quality.people import People, slightly_changed, stacked, two_sessions


def prints_of(numbers):
    return fingerprints(*numbers, np.ones(len(numbers[0]), bool))


def pairs_of(found):
    return set(zip(found["first"], found["other"], strict=True))


def test_equal_features_are_found_with_the_first_of_a_group():
    features = np.array([[1, 0.0], [2, 3], [1, -0.0], [1, 0.0]], np.float32)
    assert pairs_of(exact_duplicates(features)) == {(0, 2), (0, 3)}


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_saved_in_other_units_is_found_and_a_second_scan_is_not(seed):
    world = People(seed)
    numbers, names, _ = two_sessions(world, 60)
    copy = slightly_changed(tuple(part[:3] for part in numbers), world.rng)
    people = np.unique([*names, "sub-a", "sub-b", names[2]], return_inverse=True)[1]
    found = resaved_duplicates(prints_of(stacked(numbers, copy)), people)
    assert pairs_of(found) == {(0, 120), (1, 121), (2, 122)}


@pytest.mark.parametrize("seed", range(3))
def test_one_brain_under_two_names_is_found(seed):
    world = People(seed)
    brains = world.brains(150)
    numbers = stacked(world.numbers(brains), world.numbers(world.rescanned(brains[:4])))
    found = same_brains(prints_of(numbers), np.arange(154))
    assert pairs_of(found) == {(i, 150 + i) for i in range(4)}
    assert (found["distance"] < found["typical"]).all()


@pytest.mark.parametrize("n", [30, 1000])
def test_strangers_are_no_duplicates(n):
    world = People(5)
    prints = prints_of(world.numbers(world.brains(n)))
    assert same_brains(prints, np.arange(n)).empty
    assert resaved_duplicates(prints, np.arange(n)).empty


def test_scans_of_one_participant_are_not_one_brain_under_two_names():
    numbers, names, _ = two_sessions(People(6), 60)
    people = np.unique(names, return_inverse=True)[1]
    assert same_brains(prints_of(numbers), people).empty


def test_numbers_that_are_not_known_do_not_count():
    numbers = np.array([[0, np.nan, 1, 1], [0, 5, 2, np.nan]])
    share = share_that_agrees(numbers, pd.DataFrame({"first": [0], "other": [1]}), np.full(4, 0.1))
    assert share.tolist() == [0.5]
