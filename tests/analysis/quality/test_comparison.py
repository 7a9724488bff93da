"""Comparison of all scans of a cohort."""

import numpy as np

from neurofm_bids.analysis.quality.comparison import Brains, compare
from tests.analysis.quality.people import People, slightly_changed, stacked, two_sessions


def brains_of(numbers, names, **others):
    n = len(names)
    unknown = np.full(n, np.nan)
    about = {"age": unknown, "sex": np.full(n, None, dtype=object), "predicted_age": unknown, "male": unknown}
    people = np.unique(names, return_inverse=True)[1]
    return Brains(people, *numbers, **(about | {"included": np.ones(n, bool)} | others))


def planted():
    world = People(0)
    numbers, names, _ = two_sessions(world, 80)
    for part in numbers:
        part[[80, 81]] = part[[81, 80]]
    pick = tuple(part[5:6] for part in numbers)
    other = world.numbers(world.brains(1))
    copies = (pick, slightly_changed(tuple(part[6:7] for part in numbers), world.rng), other)
    return stacked(numbers, *copies), np.array([*names, "sub-exact", "sub-resaved", "sub-other"])


def test_places_are_rows_of_the_table_where_scans_are_left_out():
    numbers, names = planted()
    included = np.ones(len(names), bool)
    included[[2, 3, 162]] = False
    numbers[1][4] = np.nan
    found = compare(brains_of(numbers, names, included=included))
    assert found.duplicates[["first", "other"]].to_numpy().tolist() == [[5, 160], [6, 161]]
    assert found.same.empty
    assert set(names[found.swaps["place"]]) == {"sub-000", "sub-001"}
    assert found.remarks == (
        "1 scans took no part in the search of resaved duplicates and swaps: they lack volumes of regions.",
    )


def test_two_people_are_listed_once():
    world = People(2)
    brains = world.brains(120)
    numbers, one = world.numbers(brains), world.numbers(world.rescanned(brains[:1]))
    copy = tuple(part[1:2] for part in numbers)
    found = compare(brains_of(stacked(numbers, one, copy), np.arange(122)))
    assert found.duplicates[["first", "other"]].to_numpy().tolist() == [[1, 121]]
    assert found.same[["first", "other"]].to_numpy().tolist() == [[0, 120]]


def test_few_scans_are_compared_for_exact_duplicates_only():
    world = People(1)
    numbers = world.numbers(world.brains(5))
    found = compare(brains_of(stacked(numbers, tuple(part[:1] for part in numbers)), np.arange(6)))
    assert found.duplicates[["first", "other", "share"]].to_numpy().tolist() == [[0, 5, 1]]
    assert found.same.empty
    assert found.swaps.empty
    assert "fewer than 20 scans" in found.remarks[0]
