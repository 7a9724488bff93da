import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.family import HeldOut


@pytest.mark.parametrize("width", [5, 80])
def test_fits_are_those_of_logistic_regression(width):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, width))
    target = (values[:, 0] + rng.normal(size=60) > 0.5).astype(float)
    basis = decompose(values)
    penalties = (1000.0, 10.0, 0.1)
    for penalty, fit in zip(penalties, Binary().path(basis, target, penalties), strict=True):
        other = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10000).fit(values, target)
        assert np.allclose(basis.directions @ fit.weights[:, 0], other.coef_[0], atol=1e-4)
        assert fit.intercepts[0] == pytest.approx(other.intercept_[0], abs=1e-4)


def test_balanced_accuracy_takes_the_share_of_the_class_as_threshold():
    target = np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    p = np.where(target > 0, 0.2, 0.05)[:, None]
    held = HeldOut(
        target, p, np.hstack([1 - p, p]), np.tile([0.9, 0.1], (10, 1)), np.zeros(10, int), np.arange(10)
    )
    found = Binary().metrics(held, np.ones((1, 10)))
    assert (found["balanced_accuracy"][0], found["auc"][0]) == (1, 1)
    assert found["brier"][0] == pytest.approx((0.64 + 9 * 0.0025) / 10)
