"""Figure of the maps of attribution of one scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import escape
from textwrap import wrap

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.records.attribution import Attribution
from neurofm_bids.report.metric_names import readout_title
from neurofm_bids.report.slices import PLANES, Tile, Volume, crop_around, intensity_window, slice_tile, svg_of

__all__ = ["CLEAR", "FULL", "attribution_figure", "full_value", "target_title", "unit_per_ml"]

# Orange and sky blue of the palette of Okabe and Ito, which people with any colour vision tell apart
_RAISES, _LOWERS = np.array([230.0, 159.0, 0.0]), np.array([86.0, 180.0, 233.0])
_PLACES = {2: (0.3, 0.45, 0.6), 1: (0.4, 0.6), 0: (0.3, 0.55)}  # of the extent of the brain, by axis
FULL = 99.8  # percentile of the absolute values at which the colour is full
CLEAR = 0.1  # share of that value below which the image is not coloured
_OPACITY = 0.9
_BAR = (180, 18)  # height and width in pixels
_LETTERS = 28  # of a line above the bar
_MID_GREY = 90  # below the colours of the bar
_UNITS = {"1": "logit", "mm^3": "mm\u00b3"}


def attribution_figure(
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    maps: nib.Nifti1Image,
    attributions: Mapping[str, Attribution],
) -> str:
    """Return an SVG of the maps on slices of the T1w, one row for each, with a colour bar.

    Parameters
    ----------
    corrected, mask
        Bias-corrected T1w and brain mask.
    maps
        Units per ml, on the same grid, (x, y, z, maps).
    attributions
        What they are maps of, by target.
    """
    image, inside, values = (nib.as_closest_canonical(one) for one in (corrected, mask, maps))
    brain = np.asarray(inside.dataobj) > 0
    window = intensity_window(image, brain)
    first, end = crop_around(inside, 5)
    cut = tuple(map(slice, first, end))
    grey = np.asarray(image.dataobj, dtype=np.float32)[cut]
    zooms = nib.affines.voxel_sizes(image.affine)
    rows = []
    for number, (target, attribution) in enumerate(attributions.items()):
        overlay = np.asarray(values.dataobj[..., number], dtype=np.float32)
        full = full_value(overlay, brain)
        tiles = [
            _tile(grey, overlay[cut] / full, axis, place, window, label, ends, zooms)
            for axis, place, label, ends in _places(image.affine, first, grey.shape)
        ]
        rows.append([*tiles, _colour_bar(target, attribution, full)])
    return svg_of(rows, "Attribution: orange raises the prediction, blue lowers it")


def full_value(values: NDArray[np.floating], brain: NDArray[np.bool_]) -> float:
    """Return the value of a map, (x, y, z), at which its colour is full."""
    return float(np.percentile(np.abs(values[brain]), FULL)) or 1.0


def unit_per_ml(attribution: Attribution) -> str:
    """Return the unit of the values of a map, as people read it.

    >>> unit_per_ml(Attribution("Predicted logit of male", "1", 0.6, -0.2, 0.01, 0.008, 8))
    'logit/ml'
    """
    return f"{_UNITS.get(attribution.units, attribution.units)}/ml"


def target_title(target: str, attribution: Attribution) -> str:
    """Return what a map is of, as people read it.

    >>> target_title("sex", Attribution("Predicted logit of male", "1", 0.6, -0.2, 0.01, 0.008, 8))
    'sex (logit of male)'
    """
    title = attribution.long_name.removeprefix("Predicted ")
    name = target
    if attribution.readout_digest is not None:
        name = readout_title(target)
        if not title.startswith("Logit of "):
            return name
        title = title.replace("Logit", "logit", 1)
    return f"{name} ({title})" if attribution.units == "1" else title


def _places(
    affine: NDArray[np.float64], first: NDArray[np.int64], shape: tuple[int, ...]
) -> Iterable[tuple[int, int, str, str]]:
    """Yield axis, voxel, label and ends of the slices."""
    for axis, name, ends in PLANES:
        for share in _PLACES[axis]:
            place = round(share * (shape[axis] - 1))
            corner = first.copy()
            corner[axis] += place
            world = nib.affines.apply_affine(affine, corner)[axis]
            yield axis, place, f"{name} = {world:.0f} mm", ends


def _tile(
    grey: Volume,
    overlay: Volume,
    axis: int,
    place: int,
    window: tuple[float, float],
    label: str,
    ends: str,
    zooms: NDArray[np.float64],
) -> Tile:
    """Return a slice whose pixels are coloured by an overlay from -1 to 1."""
    below = slice_tile(grey, axis, place, window, (), label, ends, zooms)
    above = [
        slice_tile(sign * overlay, axis, place, (CLEAR, 1.0), (), label, ends, zooms).pixels
        for sign in (1, -1)
    ]
    return replace(below, pixels=_coloured(below.pixels, *above))


def _coloured(
    grey: NDArray[np.uint8], raises: NDArray[np.uint8], lowers: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    pixels = grey[..., None].astype(np.float64)
    for strength, colour in ((raises, _RAISES), (lowers, _LOWERS)):
        share = (strength[..., None] / 255) ** 0.5 * _OPACITY
        pixels = pixels * (1 - share) + colour * share
    return pixels.astype(np.uint8)


def _colour_bar(target: str, attribution: Attribution, full: float) -> Tile:
    """Return the colours from the highest value to the lowest, with the target and its units."""
    height, width = _BAR
    ramp = np.linspace(1, -1, height)[:, None].repeat(width, axis=1)
    up, down = (
        (255 * np.clip((sign * ramp - CLEAR) / (1 - CLEAR), 0, 1)).astype(np.uint8) for sign in (1, -1)
    )
    pixels = np.zeros((height + 60, 270, 3), dtype=np.uint8)
    pixels[45:-15, 6 : 6 + width] = _coloured(np.full((height, width), _MID_GREY, np.uint8), up, down)
    unit = unit_per_ml(attribution)
    number = f"{full:,.0f}" if full >= 100 else f"{full:.3g}"
    marks = [(f"{sign}{number} {unit}", 45 + down) for sign, down in (("+", 12), ("\u2212", height))]
    lines = wrap(target_title(target, attribution), _LETTERS, max_lines=2, placeholder=" ...")
    notes = [(escape(line), 6, 17 + 19 * number) for number, line in enumerate(lines)]
    notes.append(("0", 33, 45 + height // 2 + 6))
    return Tile(pixels, (), "", "  ", (*notes, *((text, 33, down) for text, down in marks)))
