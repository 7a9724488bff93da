"""Differences of a cluster from the rest."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import ttest_ind
from statsmodels.stats.multitest import multipletests

from neurofm_bids.analysis.clusters.difference import adjusted_difference
from neurofm_bids.readouts.permutation import holm_values

RANDOM = np.random.default_rng(3)
MEMBER = RANDOM.random(300) < 0.3
AGE = RANDOM.uniform(20, 80, 300) + 5 * MEMBER
NOTHING = np.empty((300, 0))


def test_without_covariates_it_is_cohens_d():
    values = RANDOM.normal(size=300) + MEMBER
    found, tested = adjusted_difference(values, MEMBER, NOTHING), ttest_ind(values[MEMBER], values[~MEMBER])
    n, m = MEMBER.sum(), (~MEMBER).sum()
    assert found.p == pytest.approx(tested.pvalue)
    assert found.value == pytest.approx(tested.statistic * np.sqrt(1 / n + 1 / m))
    assert (found.n_cluster, found.n_rest) == (n, m)


def test_with_covariates_it_is_that_of_a_linear_model():
    values = 0.4 * AGE + RANDOM.normal(size=300) + 0.8 * MEMBER
    model = sm.OLS(values, sm.add_constant(np.column_stack([MEMBER, AGE]))).fit()
    found = adjusted_difference(values, MEMBER, AGE[:, None])
    assert found.value == pytest.approx(model.params[1] / np.sqrt(model.scale))
    assert found.p == pytest.approx(model.pvalues[1])
    assert found.lower < 0.8 < found.upper


def test_the_interval_holds_the_truth_as_often_as_it_says():
    held = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        found = adjusted_difference(
            random.normal(size=60) + np.repeat([1, 0], 30), np.arange(60) < 30, np.empty((60, 0))
        )
        held += found.lower < 1 < found.upper
    assert 0.92 < held / 400 < 0.98


@pytest.mark.parametrize(
    ("values", "covariates"),
    [
        (np.full(300, 4.2), NOTHING),
        (AGE, AGE[:, None]),
        (RANDOM.normal(size=300), MEMBER[:, None].astype(float)),
        (np.where(MEMBER, np.nan, AGE), NOTHING),
    ],
)
def test_what_cannot_be_estimated_is_not(values, covariates):
    found = adjusted_difference(values, MEMBER, covariates)
    assert np.isnan([found.value, found.lower, found.upper, found.p]).all()


def test_unknown_values_are_left_out_and_covariates_may_repeat():
    values = AGE + RANDOM.normal(size=300)
    covariate = RANDOM.normal(size=300)
    values[:10], covariate[10:15] = np.nan, np.nan
    twice = np.column_stack([covariate, 2 * covariate, np.ones(300)])
    one, other = (adjusted_difference(values, MEMBER, columns) for columns in (twice, covariate[:, None]))
    assert one.n_cluster + one.n_rest == 285
    assert one.value == pytest.approx(other.value)


def test_holm_is_that_of_statsmodels():
    p = RANDOM.random(20) ** 3
    assert holm_values(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm_values(np.empty(0)).size == 0
