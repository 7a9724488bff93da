import numpy as np
import pytest

from neurofm_bids.report.slices import Tile, crop_around, intensity_window, slice_rows, slice_tile, svg_of


@pytest.fixture
def volume():
    """Return values that grow along each axis by another amount."""
    x, y, z = np.indices((20, 30, 40))
    return (x + 2 * y + 3 * z).astype(np.float32)


def test_the_upper_end_of_the_head_is_on_top_and_left_is_left(volume):
    coronal = slice_tile(volume, 1, 10, None, (), "y", "LR")
    assert coronal.pixels.shape == (60, 30)  # 1.5 pixels per mm
    assert coronal.pixels[-1, 0] == 20  # x = 0, y = 10, z = 0
    assert coronal.pixels[0, 0] == 20 + 3 * 39
    assert coronal.pixels[-1, 8] == 25  # x = 5


def test_the_window_becomes_black_and_white(volume):
    grey = slice_tile(volume, 2, 0, (10.0, 30.0), (), "z", "LR").pixels
    nearest = slice_tile(volume, 2, 0, None, (), "z", "LR").pixels
    assert grey[nearest <= 8].max() == 0
    assert grey[nearest >= 32].min() == 255


def test_contours_are_those_of_the_level(volume):
    inside = np.zeros_like(volume)
    inside[5:15, 5:25, :] = 1
    tile = slice_tile(volume, 2, 20, None, [("red", inside, 0.5)], "z", "LR")
    ((colour, line),) = tile.contours
    assert colour == "red"
    np.testing.assert_allclose(line.min(axis=0), [7, 7], atol=0.5)  # 5 mm, at 1.5 pixels per mm
    np.testing.assert_allclose(line.max(axis=0), [22, 37], atol=0.5)


def test_rows_are_cropped_and_named_in_mm(brain_and_mask):
    image, mask = brain_and_mask
    brain = np.asarray(mask.dataobj) > 0
    crop = crop_around(mask, 0)
    assert brain[tuple(map(slice, *crop))].sum() == brain.sum()
    rows = slice_rows(image, crop, intensity_window(image, brain), ())
    assert [len(row) for row in rows] == [7, 7, 7]
    assert [row[0].label[0] for row in rows] == ["z", "y", "x"]
    heights = [[float(tile.label.split()[2]) for tile in row] for row in rows]
    assert all(row == sorted(row) for row in heights)


def test_a_picture_has_its_tiles_and_texts():
    tile = Tile(
        np.full((10, 12), 200, np.uint8), (("#fff", np.array([[0.0, 0.0], [3.0, 4.0]])),), "here", "LR"
    )
    drawn = svg_of([[tile, tile]], "two tiles")
    assert "<title>two tiles</title>" in drawn
    assert 'viewBox="0 0 28 10"' in drawn
    assert drawn.count(">here</text>") == 2
    assert "scale(0.1)" in drawn
    assert 'd="M5 5l30 40M165 5l30 40"' in drawn  # one path of a colour, in tenths of a pixel
