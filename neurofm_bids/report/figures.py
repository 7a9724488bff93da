"""Figures of one scan: brain mask, registration to the template, model grid, segmentation.

Each is an SVG of grey-scale slices (JPEG inside) with contours as paths, equal for equal input. The left of
the brain is on the left of every axial and coronal slice.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import box, inside_points, resample_onto

__all__ = ["anatomy_figure", "grid_figure", "mask_figure", "registration_figure"]

_Volume = NDArray[np.float32]
_Box = tuple[NDArray[np.int64], NDArray[np.int64]]  # first and end voxel

_PLANES = ((2, "z", "LR"), (1, "y", "LR"), (0, "x", "PA"))  # axis across the slice, its name, horizontal ends
_MASK_COLOUR, _TISSUE_COLOUR = "#ff3b30", "#34c0eb"
# FreeSurferColorLUT.txt; codes of the right side have the colours of the left
_LABEL_COLOURS = {
    2: (245, 245, 245), 3: (205, 62, 78), 4: (120, 18, 134), 5: (196, 58, 250), 7: (220, 248, 164),
    8: (230, 148, 34), 10: (0, 118, 14), 11: (122, 186, 220), 12: (236, 13, 176), 13: (12, 48, 255),
    14: (204, 182, 142), 15: (42, 204, 164), 16: (119, 159, 176), 17: (220, 216, 20), 18: (103, 255, 255),
    24: (60, 60, 60), 26: (255, 165, 0), 28: (165, 42, 42), 192: (250, 255, 50),
}  # fmt: skip
_RIGHT_OF = {
    2: 41, 3: 42, 4: 43, 5: 44, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54, 26: 58, 28: 60,
}  # fmt: skip
_OPACITY = 0.45
_COLUMNS = 7
_GAP = 4
_MARGIN_MM = 25
_SHORTEST = 12  # contours of fewer points are specks


@dataclass(frozen=True)
class _Tile:
    """One slice: pixels of 1 mm, the top row first, and contours as (colour, points in pixels).

    Pixels are grey, (h, w), or RGB, (h, w, 3).
    """

    pixels: NDArray[np.uint8]
    contours: tuple[tuple[str, NDArray[np.float64]], ...]
    label: str
    ends: str


def mask_figure(t1w: nib.Nifti1Image, mask: nib.Nifti1Image) -> str:
    """Return an SVG with the contour of the brain mask on slices of the T1w, both on one grid."""
    image, inside = nib.as_closest_canonical(t1w), nib.as_closest_canonical(mask)
    brain = np.asarray(inside.dataobj) > 0
    overlays = ((_MASK_COLOUR, brain.astype(np.float32), 0.5),)
    rows = _rows(image, _crop(inside, _MARGIN_MM), _window(image, brain), overlays)
    return _svg(rows, "Brain mask (red) on the image")


def registration_figure(
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    template: nib.Nifti1Image,
    template_mask: nib.Nifti1Image,
    t1w_to_template: NDArray[np.float64],
) -> str:
    """Return an SVG of the registration in both directions.

    Parameters
    ----------
    corrected, mask
        Bias-corrected T1w and brain mask on its grid.
    template, template_mask
        Target brain and its mask.
    t1w_to_template
        Affine 4x4 matrix from T1w to template points, world RAS+ mm.

    Returns
    -------
    str
        Above, the moved T1w with the template's contours; below, the template with those of the moved T1w.
        Red is the brain mask, blue the brightest tissue (mostly white matter).
    """
    fixed, fixed_mask = (nib.as_closest_canonical(image) for image in (template, template_mask))
    moved, moved_mask = (resample_onto(image, fixed, t1w_to_template, order=1) for image in (corrected, mask))
    crop = _crop(fixed_mask, 10)
    rows: list[list[_Tile]] = []
    for shown, shown_mask, drawn, drawn_mask in (
        (moved, moved_mask, fixed, fixed_mask),
        (fixed, fixed_mask, moved, moved_mask),
    ):
        brain = np.asarray(drawn_mask.dataobj, dtype=np.float32)
        overlays = ((_TISSUE_COLOUR, *_bright_tissue(drawn, brain)), (_MASK_COLOUR, brain, 0.5))
        window = _window(shown, np.asarray(shown_mask.dataobj) > 0.5)
        rows += _rows(shown, crop, window, overlays)
    title = "Above: the image moved to the template, with the template's contours. Below: the reverse"
    return _svg(rows, title)


def grid_figure(grid: nib.Nifti1Image) -> str:
    """Return an SVG of the model grid at 1 mm, and of the 2 mm lattice that one pass of the network reads."""
    image = nib.as_closest_canonical(grid)
    volume = np.asarray(image.dataobj, dtype=np.float32)
    brain = volume > 0
    window = _window(image, brain)
    middle = np.round(np.argwhere(brain).mean(axis=0)).astype(int)
    # in LIA the first phase of the lattice is 0, 0, 0
    lattice = volume[1::2, ::2, 1::2].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    row = [
        _tile(shown, axis, int(middle[axis]), window, (), f"{name}, {spacing} mm", ends)
        for spacing, shown in ((1, volume), (2, lattice))
        for axis, name, ends in _PLANES
    ]
    return _svg([row], "Model grid at 1 mm (left) and the 2 mm lattice of the first pass (right)")


def anatomy_figure(corrected: nib.Nifti1Image, segmentation: nib.Nifti1Image) -> str:
    """Return an SVG of the T1w painted with the labels of its segmentation, both on one grid.

    Parameters
    ----------
    segmentation
        Codes of FreeSurfer, in its colours.
    """
    image, labels = nib.as_closest_canonical(corrected), nib.as_closest_canonical(segmentation)
    codes = np.asarray(labels.dataobj).astype(np.uint8)
    crop = _crop(nib.Nifti1Image((codes > 0).astype(np.uint8), labels.affine), 5)
    window = _window(image, codes > 0)
    grey, painted = (_rows(shown, crop, w, ()) for shown, w in ((image, window), (labels, None)))
    rows = [
        [replace(one, pixels=_blend(one.pixels, other.pixels)) for one, other in zip(*pair, strict=True)]
        for pair in zip(grey, painted, strict=True)
    ]
    return _svg(rows, "Segmentation of the T1w in the colours of FreeSurfer")


def _blend(grey: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey pixels painted with the colours of labels."""
    colours, opacity = np.zeros((256, 3)), np.zeros(256)
    for code, colour in _LABEL_COLOURS.items():
        both = [code, _RIGHT_OF.get(code, code)]
        colours[both], opacity[both] = colour, _OPACITY
    share = opacity[codes][..., None]
    return np.asarray((grey[..., None] * (1 - share) + colours[codes] * share).astype(np.uint8))


