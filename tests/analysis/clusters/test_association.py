"""Clusters and categories."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from neurofm_bids.analysis.clusters.association import categories_of, cramers_v

RANDOM = np.random.default_rng(4)
CLUSTERS = RANDOM.integers(1, 4, 600)


def test_complete_association_is_one_and_none_is_near_zero():
    assert cramers_v(CLUSTERS, [f"site{c}" for c in CLUSTERS]).value == pytest.approx(1)
    found = [cramers_v(CLUSTERS, list(RANDOM.permutation(CLUSTERS).astype(str))) for _ in range(100)]
    assert np.mean([one.value for one in found]) < 0.05
    assert np.mean([one.p < 0.05 for one in found]) < 0.15


def test_p_is_that_of_chi_squared_where_scans_are_many_and_of_random_tables_where_few():
    sexes = np.where(RANDOM.random(600) < 0.4 + 0.1 * (CLUSTERS == 1), "F", "M").tolist()
    table = np.array([[sum((c == CLUSTERS) & (np.array(sexes) == s)) for s in "FM"] for c in (1, 2, 3)])
    assert cramers_v(CLUSTERS, sexes).p == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    few = cramers_v(np.repeat([1, 2], [3, 6]), ["a"] * 3 + ["b"] * 6)
    assert few.p == pytest.approx(1 / 84, abs=0.004)  # one of the 84 tables is as extreme
    assert few == cramers_v(np.repeat([1, 2], [3, 6]), ["a"] * 3 + ["b"] * 6)


def test_unknown_and_single_categories():
    found = cramers_v(np.array([1, 1, 2, 2]), ["a", "", "a", "a"])
    assert found.n == 3
    assert np.isnan(found.value)
    assert cramers_v(np.array([1, 2]), ["", ""]).n == 0


def test_categories():
    assert categories_of(["a", "b"] * 9)
    assert not categories_of([f"sub-{i}" for i in range(20)])
    assert not categories_of(["a"] * 9)
