import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.preprocess.bias_correction import correct_bias


@pytest.fixture(scope="module")
def biased(brain_image):
    """The template brain under a smooth field of known shape."""
    clean = np.asarray(brain_image.dataobj, dtype=np.float32)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in clean.shape), indexing="ij")
    field = (1 + 0.4 * x - 0.3 * y * y).astype(np.float32)
    affine = brain_image.affine
    mask = nib.Nifti1Image((clean > 0).astype(np.uint8), affine)
    return nib.Nifti1Image(clean * field, affine), nib.Nifti1Image(clean, affine), mask, field


@pytest.fixture(scope="module")
def result(biased):
    image, _, mask, _ = biased
    return correct_bias(image, mask)


def spread(values):
    return values.std() / values.mean()


def test_a_known_field_is_removed(biased, result):
    _, clean, mask, field = biased
    corrected, measured = result
    inside = np.asarray(mask.dataobj) > 0
    ratio = np.asarray(corrected.dataobj)[inside] / np.asarray(clean.dataobj)[inside]
    assert spread(ratio) < 0.4 * spread(field[inside])
    assert measured.method == "n4"
    assert measured.field_variation == pytest.approx(spread(field[inside]), rel=0.3)


def test_equal_input_gives_equal_bits_and_the_input_is_left_alone(biased, result):
    image, _, mask, _ = biased
    before = np.array(image.dataobj)
    again, _ = correct_bias(image, mask)
    np.testing.assert_array_equal(np.asarray(again.dataobj), np.asarray(result[0].dataobj))
    np.testing.assert_array_equal(np.asarray(image.dataobj), before)


def test_outside_the_box_nothing_changes(biased):
    image, _, mask, _ = biased
    small = np.zeros(mask.shape, np.uint8)
    small[40:60, 50:70, 40:60] = np.asarray(mask.dataobj)[40:60, 50:70, 40:60]
    corrected, _ = correct_bias(image, nib.Nifti1Image(small, mask.affine))
    changed = np.argwhere(np.asarray(corrected.dataobj) != np.asarray(image.dataobj))
    assert (changed.min(axis=0) >= (30, 40, 30)).all()
    assert (changed.max(axis=0) < (70, 80, 70)).all()


def test_values_below_zero_are_kept_and_change_nothing_else(biased, result):
    image, _, mask, _ = biased
    data = np.array(image.dataobj)
    data[50, 60:63, 50] = -20
    corrected, _ = correct_bias(nib.Nifti1Image(data, image.affine), mask)
    np.testing.assert_allclose(
        np.asarray(corrected.dataobj)[data > 0], np.asarray(result[0].dataobj)[data > 0], rtol=0.02
    )
    assert (np.asarray(corrected.dataobj)[50, 60:63, 50] < 0).all()


def test_none_returns_the_image(biased):
    image, _, mask, _ = biased
    corrected, measured = correct_bias(image, mask, "none")
    assert corrected is image
    assert (measured.method, measured.field_variation) == ("none", 0.0)
