import numpy as np
import pytest

from neurofm_bids.readouts.basis import Solution, decompose
from neurofm_bids.readouts.optimise import Start, minimise


@pytest.mark.parametrize("penalty", [1e-3, 10.0, 1e6])
def test_a_quadratic_loss_is_ridge_regression(penalty):
    rng = np.random.default_rng(0)
    values, target = rng.normal(size=(30, 6)), rng.normal(size=30) + 2
    basis = decompose(values)

    def loss(now, shape):
        error = now[:, 0] - target
        return 0.5 * (error**2).sum(), error[:, None], np.empty(0)

    start = Start(Solution(np.zeros((6, 1)), np.zeros(1), np.empty(0)), 0.3)
    found = minimise(basis, loss, penalty, start)
    design = np.hstack([values, np.ones((30, 1))])
    expected = np.linalg.solve(design.T @ design + penalty * np.diag([1.0] * 6 + [0]), design.T @ target)
    assert np.allclose(basis.directions @ found.weights[:, 0], expected[:6], atol=1e-6)
    assert found.intercepts[0] == pytest.approx(expected[6], abs=1e-6)
