"""Figures of one scan: brain mask, registration to the template, model grid.

Each is an SVG of grey-scale slices (JPEG inside) with contours as paths, equal for equal input. The left of
the brain is on the left of every axial and coronal slice.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import box, inside_points, resample_onto

__all__ = ["grid_figure", "mask_figure", "registration_figure"]

_Volume = NDArray[np.float32]
_Box = tuple[NDArray[np.int64], NDArray[np.int64]]  # first and end voxel

_PLANES = ((2, "z", "LR"), (1, "y", "LR"), (0, "x", "PA"))  # axis across the slice, its name, horizontal ends
_MASK_COLOUR, _TISSUE_COLOUR = "#ff3b30", "#34c0eb"
_COLUMNS = 7
_GAP = 4
_MARGIN_MM = 25
_SHORTEST = 12  # contours of fewer points are specks


@dataclass(frozen=True)
class _Tile:
    """One slice: pixels of 1 mm, the top row first, and contours as (colour, points in pixels)."""

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
    window: tuple[float, float],
    overlays: Sequence[tuple[str, _Volume, float]],
) -> list[list[_Tile]]:
    """Return a row of slices per plane; overlays are (colour, volume, level of the contour)."""
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
    window: tuple[float, float],
    overlays: Iterable[tuple[str, _Volume, float]],
    label: str,
    ends: str,
    zooms: NDArray[np.float64] | None = None,
) -> _Tile:
    scale = np.delete(np.ones(3) if zooms is None else zooms, axis)
    low, high = window
    grey = np.clip((_plane(volume, axis, place, scale) - low) / (high - low), 0, 1)
    contours = tuple(
        (colour, line)
        for colour, over, level in overlays
        for line in _lines(_plane(over, axis, place, scale), level)
    )
    return _Tile((255 * grey).astype(np.uint8), contours, label, ends)


def _plane(volume: _Volume, axis: int, place: int, scale: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return a slice with pixels of 1 mm, the upper or front end of the head on top."""
    from scipy.ndimage import zoom

    plane = np.moveaxis(volume, axis, 0)[place]  # np.take copies a whole volume in Fortran order
    if not np.allclose(scale, 1):
        plane = zoom(plane, scale, order=1, grid_mode=True, mode="nearest")
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
    canvas = np.zeros(full, dtype=np.uint8)
    paths: list[str] = []
    texts: list[str] = []
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            h, w = tile.pixels.shape
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