def _bright_tissue(image: nib.Nifti1Image, brain: _Volume) -> tuple[_Volume, float]:
    """Return the smoothed brain and the level that bounds its brightest third."""
    from scipy.ndimage import gaussian_filter

    data = np.where(brain > 0.5, np.asarray(image.dataobj, dtype=np.float32), np.float32(0))
    smooth = gaussian_filter(data, 1.0)
    return smooth, float(np.quantile(smooth[brain > 0.5], 2 / 3))


def _window(image: nib.Nifti1Image, brain: NDArray[np.bool_]) -> tuple[float, float]:
    data = np.asarray(image.dataobj, dtype=np.float32)
    values = data[brain] if brain.any() else data.ravel()
    low, high = float(min(0.0, values.min())), float(np.percentile(values, 99.5)) * 1.15
    return low, high if high > low else low + 1


def _crop(mask: nib.Nifti1Image, margin_mm: float) -> _Box:
    margin = np.ceil(margin_mm / nib.affines.voxel_sizes(mask.affine)).astype(int)
    return box(inside_points(mask), margin, mask.shape)


def _rows(
    image: nib.Nifti1Image,
    crop: _Box,
    window: tuple[float, float] | None,
    overlays: Sequence[tuple[str, _Volume, float]],
) -> list[list[_Tile]]:
    """Return a row of slices per plane; overlays are (colour, volume, level of the contour).

    Without a window, pixels are the values of the nearest voxels.
    """
    cut = tuple(map(slice, *crop))
    volume = np.asarray(image.dataobj, dtype=np.float32)[cut]
    zooms = nib.affines.voxel_sizes(image.affine)
    cropped = [(colour, over[cut], level) for colour, over, level in overlays]
    rows = []
    for axis, name, ends in _PLANES:
        margin = min(_MARGIN_MM / zooms[axis], volume.shape[axis] / 4)
        places = np.linspace(margin, volume.shape[axis] - 1 - margin, _COLUMNS).round().astype(int)
        row = []
        for place in places:
            corner = crop[0].copy()
            corner[axis] += place
            world = nib.affines.apply_affine(image.affine, corner)[axis]
            label = f"{name} = {world:.0f} mm"
            row.append(_tile(volume, axis, int(place), window, cropped, label, ends, zooms))
        rows.append(row)
    return rows


