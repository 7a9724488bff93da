"""Drawing of slices: grey-scale or coloured pixels (a JPEG inside an SVG) with contours as paths.

The left of the brain is on the left of every axial and coronal slice (neurological orientation).
Printed 18 cm wide, seven columns of slices have about 250 pixels per inch. Equal input gives equal text.
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

from neurofm_bids.geometry import box, inside_points

__all__ = [
    "PLANES",
    "Tile",
    "Volume",
    "crop_around",
    "intensity_window",
    "slice_rows",
    "slice_tile",
    "svg_of",
]

Volume = NDArray[np.float32]
_Box = tuple[NDArray[np.int64], NDArray[np.int64]]  # first and end voxel

PLANES = ((2, "z", "LR"), (1, "y", "LR"), (0, "x", "PA"))  # axis across the slice, its name, horizontal ends
_COLUMNS = 7
_DENSITY = 1.5  # pixels per mm
_GAP = 4
_MARGIN_MM = 25
_SHORTEST = 18  # contours of fewer points are specks
_STEP = 3  # every third point of a contour is drawn
_PARTS = 10  # coordinates of contours are whole tenths of a pixel
_FONT = 15


@dataclass(frozen=True)
class Tile:
    """One slice: 1.5 pixels per mm, the top row first, and contours as (colour, points in pixels).

    Pixels are grey, (h, w), or RGB, (h, w, 3). ``notes`` are further texts, each
    with x and y of its left end in pixels.
    """

    pixels: NDArray[np.uint8]
    contours: tuple[tuple[str, NDArray[np.float64]], ...]
    label: str
    ends: str
    notes: tuple[tuple[str, int, int], ...] = ()


def intensity_window(image: nib.Nifti1Image, brain: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the intensities shown as black and as white, from those of the brain."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    values = data[brain] if brain.any() else data.ravel()
    low, high = float(min(0.0, values.min())), float(np.percentile(values, 99.5)) * 1.15
    return low, high if high > low else low + 1


def crop_around(mask: nib.Nifti1Image, margin_mm: float) -> _Box:
    """Return the first and the end voxel of the box around a mask."""
    margin = np.ceil(margin_mm / nib.affines.voxel_sizes(mask.affine)).astype(int)
    return box(inside_points(mask), margin, mask.shape)


def slice_rows(
    image: nib.Nifti1Image,
    crop: _Box,
    window: tuple[float, float] | None,
    overlays: Sequence[tuple[str, Volume, float]],
) -> list[list[Tile]]:
    """Return a row of slices per plane; overlays are (colour, volume, level of the contour).

    Without a window, pixels are the values of the nearest voxels.
    """
    cut = tuple(map(slice, *crop))
    volume = np.asarray(image.dataobj, dtype=np.float32)[cut]
    zooms = nib.affines.voxel_sizes(image.affine)
    cropped = [(colour, over[cut], level) for colour, over, level in overlays]
    rows = []
    for axis, name, ends in PLANES:
        margin = min(_MARGIN_MM / zooms[axis], volume.shape[axis] / 4)
        places = np.linspace(margin, volume.shape[axis] - 1 - margin, _COLUMNS).round().astype(int)
        row = []
        for place in places:
            corner = crop[0].copy()
            corner[axis] += place
            world = nib.affines.apply_affine(image.affine, corner)[axis]
            label = f"{name} = {world:.0f} mm"
            row.append(slice_tile(volume, axis, int(place), window, cropped, label, ends, zooms))
        rows.append(row)
    return rows


def slice_tile(
    volume: Volume,
    axis: int,
    place: int,
    window: tuple[float, float] | None,
    overlays: Iterable[tuple[str, Volume, float]],
    label: str,
    ends: str,
    zooms: NDArray[np.float64] | None = None,
) -> Tile:
    """Return one slice of a volume in canonical orientation.

    Parameters
    ----------
    axis, place
        Axis across the slice, and its voxel.
    window
        Intensities of black and white; without it, pixels are the values of the nearest voxels.
    overlays
        Colour, volume and level of each contour.
    label, ends
        Text at the bottom; letters of the left and right end of the picture.
    zooms
        Voxel sizes in mm, (3,); 1 mm by default.
    """
    scale = np.delete(np.ones(3) if zooms is None else zooms, axis)
    if window is None:
        pixels = _plane(volume, axis, place, scale, order=0).astype(np.uint8)
    else:
        low, high = window
        grey = np.clip((_plane(volume, axis, place, scale, order=3) - low) / (high - low), 0, 1)
        pixels = (255 * grey).astype(np.uint8)
    contours = tuple(
        (colour, line)
        for colour, over, level in overlays
        for line in _lines(_plane(over, axis, place, scale), level)
    )
    return Tile(pixels, contours, label, ends)


def _plane(
    volume: Volume, axis: int, place: int, scale: NDArray[np.float64], order: int = 1
) -> NDArray[np.float32]:
    """Return a slice in the density of the figures, the upper or front end of the head on top."""
    from scipy.ndimage import zoom

    plane = np.moveaxis(volume, axis, 0)[place]  # np.take copies a whole volume in Fortran order
    plane = zoom(plane, scale * _DENSITY, order=order, grid_mode=True, mode="nearest")
    return np.asarray(plane.T[::-1])


def _lines(plane: NDArray[np.float32], level: float) -> Iterator[NDArray[np.float64]]:
    from contourpy import contour_generator

    lines: Iterable[Any] = contour_generator(z=plane).lines(level)
    for line in lines:
        if len(line) >= _SHORTEST:
            yield np.asarray(np.vstack([line[:-1:_STEP], line[-1:]]))


def svg_of(rows: Sequence[Sequence[Tile]], title: str) -> str:
    """Return the tiles as one SVG, columns aligned, one JPEG below all contours, one path per colour."""
    heights = [max(tile.pixels.shape[0] for tile in row) for row in rows]
    width = max(tile.pixels.shape[1] for row in rows for tile in row)
    columns = max(len(row) for row in rows)
    full = (sum(heights) + _GAP * (len(rows) - 1), columns * (width + _GAP) - _GAP)
    canvas = np.zeros((*full, *rows[0][0].pixels.shape[2:]), dtype=np.uint8)
    paths: dict[str, list[str]] = {}
    texts: list[str] = []
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            h, w = tile.pixels.shape[:2]
            y, x = top + (height - h) // 2, column * (width + _GAP) + (width - w) // 2
            canvas[y : y + h, x : x + w] = tile.pixels
            for colour, line in tile.contours:
                paths.setdefault(colour, []).append(_path(line, x, y))
            texts += _texts(tile, column * (width + _GAP), top, width, height)
            texts += [f'<text x="{x + left}" y="{y + down}">{text}</text>' for text, left, down in tile.notes]
        top += height + _GAP
    picture = f'<image width="{full[1]}" height="{full[0]}" href="data:image/jpeg;base64,{_jpeg(canvas)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full[1]} {full[0]}" role="img">'
        f"<title>{title}</title>{picture}\n"
        f'<g id="contours" transform="scale({1 / _PARTS:g})" fill="none" stroke-width="18"'
        ' stroke-linejoin="round">\n'
        + "".join(f'<path stroke="{colour}" d="{"".join(lines)}"/>\n' for colour, lines in paths.items())
        + f'</g>\n<g fill="#e6e9ed" font-family="sans-serif" font-size="{_FONT}">\n'
        + "\n".join(texts)
        + "\n</g></svg>\n"
    )


def _path(line: NDArray[np.float64], x: int, y: int) -> str:
    points = np.rint((line + np.array([x + 0.5, y + 0.5])) * _PARTS).astype(int)
    steps = " ".join(f"{dx} {dy}" for dx, dy in np.diff(points, axis=0).tolist())
    return f"M{points[0, 0]} {points[0, 1]}l{steps}".replace(" -", "-")


def _texts(tile: Tile, x: int, y: int, width: int, height: int) -> list[str]:
    middle = y + height // 2
    return [
        f'<text x="{x + 3}" y="{y + height - 4}">{tile.label}</text>',
        f'<text x="{x + 3}" y="{middle}">{tile.ends[0]}</text>',
        f'<text x="{x + width - 3}" y="{middle}" text-anchor="end">{tile.ends[1]}</text>',
    ]


def _jpeg(canvas: NDArray[np.uint8]) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, format="JPEG", quality=60, optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
