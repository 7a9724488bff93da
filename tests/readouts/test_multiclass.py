import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.family import HeldOut
from neurofm_bids.readouts.multiclass import Multiclass, log_odds


def test_fits_are_those_of_multinomial_regression():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 6))
    target = np.digitize(values[:, 0] + 0.5 * rng.normal(size=90), [-0.5, 0.5]).astype(float)
    basis, family = decompose(values), Multiclass(3)
    for penalty, fit in zip((100.0, 1.0), family.path(basis, target, (100.0, 1.0)), strict=True):
        other = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10000).fit(values, target)
        assert np.allclose((basis.directions @ fit.weights).T, other.coef_, atol=1e-4)
        p = family.predict(fit.values(basis.scores), fit.shape)
        assert np.allclose(p, other.predict_proba(values), atol=1e-4)
        assert family.losses(fit.values(basis.scores), fit.shape, target) == pytest.approx(
            -np.log(p[np.arange(90), target.astype(int)])
        )


def test_metrics_of_a_perfect_prediction():
    target = np.arange(30) % 3.0
    p = np.where(target[:, None] == np.arange(3), 0.9, 0.05)
    held = HeldOut(target, np.log(p), p, np.full((30, 3), 1 / 3), np.zeros(30, int), np.arange(30))
    found = {name: value[0] for name, value in Multiclass(3).metrics(held, np.ones((1, 30))).items()}
    assert (found["auc"], found["balanced_accuracy"]) == (1, 1)
    assert found["brier"] == pytest.approx(0.01 + 2 * 0.0025)
    assert np.isnan(found["calibration_slope"])


def test_log_odds_are_finite():
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
