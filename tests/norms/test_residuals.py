"""How residuals vary, on simulated people."""

import numpy as np
import pytest
from scipy import stats

from neurofm_bids.norms.distribution import Distribution
from neurofm_bids.norms.residuals import fit_shape, is_normal, sd_slope


def people(n, slope=0.0, seed=0):
    rng = np.random.default_rng(seed)
    decades = rng.uniform(-3, 3, n)
    design = np.column_stack([np.ones(n), decades, rng.integers(0, 2, n)])
    noise = np.exp(slope * decades) * rng.normal(size=n)
    return design, design @ [1.0, 2.0, 3.0] + noise, decades


def test_a_sd_that_grows_is_recovered():
    found = [sd_slope(*people(400, 0.15, seed)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(0.15, abs=0.02)


def test_a_constant_sd_is_seldom_taken_for_a_growing_one():
    found = [sd_slope(*people(100, 0.0, seed)) for seed in range(200)]
    assert 0.01 <= np.mean(np.array(found) != 0) <= 0.1


def test_normal_errors_pass_and_skewed_ones_do_not():
    rng = np.random.default_rng(0)
    assert np.mean([is_normal(rng.normal(size=300)) for _ in range(100)]) > 0.97
    assert not is_normal(stats.skewnorm.rvs(-4, size=500, random_state=1))


def test_the_shape_of_skewed_errors_gives_their_centiles():
    rng = np.random.default_rng(2)
    n, skewed = 3000, stats.skewnorm(-4)
    design = np.column_stack([np.ones(n), rng.normal(size=n)])
    values = design @ [5.0, 2.0] + skewed.rvs(n, random_state=rng)
    start = np.linalg.lstsq(design, values, rcond=None)[0]
    left = values - design @ start
    shape = fit_shape(design, left, float(left.std()))
    assert start[1] + shape.change[1] == pytest.approx(2.0, abs=0.03)
    made = Distribution(float(start[0] + shape.change[0]), shape.scale, skew=shape.skew, tail=shape.tail)
    for share in (0.01, 0.05, 0.5, 0.95, 0.99):
        assert made.quantile(100 * share) == pytest.approx(5 + skewed.ppf(share), abs=0.12)
    assert shape.skew < -0.1
