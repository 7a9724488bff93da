import base64
import io
import re
import xml.etree.ElementTree as ET

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.report.figures import (
    anatomy_figure,
    bias_figure,
    grid_figure,
    mask_figure,
    registration_figures,
)

SVG = "{http://www.w3.org/2000/svg}"
FLIP = nib.orientations.axcodes2ornt("LAS")


def contours(svg):
    """Return the number of contours by colour."""
    paths = ET.fromstring(svg).iter(f"{SVG}path")
    return {path.get("stroke"): path.get("d").count("M") for path in paths}


def pixels(svg):
    data = re.search(r"base64,([^\"]+)", svg)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_mask_figure_follows_the_mask(brain_and_mask):
    image, mask = brain_and_mask
    drawing = mask_figure(image, mask)
    assert drawing == mask_figure(image, mask)
    assert contours(drawing).keys() == {"#ff3b30"}
    assert contours(drawing)["#ff3b30"] >= 21  # one on each of the 3 x 7 slices
    assert len(drawing) < 400_000


def test_contours_lie_where_the_mask_ends():
    data = np.zeros((60, 60, 60), np.float32)
    data[20:40, 15:45, 10:50] = 1
    image, mask = nib.Nifti1Image(data * 100, np.eye(4)), nib.Nifti1Image(data.astype(np.uint8), np.eye(4))
    drawing = mask_figure(image, mask)
    start, steps = re.search(r'd="M(\d+ \d+)l([^"M]+)', drawing).groups()
    moves = np.array(re.findall(r"-?\d+", steps), dtype=float).reshape(-1, 2)
    points = (np.array(start.split(), dtype=float) + np.vstack([[0, 0], np.cumsum(moves, axis=0)])) / 10
    assert np.ptp(points, axis=0) == pytest.approx([1.5 * 20, 1.5 * 30], abs=1.5)  # 1.5 pixels per mm
    bright = np.argwhere(pixels(drawing)[:90, :90] > 128)[:, ::-1]
    assert points.min(axis=0) == pytest.approx(bright.min(axis=0), abs=2)
    assert points.max(axis=0) == pytest.approx(bright.max(axis=0), abs=2)


def test_left_is_on_the_left():
    data = np.zeros((80, 80, 80), np.float32)
    data[10:70, 10:70, 10:70] = 10
    data[10:40, 10:70, 10:70] = 100  # in RAS, the lower voxels are on the left
    mask = nib.Nifti1Image((data > 0).astype(np.uint8), np.eye(4))
    for image in (nib.Nifti1Image(data, np.eye(4)), nib.Nifti1Image(data, np.eye(4)).as_reoriented(FLIP)):
        drawing = mask_figure(image, mask if image.affine[0, 0] > 0 else mask.as_reoriented(FLIP))
        first = pixels(drawing)[:, :90].astype(int)
        bright, dim = np.argwhere(first > 150), np.argwhere((first > 10) & (first < 50))
        assert bright[:, 1].mean() < dim[:, 1].mean()
        assert re.findall("<text[^>]*>([LRPA])</text>", drawing)[:2] == ["L", "R"]


def test_mask_figure_does_not_depend_on_the_voxel_order(brain_and_mask):
    image, mask = brain_and_mask
    turn = nib.orientations.axcodes2ornt("PIR")
    one = mask_figure(image, mask)
    two = mask_figure(image.as_reoriented(turn), mask.as_reoriented(turn))
    assert re.findall(r"[xyz] = -?\d+ mm", one) == re.findall(r"[xyz] = -?\d+ mm", two)


def test_registration_figure_shows_both_directions(brain_and_mask):
    image, mask = brain_and_mask
    template = load_template()
    drawings = registration_figures(image, mask, template.image, template.mask, np.eye(4))
    for drawing in drawings:
        assert contours(drawing).keys() == {"#ff3b30", "#34c0eb"}
        assert len(drawing) < 500_000
    views = [re.findall(r"[xyz] = -?\d+ mm|viewBox=\"[^\"]*", drawing) for drawing in drawings]
    assert views[0] == views[1]  # so that they can alternate
    assert not np.array_equal(*map(pixels, drawings))


def test_bias_figure_shows_the_image_before_and_after(brain_and_mask):
    image, mask = brain_and_mask
    ramp = np.linspace(0.5, 1.5, image.shape[0], dtype=np.float32)[:, None, None]
    drawing = bias_figure(nib.Nifti1Image(np.asarray(image.dataobj) * ramp, image.affine), image, mask)
    tile = pixels(drawing).shape[1] // 6
    slices = (pixels(drawing)[:, first : first + tile].astype(float) for first in (0, 3 * tile))
    tilt = [one[:, tile // 2 :].mean() / one[:, : tile // 2].mean() for one in slices]
    assert tilt[0] > 1.2 * tilt[1]
    texts = [element.text for element in ET.fromstring(drawing).iter(f"{SVG}text")]
    assert {"z, before", "y, before", "x, before", "z, after", "y, after", "x, after"} <= set(texts)


def test_grid_figure_shows_grid_and_lattice():
    data = np.zeros((256, 256, 256), np.float32)
    data[80:170, 90:160, 70:180] = 100
    drawing = grid_figure(nib.Nifti1Image(data, np.diag([-1, -1, 1, 1])))
    texts = [element.text for element in ET.fromstring(drawing).iter(f"{SVG}text")]
    assert {"z, 1 mm", "y, 1 mm", "x, 1 mm", "z, 2 mm", "y, 2 mm", "x, 2 mm"} <= set(texts)


def test_anatomy_figure_paints_labels_and_both_sides_alike(brain_and_mask):
    image, mask = brain_and_mask
    grey = nib.Nifti1Image(np.full(image.shape, 100, np.float32), image.affine)

    def drawn(left, right):
        codes = np.asarray(mask.dataobj).astype(np.uint8) * left
        half = codes.shape[0] // 2
        codes[half:] = np.where(codes[half:], right, 0)
        return anatomy_figure(grey, nib.Nifti1Image(codes, image.affine))

    assert drawn(17, 17) == drawn(17, 53)
    assert drawn(17, 17) != drawn(17, 10)
    colours = pixels(drawn(17, 53)).reshape(-1, 3).astype(int)
    red, green, blue = colours[colours.sum(axis=1) > 200].mean(axis=0)
    assert red > blue + 20  # the hippocampus is yellow in FreeSurfer's table
    assert green > blue + 20
    assert len(drawn(17, 53)) < 1_000_000
