import base64
import io
import re
import xml.etree.ElementTree as ET

import nibabel as nib
import numpy as np
from PIL import Image

from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.report.figures import anatomy_figure, grid_figure, mask_figure, registration_figure

SVG = "{http://www.w3.org/2000/svg}"


def strokes(svg):
    root = ET.fromstring(svg)
    return [element.get("stroke") for element in root.iter(f"{SVG}path")]


def test_mask_figure_follows_the_mask(brain_and_mask):
    image, mask = brain_and_mask
    drawing = mask_figure(image, mask)
    assert drawing == mask_figure(image, mask)
    assert set(strokes(drawing)) == {"#ff3b30"}
    assert len(strokes(drawing)) >= 21  # a contour on each of the 3 x 7 slices
    assert len(drawing) < 400_000


def test_mask_figure_does_not_depend_on_the_voxel_order(brain_and_mask):
    image, mask = brain_and_mask
    turn = nib.orientations.axcodes2ornt("PIR")
    one = mask_figure(image, mask)
    two = mask_figure(image.as_reoriented(turn), mask.as_reoriented(turn))
    assert re.findall(r"[xyz] = -?\d+ mm", one) == re.findall(r"[xyz] = -?\d+ mm", two)


def test_registration_figure_shows_both_directions(brain_and_mask):
    image, mask = brain_and_mask
    template = load_template()
    drawing = registration_figure(image, mask, template.image, template.mask, np.eye(4))
    assert set(strokes(drawing)) == {"#ff3b30", "#34c0eb"}
    assert len(re.findall("z = 6 mm", drawing)) == 2
    assert len(drawing) < 1_000_000


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
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", drawn(17, 53))[1])))
    colours = np.asarray(picture).reshape(-1, 3).astype(int)
    red, green, blue = colours[colours.sum(axis=1) > 200].mean(axis=0)
    assert red > blue + 20  # the hippocampus is yellow in FreeSurfer's table
    assert green > blue + 20
    assert len(drawn(17, 53)) < 1_000_000
