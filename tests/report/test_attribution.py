import base64
import io
import re

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from neurofm_bids.records.attribution import Attribution
from neurofm_bids.report.attribution import attribution_figure
from tests.report.drawing import texts

AGE = Attribution("Predicted age", "year", 40.0, 35.0, 0.01, 0.05, 8)
VOLUME = Attribution("Predicted <volume>", "mm^3", 4e6, 3e6, 0.01, 1e4, 8)


def drawn(brain_and_mask, axes="RAS", attributions=(AGE,), sign=1):
    """Draw a map that is positive in the left half of the brain and negative in the right."""
    image, mask = (nib.as_closest_canonical(one) for one in brain_and_mask)
    inside = np.asarray(mask.dataobj) > 0
    half = inside.shape[0] // 2
    values = np.where(inside, np.float32(sign), np.float32(0))
    values[half:] *= -1
    maps = nib.Nifti1Image(np.stack([values] * len(attributions), axis=-1), image.affine)
    named = {f"target_{number}": one for number, one in enumerate(attributions)}
    turn = nib.orientations.axcodes2ornt(axes)
    return attribution_figure(*(one.as_reoriented(turn) for one in (image, mask, maps)), named)


def pixels(svg):
    data = base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1])
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "ASL"])
def test_what_raises_is_orange_and_the_left_is_on_the_left(brain_and_mask, axes):
    picture = pixels(drawn(brain_and_mask, axes))
    slot = picture[:, : picture.shape[1] // 8]  # the first axial slice
    columns = np.flatnonzero((slot.max(axis=2) > 60).any(axis=0))
    middle = (columns[0] + columns[-1]) // 2
    left, right = slot[:, :middle].reshape(-1, 3), slot[:, middle:].reshape(-1, 3)
    left, right = (side[side.sum(axis=1) > 200].mean(axis=0) for side in (left, right))
    assert left[0] > left[2] + 40  # more red than blue
    assert right[2] > right[0] + 40


def test_each_map_has_a_colour_bar_with_its_name_and_units(brain_and_mask):
    svg = drawn(brain_and_mask, attributions=(AGE, VOLUME))
    shown = texts(svg)
    assert {
        "age",
        "+1 year/ml",
        "\u22121 year/ml",
        "&lt;volume&gt;",
        "+1 mm³/ml",
        "0",
    } <= set(shown)
    assert shown.count("L") == 2 * 5
    assert shown.count("A") == 2 * 2


def test_equal_maps_give_equal_figures(brain_and_mask):
    assert drawn(brain_and_mask) == drawn(brain_and_mask)
    assert drawn(brain_and_mask) != drawn(brain_and_mask, sign=-1)


def test_a_map_of_zeros_is_grey(brain_and_mask):
    picture = pixels(drawn(brain_and_mask, sign=0))
    slot = picture[:, : picture.shape[1] * 7 // 8]
    assert np.abs(slot - slot.mean(axis=2, keepdims=True)).max() < 12
