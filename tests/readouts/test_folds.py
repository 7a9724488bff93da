import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofm_bids.readouts.folds import first_rows, site_folds, stratified_folds


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=10, max_size=80), st.integers(0, 9)
)
def test_people_are_whole_and_classes_even(pairs, seed):
    people, strata = np.array(pairs).T
    strata = strata[first_rows(people)][np.unique(people, return_inverse=True)[1]]
    folds = stratified_folds(people, strata, 5, seed)
    for person in np.unique(people):
        assert len(set(folds[people == person])) == 1
    firsts = first_rows(people)
    sizes = np.bincount(folds[firsts], minlength=5)
    assert np.ptp(sizes) <= 1
    for one in np.unique(strata[firsts]):
        assert np.ptp(np.bincount(folds[firsts][strata[firsts] == one], minlength=5)) <= 1


def test_the_order_depends_on_the_seed_and_not_on_the_rows():
    people, strata = np.arange(40), np.arange(40) % 2
    folds = stratified_folds(people, strata, 4, 1)
    mixed = np.random.default_rng(0).permutation(40)
    assert np.array_equal(stratified_folds(people[mixed], strata[mixed], 4, 1), folds[mixed])
    assert not np.array_equal(stratified_folds(people, strata, 4, 2), folds)


def test_sites_are_folds_unless_people_travel():
    assert site_folds(np.array([0, 1, 2]), np.array([5, 3, 5])).tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="several sites"):
        site_folds(np.array([0, 0, 2]), np.array([5, 3, 5]))


def test_a_rare_class_of_families_is_in_every_fold():
    """The first member of each family never has it."""
    families = np.repeat(np.arange(40), 3)
    strata = np.zeros(120, dtype=np.intp)
    strata[np.arange(10) * 3 + 2] = 1
    for seed in range(20):
        folds = stratified_folds(families, strata, 5, seed)
        assert np.bincount(folds[strata == 1]).tolist() == [2] * 5
