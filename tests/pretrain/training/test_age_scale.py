import numpy as np
import pytest
import torch

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.training.age_scale import AgeScale, age_scale, rescale_age
from neurofm_bids.pretrain.training.losses import estimates

KNOWN = np.repeat(np.arange(25.0, 80, 10), 5)


def test_the_smallest_scale_keeps_decades_within_three_years():
    factor, offset = age_scale(KNOWN, 50 + 0.6 * (KNOWN - 50) + 2)
    # The twenties and the seventies are 25 years from the middle: .6 * factor is at least 1 - 3 / 25.
    assert factor == pytest.approx(np.ceil(100 * (1 - 3 / 25) / 0.6) / 100)
    scaled = factor * (50 + 0.6 * (KNOWN - 50) + 2) + offset
    errors = scaled - KNOWN
    assert errors.max() == pytest.approx(-errors.min())
    assert 2.5 < errors.max() <= 3


def test_predictions_that_are_good_enough_are_only_centred():
    assert age_scale(KNOWN, KNOWN + 4) == pytest.approx((1.0, -4.0))


def test_where_no_scale_suffices_the_range_of_errors_is_smallest():
    predicted = KNOWN + 8.0 * (KNOWN == 45)
    scale = age_scale(KNOWN, predicted)
    half_range = np.ptp(scale.factor * predicted - KNOWN) / 2
    assert all(half_range <= np.ptp(factor * predicted - KNOWN) / 2 for factor in np.arange(1, 2, 0.01))


def test_unknown_and_other_ages_are_left_out():
    known = np.array([*KNOWN, np.nan, 18, 90])
    predicted = np.array([*KNOWN, 500.0, 500.0, 500.0])
    assert age_scale(known, predicted) == pytest.approx((1.0, 0.0))
    with pytest.raises(NeuroFMError, match="too few ages"):
        age_scale(KNOWN[:9], KNOWN[:9])


def test_the_head_predicts_on_the_new_scale():
    network = load_model("open-s").network
    lattice = torch.linspace(-1, 3, LATTICE_SIZE**3).view(1, 1, *[LATTICE_SIZE] * 3)
    with torch.inference_mode():
        before = estimates(network.forward_lattice(lattice))
        rescale_age(network, AgeScale(1.5, -7.0))
        after = estimates(network.forward_lattice(lattice))
    assert float(after.age_years) == pytest.approx(1.5 * float(before.age_years) - 7, abs=1e-3)
    assert after[1:] == before[1:]
