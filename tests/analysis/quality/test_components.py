"""Robust standardisation and components."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.components import evenly_chosen, robust_components, robust_scale


def test_scale_is_that_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, (20_000, 1))
    centre, scale = robust_scale(values)
    assert centre[0] == pytest.approx(5, abs=0.05)
    assert scale[0] == pytest.approx(2, rel=0.03)


def test_a_minority_far_away_does_not_turn_the_first_component():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((400, 3)) * [3, 1, 1] @ np.array([[1, 1, 0], [1, -1, 0], [0, 0, 1.0]])
    clean = robust_components(values, 1).axes[:, 0]
    values[:40] += [0, 0, 500]
    dirty = robust_components(values, 1).axes[:, 0]
    assert abs(clean @ dirty) > 0.99
    classical = np.linalg.svd(values - values.mean(0), full_matrices=False)[2][0]
    assert abs(classical[2]) > 0.99  # it follows the minority


def test_scores_have_a_robust_standard_deviation_of_one():
    values = np.random.default_rng(2).standard_normal((500, 6)) * [100, 10, 1, 1, 1, 1]
    scores = robust_components(values, 4).scores(values)
    assert scores.shape == (500, 4)
    assert robust_scale(scores)[1] == pytest.approx(np.ones(4))


def test_columns_that_do_not_vary_are_not_used():
    values = np.random.default_rng(3).standard_normal((50, 3))
    values[:, 1] = 7
    assert robust_components(values, 3).kept.tolist() == [True, False, True]


def test_axes_have_a_sign_that_does_not_depend_on_the_machine():
    values = np.random.default_rng(4).standard_normal((60, 5))
    axes = robust_components(values, 5).axes
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(5)] > 0).all()


@pytest.mark.parametrize(("n", "most", "places"), [(3, 5, [0, 1, 2]), (9, 3, [0, 4, 8]), (1, 4, [0])])
def test_places_are_evenly_chosen(n, most, places):
    assert evenly_chosen(n, most).tolist() == places
