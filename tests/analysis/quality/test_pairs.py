"""How much scans of one person differ."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.pairs import fit_pairs, person_pairs


@pytest.mark.parametrize(
    ("people", "pairs"),
    [
        ([0, 1, 2], set()),
        ([0, 1, 0], {(0, 2)}),
        ([1, 0, 1, 0, 1], {(0, 2), (0, 4), (2, 4), (1, 3)}),
    ],
)
def test_all_pairs_of_a_person_are_found_once(people, pairs):
    assert set(zip(*person_pairs(np.array(people)), strict=True)) == pairs


def test_many_scans_of_a_person_give_a_bounded_number_of_pairs():
    assert len(person_pairs(np.zeros(1000, int))[0]) == 30 * 29 / 2


@pytest.mark.parametrize(("m", "most"), [(40, 0.25), (400, 0.15), (4000, 0.12)])
def test_the_spread_of_pairs_is_estimated_in_spite_of_swaps(m, most):
    rng = np.random.default_rng(0)
    differences = 0.1 * rng.standard_normal((m, 6))
    differences[: m // 20] = np.sqrt(2) * rng.standard_normal((m // 20, 6))
    scale = fit_pairs(differences).scale
    assert (scale > 0.08).all()
    assert (scale < most).all()


def test_without_pairs_the_spread_is_the_expected_one():
    assert fit_pairs(np.zeros((0, 4))).scale == pytest.approx(np.full(4, 0.3))


def test_the_likelihood_ratio_tells_one_person_from_two():
    rng = np.random.default_rng(1)
    model = fit_pairs(0.2 * rng.standard_normal((200, 10)))
    assert (model.log_ratio(0.2 * rng.standard_normal((1000, 10))) < 0).all()
    two = model.log_ratio(np.sqrt(2) * rng.standard_normal((1000, 10)))
    assert np.mean(two > np.log(1000)) > 0.9


def test_axes_of_correlated_differences_are_found():
    rng = np.random.default_rng(2)
    differences = rng.standard_normal((500, 2)) * [0.3, 0.02] @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    model = fit_pairs(np.tile(differences, (20, 1)))
    assert sorted(model.scale) == pytest.approx([0.02, 0.3], rel=0.2)
    assert np.abs(model.axes) == pytest.approx(np.full((2, 2), np.sqrt(0.5)), abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_a_session_exchanged_between_two_people_makes_no_axis_of_its_own(seed):
    """22 people with three sessions; the four pairs of one exchange differ along one direction."""
    rng = np.random.default_rng(seed)
    spread = np.repeat([0.03, 0.1, 1.0], [10, 6, 6])  # some components hardly differ, some are all noise
    turn = np.linalg.qr(rng.standard_normal((22, 22)))[0]
    differences = rng.standard_normal((66, 22)) * spread
    differences[:4] += np.outer([1, -1, 1, -1], rng.standard_normal(22) * np.sqrt(2))
    ratio = fit_pairs(differences @ turn).log_ratio(differences @ turn)
    assert (ratio[:4] > np.log(1000)).all()
    assert (ratio[4:] < 0).all()
