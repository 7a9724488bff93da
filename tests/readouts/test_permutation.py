from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from neurofm_bids.readouts import permutation
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.permutation import Permuter, holm, p_value
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.transform import learn_transform
from tests.readouts.cohorts import samples_of


def test_a_signal_has_the_smallest_p_value():
    samples = samples_of()
    assert p_value(samples, samples.target[:, None], samples.people % 5, 99, 0) == 0.01


def test_transforms_are_learned_in_every_fold(monkeypatch):
    samples = samples_of()
    learned = []

    def spy(train):
        learned.append(len(train))
        return learn_transform(train)

    monkeypatch.setattr(permutation, "learn_transform", spy)
    p_value(samples, samples.target[:, None], samples.people % 5, 3, 0)
    assert learned == [48] * 5


def test_p_values_of_noise_are_uniform():
    samples = samples_of(scans=40)
    found = []
    for seed in range(60):
        target = np.random.default_rng(seed).normal(size=40)
        noise = replace(samples, target=target)
        found.append(p_value(noise, target[:, None], samples.people % 4, 39, seed))
    assert kstest(found, "uniform").pvalue > 0.01
    assert min(found) < 0.2


def test_people_with_one_target_swap_it_whole():
    people = np.array([0, 0, 1, 2, 2, 2, 3])
    target = people * 10.0
    rows = Permuter(target, people, people * 0).rows(np.random.default_rng(1))
    assert sorted(set(target[rows])) == [0, 10, 20, 30]
    for person in range(4):
        assert len(set(target[rows][people == person])) == 1


def test_targets_that_change_in_a_person_keep_their_course():
    people = np.array([0, 0, 1, 1, 2, 2, 3, 4])
    target = np.array([1, 2, 3, 4, 5, 6, 7, 8.0])
    permuter = Permuter(target, people, people * 0)
    seen = {tuple(target[permuter.rows(np.random.default_rng(seed))]) for seed in range(50)}
    assert all(course[k + 1] - course[k] == 1 for course in seen for k in (0, 2, 4))
    assert all(sorted(course[6:]) == [7, 8] for course in seen)
    assert len(seen) == 12


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": 0.01, "b": 0.04, "c": 0.03}, {"a": 0.03, "b": 0.06, "c": 0.06}),
        ({"a": 0.7, "b": 0.6}, {"a": 1, "b": 1}),
        ({}, {}),
    ],
)
def test_holm(given, expected):
    assert holm(given) == expected


def test_a_target_of_several_columns_counts_by_their_mean():
    samples = samples_of(kind="multiclass")
    coded = (samples.target[:, None] == np.arange(3)).astype(float)
    assert p_value(samples, coded, samples.people % 5, 49, 0) == 0.02
    assert Gaussian().code(samples.target).shape == (60, 1)


def test_a_target_that_differs_between_sites_is_not_read_by_the_site():
    """Features tell only the site, where the target is more frequent."""
    rng = np.random.default_rng(0)
    sites = np.arange(80) % 2
    found = []
    for seed in range(20):
        target = (rng.random(80) < 0.2 + 0.6 * sites).astype(float)
        features = 5 * sites[:, None] + rng.normal(size=(80, 8))
        samples = Samples(features, np.empty((80, 0)), target, np.arange(80), sites)
        found.append(p_value(samples, target[:, None], np.arange(80) // 16, 49, seed))
    assert np.mean(np.array(found) <= 0.1) < 0.35


@pytest.mark.parametrize("steps", [0, 1])
def test_people_change_places_within_their_sites(steps):
    """Of two scans each, with one target or a course; persons 6 to 9 were scanned at both sites."""
    people = np.repeat(np.arange(10), 2)
    sites = np.where(people < 6, people % 2, np.arange(20) % 2)
    target = people * 10.0 + steps * (np.arange(20) % 2)
    permuter = Permuter(target, people, sites)
    strata = np.array([0, 1] * 3 + [2] * 4)
    seen = set()
    for seed in range(30):
        given = people[permuter.rows(np.random.default_rng(seed))][::2]
        assert np.array_equal(strata[given], strata)
        assert sorted(given) == list(range(10))
        seen.add(tuple(given))
    assert len(seen) > 20
