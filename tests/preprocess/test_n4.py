import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofm_bids.preprocess.n4 import log_bias_field
from neurofm_bids.resources import torch_threads


@pytest.fixture(scope="module")
def head(brain_image):
    """Intensities of the template brain under a smooth field, and its mask, in 2 mm."""
    clean = np.asarray(brain_image.dataobj, dtype=np.float32)[5:-5, 5:-5, 5:-5]
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in clean.shape), indexing="ij")
    inside = clean > 0.05 * clean.max()
    return (clean * (1 + 0.4 * x - 0.3 * y * y)).astype(np.float32), inside


def difference_sd(field, other, inside):
    return float((field - other)[inside].std())


@pytest.mark.parametrize(
    ("spacing", "cut"), [((2.0, 2.0, 2.0), 0), ((1.0, 1.2, 1.5), 1), ((3.0, 1.5, 2.0), 3)]
)
def test_the_field_is_that_of_ants(head, spacing, cut):
    ants = pytest.importorskip("ants")
    data, inside = (np.ascontiguousarray(part[cut:, :, : part.shape[2] - cut]) for part in head)
    reference = ants.n4_bias_field_correction(
        ants.from_numpy(data, spacing=list(spacing)),
        mask=ants.from_numpy(inside.astype(np.float32), spacing=list(spacing)),
        shrink_factor=4,
        convergence={"iters": [50, 50, 50, 50], "tol": 1e-7},
        spline_param=200,
        return_bias_field=True,
    ).numpy()
    assert difference_sd(log_bias_field(data, inside, spacing), np.log(reference), inside) < 1e-3


@pytest.fixture(scope="module")
def field(head):
    return log_bias_field(*head, (2.0, 2.0, 2.0))


@settings(max_examples=10, deadline=None)
@given(st.floats(-6, 6))
def test_the_unit_of_intensity_does_not_matter(head, field, exponent):
    data, inside = head
    scaled = log_bias_field(data * np.float32(10**exponent), inside, (2.0, 2.0, 2.0))
    assert difference_sd(field, scaled, inside) < 1e-4


def test_equal_input_gives_equal_bits_with_any_number_of_threads(head, field):
    with torch_threads(2):
        np.testing.assert_array_equal(log_bias_field(*head, (2.0, 2.0, 2.0)), field)


def test_voxels_without_signal_do_not_matter(head, field):
    data, inside = head
    holes = data.copy()
    holes[30, 40:44, 30:34] = 0
    assert difference_sd(field, log_bias_field(holes, inside, (2.0, 2.0, 2.0)), inside) < 0.01


@pytest.mark.parametrize("value", [0.0, -3.0, 7.0])
def test_an_image_without_contrast_has_no_field(head, value):
    data, inside = head
    assert not log_bias_field(np.full_like(data, value), inside, (2.0, 2.0, 2.0)).any()


def test_a_small_mask_gives_a_finite_field(head):
    data, inside = head
    small = np.zeros_like(inside)
    small[30:40, 40:50, 30:40] = inside[30:40, 40:50, 30:40]
    assert np.isfinite(log_bias_field(data, small, (2.0, 2.0, 2.0))).all()
