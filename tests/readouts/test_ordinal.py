import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.family import HeldOut
from neurofm_bids.readouts.ordinal import Ordinal, thresholds


def test_two_ordered_classes_are_logistic_regression():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 4))
    target = (values[:, 0] + rng.normal(size=50) > 0).astype(float)
    basis = decompose(values)
    (one,), (other,) = (family.path(basis, target, (3.0,)) for family in (Ordinal(2), Binary()))
    assert np.allclose(one.weights, other.weights, atol=1e-5)
    assert -thresholds(one.shape)[0] == pytest.approx(other.intercepts[0], abs=1e-5)


def test_the_penalised_likelihood_is_largest():
    """Against a plain minimisation of the likelihood as McCullagh (1980) writes it."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(80, 3))
    target = np.digitize(values[:, 0] + rng.logistic(size=80), [-1, 0, 2]).astype(int)

    def cost(packed):
        cuts, weights = np.concatenate([[-np.inf], packed[:3], [np.inf]]), packed[3:]
        below = 1 - expit(values @ weights - cuts[target + 1, None].T)[0]
        above = 1 - expit(values @ weights - cuts[target, None].T)[0]
        return -np.log(np.maximum(below - above, 1e-300)).sum() + 0.5 * 2.0 * (weights**2).sum()

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 20000, "maxfev": 20000, "adaptive": True}
    plain = minimize(cost, [-1, 0, 1, 0, 0, 0], method="Nelder-Mead", options=options).x
    basis = decompose(values)
    (fit,) = Ordinal(4).path(basis, target.astype(float), (2.0,))
    assert np.allclose(basis.directions @ fit.weights[:, 0], plain[3:], atol=1e-4)
    assert np.allclose(thresholds(fit.shape), plain[:3], atol=1e-4)


def test_probabilities_follow_from_thresholds():
    shape = np.array([-1.0, np.log(2.0)])
    p = Ordinal(3).predict(np.array([[0.5]]), shape)
    assert p.sum() == pytest.approx(1)
    assert p[0, 2] == pytest.approx(expit(np.array(0.5 - 1.0)))
    assert Ordinal(3).losses(np.array([[0.5]]), shape, np.array([2.0])) == pytest.approx(-np.log(p[0, 2]))


def test_held_out_functions_get_thresholds_of_their_own():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(5000, 1))
    target = np.digitize(f[:, 0] * 2 + rng.logistic(size=5000), [-1, 1]).astype(float)
    found = Ordinal(3).recalibrate(f, target)
    assert found.slope == pytest.approx(2, abs=0.15)
    assert np.allclose(thresholds(found.shape), [-1, 1], atol=0.15)


def test_metrics_of_ranks():
    target = np.arange(40) % 4.0
    p = np.full((40, 4), 0.1)
    p[np.arange(40), np.minimum(target + 1, 3).astype(int)] = 0.7
    held = HeldOut(target, target[:, None], p, np.full((40, 4), 0.25), np.zeros(40, int), np.arange(40))
    found = {name: value[0] for name, value in Ordinal(4).metrics(held, np.ones((1, 40))).items()}
    assert found["mean_absolute_rank_error"] == pytest.approx(0.75)
    assert found["balanced_accuracy"] == 0.25
    assert found["spearman"] > 0.9
