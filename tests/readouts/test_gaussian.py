import numpy as np
from sklearn.linear_model import Ridge

from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.family import HeldOut
from neurofm_bids.readouts.gaussian import Gaussian


def test_fits_are_those_of_ridge_regression():
    rng = np.random.default_rng(0)
    values, target = rng.normal(size=(20, 40)), rng.normal(size=20) + 7
    values -= values.mean(axis=0)
    basis = decompose(values)
    for penalty, fit in zip((100.0, 1.0), Gaussian().path(basis, target, (100.0, 1.0)), strict=True):
        other = Ridge(alpha=penalty).fit(values, target)
        assert np.allclose(basis.directions @ fit.weights[:, 0], other.coef_)
        assert np.allclose(fit.values(basis.scores)[:, 0], other.predict(values))


def test_metrics_of_a_perfect_and_of_a_flat_prediction():
    y = np.arange(10.0)
    folds = np.arange(10) % 2
    ones = np.ones((1, 10))
    perfect = HeldOut(y, y[:, None], y[:, None], np.empty((10, 0)), folds, folds)
    assert {k: v[0] for k, v in Gaussian().metrics(perfect, ones).items()} == {
        "r": 1,
        "r2": 1,
        "mae": 0,
        "calibration_slope": 1,
    }
    flat = np.full((10, 1), 4.5)
    found = Gaussian().metrics(HeldOut(y, flat, flat, np.empty((10, 0)), folds, folds), ones)
    assert (found["r2"][0], found["mae"][0]) == (0, 2.5)
    assert np.isnan(found["r"][0])


def test_strata_are_tenths():
    assert np.bincount(Gaussian().strata(np.arange(100.0))).tolist() == [10] * 10
