"""Principal components: the one implementation."""

import numpy as np
import pytest

from neurofm_bids.analysis.clusters.components import beyond_chance, fit_components

RANDOM = np.random.default_rng(0)
WIDE, TALL = RANDOM.normal(size=(12, 30)), RANDOM.normal(size=(400, 5)) * [5, 3, 2, 1, 0.5]


@pytest.mark.parametrize("values", [WIDE, TALL, TALL.astype(np.float32)])
def test_they_are_those_of_the_singular_values(values):
    components = fit_components(values, 3)
    centred = values.astype(float) - values.mean(axis=0, dtype=float)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    assert components.variances == pytest.approx(singular[:3] ** 2 / (len(values) - 1))
    assert components.shares == pytest.approx(singular[:3] ** 2 / (singular**2).sum())
    assert np.abs(components.scores(values)) == pytest.approx(np.abs(left[:, :3] * singular[:3]), abs=1e-6)
    assert components.scores(values, scale=True).var(axis=0, ddof=1) == pytest.approx(np.ones(3))


def test_directions_do_not_depend_on_the_order_of_rows():
    one, other = fit_components(TALL, 3), fit_components(TALL[::-1], 3)
    assert one.directions == pytest.approx(other.directions)
    assert (np.take_along_axis(one.directions, np.abs(one.directions).argmax(1)[:, None], 1) > 0).all()


@pytest.mark.parametrize("values", [np.ones((2, 4)), np.ones((9, 4)), np.ones((9, 1)), np.zeros((0, 3))])
def test_too_few_or_equal_rows_have_none(values):
    assert fit_components(values, 2) is None


def test_only_components_that_vary_are_kept():
    flat = np.column_stack([TALL[:, 0], 2 * TALL[:, 0], np.ones(len(TALL))])
    assert len(fit_components(flat, 3).variances) == 1


def test_unrelated_columns_have_no_component_beyond_chance_and_related_ones_do():
    noise = RANDOM.normal(size=(300, 40))
    shared = noise + 1.5 * RANDOM.normal(size=(300, 2)) @ RANDOM.normal(size=(2, 40))
    for values, expected in ((noise, 0), (shared, 2)):
        standard = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
        assert beyond_chance(fit_components(standard, 10).variances, *values.shape) == expected
