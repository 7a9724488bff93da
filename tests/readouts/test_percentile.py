"""Where a value lies among percentiles."""

import numpy as np
import pytest

from neurofm_bids.readouts.percentile import percentile_of


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (2.5, 2.5), (100, 100), (-9, 0), (500, 100)])
def test_between_percentiles_it_is_linear(value, expected):
    assert percentile_of(value, range(101)) == expected


def test_of_equal_values_half_are_lower():
    tied = [0.0] * 41 + [1.0] * 60  # 40 % are 0, the others 1
    assert percentile_of(0.0, tied) == 20
    assert percentile_of(1.0, tied) == pytest.approx(70.5)


def test_the_percentile_of_a_sample_is_the_share_below():
    sample = np.random.default_rng(0).normal(size=5000)
    percentiles = np.percentile(sample, range(101))
    assert percentile_of(0.7, percentiles) == pytest.approx(100 * np.mean(sample < 0.7), abs=0.5)
