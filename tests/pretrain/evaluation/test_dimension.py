import numpy as np
import pytest

from neurofm_bids.pretrain.evaluation.dimension import participation_ratio


def test_known_dimensions():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20_000, 8))
    assert participation_ratio(values) == pytest.approx(8, rel=0.01)
    repeated = np.hstack([values[:, :2]] * 5)  # ten features that are two numbers
    assert participation_ratio(repeated) == pytest.approx(2, rel=0.01)
    # Variances 4, 1 and 1: (4 + 1 + 1)^2 / (16 + 1 + 1).
    assert participation_ratio(values[:, :3] * [2, 1, 1], standardised=False) == pytest.approx(2, rel=0.02)


def test_units_and_constant_features_do_not_matter():
    values = np.random.default_rng(0).normal(size=(50, 4))
    scaled = np.hstack([values * [1, 10, 1e6, 1e-6] + 3, np.full((50, 1), 0.1)])
    assert participation_ratio(scaled) == pytest.approx(participation_ratio(values))


def test_few_people_limit_it():
    assert participation_ratio(np.random.default_rng(0).normal(size=(5, 1000))) <= 4


@pytest.mark.parametrize(
    ("values", "message"), [(np.ones((3, 2)), "no feature varies"), (np.array([[1.0], [np.nan]]), "finite")]
)
def test_values_without_a_dimension(values, message):
    with pytest.raises(ValueError, match=message):
        participation_ratio(values)
