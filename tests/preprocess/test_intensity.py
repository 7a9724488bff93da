import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofm_bids.preprocess.intensity import from_zero, step_between

USUAL = np.random.default_rng(0).gamma(2.0, 200.0, (30, 40, 30)).astype(np.int64) * (
    np.indices((30, 40, 30)).sum(0) > 20
)


def zeroed(data):
    return from_zero(data, np.unique(data[::3, ::3, ::3]))


@given(st.floats(-6, 6), st.integers(-40000, 40000))
def test_unit_and_offset_of_whole_numbers_do_not_matter(exponent, offset):
    scale = 10**exponent
    stored = (USUAL * scale + offset * scale).astype(np.float32)
    np.testing.assert_array_equal(zeroed(stored), USUAL)


@pytest.mark.parametrize(("kind", "offset"), [(np.int16, -1024), (np.int16, 1000), (np.uint16, 32768)])
def test_offset_of_stored_integers_does_not_matter(kind, offset):
    np.testing.assert_array_equal(zeroed((USUAL + offset).astype(kind).astype(np.float32)), USUAL)


def test_values_between_steps_keep_their_unit():
    values = np.sqrt(USUAL.astype(np.float32))
    np.testing.assert_array_equal(zeroed(values), values)
    np.testing.assert_allclose(zeroed(values + np.float32(8)), values, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0, 2, 4, 10], 2.0),
        (np.arange(60000) * 0.1 - 7, pytest.approx(0.1, rel=1e-6)),
        ([0.0, 1.0, 2.5, 4.1], None),
        ([0.0, 1e-9, 1.0], None),
    ],
)
def test_step_between_values(values, step):
    assert step_between(np.float32(values)) == step
