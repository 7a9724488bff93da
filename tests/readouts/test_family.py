import numpy as np
import pytest

from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.family import Calibration, recalibrate
from neurofm_bids.readouts.gaussian import Gaussian


def test_the_slope_of_functions_that_are_too_flat_is_found():
    rng = np.random.default_rng(0)
    logit = rng.normal(size=(20000, 1)) * 2
    target = (rng.random(20000) < 1 / (1 + np.exp(-logit[:, 0]))).astype(float)
    found = Binary().recalibrate(logit / 4 + 1, target)
    assert found.slope == pytest.approx(4, abs=0.2)
    assert np.allclose(found.apply(logit / 4 + 1), logit, atol=0.3)


def test_the_slope_is_never_negative_and_never_infinite():
    x = np.linspace(-1, 1, 50)[:, None]
    assert Gaussian().recalibrate(x, -x[:, 0]).slope == 0.01
    assert Binary().recalibrate(x, (x[:, 0] > 0).astype(float)).slope <= 20


def test_an_intercept_only_where_there_is_one():
    def loss(values, shape):
        error = values[:, 0] - 3.0 - np.arange(9)
        return 0.5 * (error**2).sum(), error[:, None], np.empty(0)

    x = np.arange(9.0)[:, None]
    found = recalibrate(x, loss, np.empty(0), has_intercept=True)
    assert (found.slope, found.intercept) == pytest.approx((1, 3), abs=1e-6)
    without = recalibrate(x, loss, np.empty(0), has_intercept=False)
    assert without.intercept == 0
    assert without.slope > 1.3
    assert Calibration(2.0, 1.0, np.empty(0)).apply(np.array([3.0])) == 7
