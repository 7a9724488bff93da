import numpy as np
import pytest
from scipy import stats

from neurofm_bids.analysis.age_gap.robust import robust_fit


def hc3(outcome, terms):
    """Standard errors of MacKinnon and White 1985, from their formula."""
    bread = np.linalg.inv(terms.T @ terms)
    residuals = outcome - terms @ bread @ terms.T @ outcome
    leverage = np.einsum("ij,jk,ik->i", terms, bread, terms)
    meat = (terms * ((residuals / (1 - leverage)) ** 2)[:, None]).T @ terms
    return np.sqrt(np.diag(bread @ meat @ bread))


def test_errors_are_those_of_the_formula_in_the_units_of_the_columns():
    rng = np.random.default_rng(0)
    tested, others = rng.normal(1e6, 1e5, (60, 1)), rng.normal(3, 0.1, (60, 2))
    outcome = 2e-6 * tested[:, 0] + others[:, 0] + rng.normal(size=60) * (1 + np.abs(others[:, 1] - 3) * 10)
    fit = robust_fit(outcome, tested, others, np.arange(60))
    terms = np.column_stack([(tested - 1e6) / 1e5, others - 3, np.ones(60)])
    expected = np.linalg.lstsq(terms, outcome, rcond=None)[0][0] / 1e5
    assert fit.estimates[0] == pytest.approx(expected)
    half = stats.t.ppf(0.975, 60 - 4) * hc3(outcome, terms)[0] / 1e5
    assert fit.upper95[0] - fit.estimates[0] == pytest.approx(half)
    assert fit.p_joint == pytest.approx(fit.p[0])
    assert fit.errors == "HC3"
