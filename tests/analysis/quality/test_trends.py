"""Trends and steps over time."""

import numpy as np
import pytest
from scipy.stats import spearmanr, theilslopes

from neurofm_bids.analysis.quality.trends import step_over, trend_over


def test_the_slope_of_few_points_is_that_of_scipy():
    rng = np.random.default_rng(0)
    years = np.sort(rng.uniform(0, 5, 40))
    values = 3 * years + rng.standard_normal(40)
    trend, slope = trend_over(years, values), theilslopes(values, years)
    assert (trend.slope, trend.lower95, trend.upper95) == pytest.approx((slope[0], slope[2], slope[3]))
    assert trend.p == pytest.approx(spearmanr(years, values).pvalue)


def test_the_interval_of_many_points_holds_the_slope():
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        years = rng.uniform(0, 5, 2013)
        trend = trend_over(years, 0.1 * years + rng.standard_cauchy(2013))
        held += trend.lower95 <= 0.1 <= trend.upper95
    assert held >= 34


def test_a_constant_is_no_trend():
    assert trend_over(np.arange(30.0), np.ones(30)).p == 1


def test_a_step_is_found_where_it_is():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(200) + 2 * (np.arange(200) >= 120)
    step = step_over(values)
    assert abs(step.before - 120) <= 4
    assert step.size == pytest.approx(2, abs=0.4)
    assert step.p < 1e-10


def test_steps_of_noise_are_rarely_significant():
    p = [step_over(np.random.default_rng(seed).standard_normal(100)).p for seed in range(200)]
    assert np.mean(np.array(p) < 0.05) <= 0.07
