import warnings

import numpy as np
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from neurofm_bids.analysis.change.reml import reml_fit


def simulated(count, scans, seed=0, sd_slope=0.6):
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(count), scans)
    years = rng.uniform(0, 4, count * scans)
    age = rng.normal(0, 1, count)[people]
    own = rng.normal(0, 2, count)[people] + rng.normal(0, sd_slope, count)[people] * years
    outcome = 3 - 0.5 * years + age + own + rng.normal(0, 0.7, len(people))
    return outcome, np.column_stack([np.ones(len(people)), years, age]), people, years


def reference(outcome, fixed, people, random):
    """Return the fit of statsmodels that has the highest likelihood over its optimisers."""
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM(outcome, fixed, people, random)
        fits = [model.fit(reml=True, method=[method]) for method in ("bfgs", "powell", "cg")]
    return max(fits, key=lambda fit: fit.llf)


def gls_errors(fixed, people, random, fit):
    """Return standard errors of generalised least squares with the variances of a fit of statsmodels."""
    random = np.ones((len(people), 1)) if random is None else random
    same = people[:, None] == people[None, :]
    covariance = same * (random @ np.atleast_2d(fit.cov_re) @ random.T) + fit.scale * np.eye(len(people))
    return np.sqrt(np.diag(np.linalg.inv(fixed.T @ np.linalg.solve(covariance, fixed))))


@pytest.mark.parametrize("has_slope", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_mixed_model_of_statsmodels(has_slope, seed):
    outcome, fixed, people, years = simulated(60, 4, seed)
    made = reml_fit(outcome, fixed, people, years if has_slope else None)
    random = np.column_stack([np.ones(len(years)), years]) if has_slope else None
    expected = reference(outcome, fixed, people, random)
    assert made.converged
    assert np.allclose(made.estimates, expected.fe_params, rtol=1e-3, atol=1e-4)
    assert np.allclose(made.standard_errors, gls_errors(fixed, people, random, expected), rtol=5e-3)
    assert np.allclose(made.standard_errors, expected.bse_fe, rtol=0.03)  # of another approximation
    assert made.sd_residual == pytest.approx(np.sqrt(expected.scale), rel=5e-3)
    spread = np.sqrt(np.diag(np.atleast_2d(expected.cov_re)))
    assert made.sd_intercept == pytest.approx(spread[0], rel=1e-2)
    assert made.sd_slope == pytest.approx(spread[1] if has_slope else 0, rel=1e-2)


def test_slopes_that_do_not_differ_are_a_result_and_no_failure():
    fits = [reml_fit(*simulated(40, 3, seed, sd_slope=0.0)) for seed in range(6)]
    assert all(fit.converged for fit in fits)
    assert min(fit.sd_slope for fit in fits) < 0.02
    assert all(np.isfinite(fit.standard_errors).all() for fit in fits)


def test_units_do_not_matter():
    outcome, fixed, people, years = simulated(40, 3)
    one = reml_fit(outcome, fixed, people, years)
    scale = np.array([1, 1e-3, 1e4])
    other = reml_fit(outcome * 1e6, fixed * scale, people, years * 1e-3)
    assert np.allclose(other.estimates * scale / 1e6, one.estimates, rtol=1e-4)
    assert other.sd_slope * 1e-3 / 1e6 == pytest.approx(one.sd_slope, rel=1e-3)


@pytest.mark.parametrize("level", [1e6, 1e8])
def test_the_level_of_the_outcome_does_not_matter(level):
    outcome, fixed, people, years = simulated(40, 3)
    one, other = (reml_fit(values, fixed, people, years) for values in (outcome, outcome + level))
    assert other.converged
    assert np.allclose(other.estimates - [level, 0, 0], one.estimates, rtol=1e-4, atol=1e-6)
    assert np.allclose(other.standard_errors, one.standard_errors, rtol=1e-4)


def test_the_order_of_scans_does_not_matter():
    outcome, fixed, people, years = simulated(30, 3)
    order = np.random.default_rng(1).permutation(len(outcome))
    one = reml_fit(outcome, fixed, people, years)
    other = reml_fit(outcome[order], fixed[order], people[order], years[order])
    assert np.allclose(one.estimates, other.estimates, rtol=1e-5)


def test_a_constant_outcome_is_refused():
    outcome, fixed, people, years = simulated(10, 2)
    with pytest.raises(ValueError, match="does not vary"):
        reml_fit(np.full_like(outcome, 2.0), fixed, people, years)
