"""Shifts between groups."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from neurofm_bids.analysis.quality.shifts import group_shifts


@pytest.mark.parametrize("decimals", [8, 0])
def test_p_and_medians_are_those_of_scipy_and_numpy(decimals):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, 203)
    values = (rng.normal(0, 3, 203) + (groups == 2)).round(decimals)
    found = group_shifts(values, groups).set_index("group")
    for group, row in found.iterrows():
        own, others = values[groups == group], values[groups != group]
        assert row["p"] == pytest.approx(mannwhitneyu(own, others, method="asymptotic").pvalue, rel=1e-9)
        assert row["value"] == pytest.approx(np.median(own) - np.median(others))
        assert row["n"] == len(own)


def test_the_effect_is_in_robust_standard_deviations_within_groups():
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 2000)
    values = rng.normal(0, 2, 4000) + 6 * groups
    values[:100] = 1e6
    effect = group_shifts(values, groups)["effect_size"].to_numpy()
    assert effect == pytest.approx([-3, 3], abs=0.3)


def test_equal_values_are_no_shift():
    found = group_shifts(np.ones(20), np.repeat([0, 1], 10))
    assert found["p"].tolist() == [1, 1]
    assert found["effect_size"].isna().all()