def _tile(
    volume: _Volume,
    axis: int,
    place: int,
    window: tuple[float, float] | None,
    overlays: Iterable[tuple[str, _Volume, float]],
    label: str,
    ends: str,
    zooms: NDArray[np.float64] | None = None,
) -> _Tile:
    scale = np.delete(np.ones(3) if zooms is None else zooms, axis)
    if window is None:
        pixels = _plane(volume, axis, place, scale, order=0).astype(np.uint8)
    else:
        low, high = window
        grey = np.clip((_plane(volume, axis, place, scale) - low) / (high - low), 0, 1)
        pixels = (255 * grey).astype(np.uint8)
    contours = tuple(
        (colour, line)
        for colour, over, level in overlays
        for line in _lines(_plane(over, axis, place, scale), level)
    )
    return _Tile(pixels, contours, label, ends)


def _plane(
    volume: _Volume, axis: int, place: int, scale: NDArray[np.float64], order: int = 1
) -> NDArray[np.float32]:
    """Return a slice with pixels of 1 mm, the upper or front end of the head on top."""
    from scipy.ndimage import zoom

    plane = np.moveaxis(volume, axis, 0)[place]  # np.take copies a whole volume in Fortran order
    if not np.allclose(scale, 1):
        plane = zoom(plane, scale, order=order, grid_mode=True, mode="nearest")
    return np.asarray(plane.T[::-1])


def _lines(plane: NDArray[np.float32], level: float) -> Iterator[NDArray[np.float64]]:
    from contourpy import contour_generator

    lines: Iterable[Any] = contour_generator(z=plane).lines(level)
    for line in lines:
        if len(line) >= _SHORTEST:
            yield np.asarray(np.vstack([line[:-1:2], line[-1:]]))


def _svg(rows: Sequence[Sequence[_Tile]], title: str) -> str:
    """Return the tiles as one SVG, columns aligned, one JPEG below all contours."""
    heights = [max(tile.pixels.shape[0] for tile in row) for row in rows]
    width = max(tile.pixels.shape[1] for row in rows for tile in row)
    columns = max(len(row) for row in rows)
    full = (sum(heights) + _GAP * (len(rows) - 1), columns * (width + _GAP) - _GAP)
    canvas = np.zeros((*full, *rows[0][0].pixels.shape[2:]), dtype=np.uint8)
    paths: list[str] = []
    texts: list[str] = []
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            h, w = tile.pixels.shape[:2]
            y, x = top + (height - h) // 2, column * (width + _GAP) + (width - w) // 2
            canvas[y : y + h, x : x + w] = tile.pixels
            paths += [_path(colour, line, x, y) for colour, line in tile.contours]
            texts += _texts(tile, column * (width + _GAP), top, width, height)
        top += height + _GAP
    picture = f'<image width="{full[1]}" height="{full[0]}" href="data:image/jpeg;base64,{_jpeg(canvas)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full[1]} {full[0]}" role="img">'
        f"<title>{title}</title>{picture}\n"
        '<g fill="none" stroke-width="1.1" stroke-linejoin="round">\n'
        + "\n".join(paths)
        + '\n</g>\n<g fill="#d7dbe0" font-family="sans-serif" font-size="10">\n'
        + "\n".join(texts)
        + "\n</g></svg>\n"
    )


def _path(colour: str, line: NDArray[np.float64], x: int, y: int) -> str:
    points = " ".join(f"{px + x + 0.5:.1f},{py + y + 0.5:.1f}" for px, py in line)
    return f'<path stroke="{colour}" d="M{points}"/>'


def _texts(tile: _Tile, x: int, y: int, width: int, height: int) -> list[str]:
    middle = y + height // 2
    return [
        f'<text x="{x + 2}" y="{y + height - 3}">{tile.label}</text>',
        f'<text x="{x + 2}" y="{middle}">{tile.ends[0]}</text>',
        f'<text x="{x + width - 9}" y="{middle}">{tile.ends[1]}</text>',
    ]


def _jpeg(canvas: NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, format="JPEG", quality=80)
    return base64.b64encode(stream.getvalue()).decode()
