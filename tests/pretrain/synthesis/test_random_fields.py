import numpy as np
import pytest
import torch

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields, resize


def test_numbers_and_fields_depend_on_the_seed_only():
    one, two, other = RandomFields((1, 2)), RandomFields((1, 2)), RandomFields((1, 3))
    assert one.uniform(0, 1) == two.uniform(0, 1) != other.uniform(0, 1)
    assert torch.equal(one.white_noise((4, 4)), two.white_noise((4, 4)))
    field = one.smooth_field((8, 6, 4), 3)
    assert torch.equal(field, two.smooth_field((8, 6, 4), 3))
    assert not torch.equal(field, other.smooth_field((8, 6, 4), 3))


def test_distributions():
    rng = RandomFields((0,))
    normal = [rng.normal(3, 2) for _ in range(4000)]
    assert max(abs(np.array(normal) - 3)) <= 5
    assert np.mean(normal) == pytest.approx(3, abs=0.1)
    assert np.mean([rng.chance(0.3) for _ in range(4000)]) == pytest.approx(0.3, abs=0.03)
    assert np.mean([rng.choice([1, 3]) for _ in range(4000)]) == pytest.approx(0.75, abs=0.03)
    assert float(rng.white_noise((40, 40, 40)).std()) == pytest.approx(1, abs=0.02)


def test_smooth_fields_are_linear_between_knots():
    field = RandomFields((5,)).smooth_field((11, 3, 3), 2, channels=2)
    assert field.shape == (2, 11, 3, 3)
    assert torch.allclose(field.diff(n=2, dim=1), torch.zeros(1), atol=1e-5)
    assert torch.allclose(resize(field, (2, 3, 3))[:, 1], field[:, -1], atol=1e-6)
