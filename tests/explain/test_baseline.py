import numpy as np
import pytest

from neurofm_bids.explain.baseline import blurred
from neurofm_bids.model.augmentation import read_volume


def ball(inner, outer=100.0):
    """Return a ball of 30 mm with another intensity within 6 mm of its middle."""
    distance = np.linalg.norm(np.indices((256,) * 3) - 127.5, axis=0)
    data = np.where(distance < 30, outer, 0).astype(np.float32)
    data[distance < 6] = inner
    return read_volume(data)


def test_a_brain_without_structures_is_its_own_baseline():
    volume = ball(100.0)
    np.testing.assert_allclose(blurred(volume), volume.box, atol=1e-3)


@pytest.mark.parametrize("inner", [0.0, 20.0])
def test_structures_fade_and_the_outline_stays(inner):
    volume = ball(inner)
    baseline, middle = blurred(volume), tuple(n // 2 for n in volume.box.shape)
    assert volume.box[middle] == inner
    assert baseline[middle] > inner + 20
    outside = volume.box == 0
    outside[tuple(slice(m - 6, m + 7) for m in middle)] = False
    assert (baseline[outside] == 0).all()
    assert baseline[volume.box == 100].min() > 50


def test_more_smoothing_leaves_less():
    volume = ball(0.0)
    middle = tuple(n // 2 for n in volume.box.shape)
    assert blurred(volume, 2.0)[middle] < blurred(volume, 6.0)[middle]
