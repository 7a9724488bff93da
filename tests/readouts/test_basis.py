import numpy as np

from neurofm_bids.readouts.basis import PENALTIES, Solution, decompose


def test_scores_and_directions_give_the_features_back():
    values = np.random.default_rng(0).normal(size=(6, 10))
    values[:, 3] = 0
    basis = decompose(values)
    assert np.allclose(basis.scores @ basis.directions.T, values)
    assert np.allclose(basis.scores.T @ basis.scores, np.diag(basis.squares))
    assert basis.size == 60


def test_directions_without_variance_are_left_out():
    assert decompose(np.ones((5, 3)) * np.arange(5)[:, None]).scores.shape == (5, 1)


def test_penalties_decrease():
    assert list(PENALTIES) == sorted(PENALTIES, reverse=True)


def test_a_solution_is_linear():
    one = Solution(np.array([[2.0], [3.0]]), np.array([1.0]), np.empty(0))
    assert one.values(np.array([[1.0, 1.0]])).tolist() == [[6.0]]
