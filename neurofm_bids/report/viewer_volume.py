"""The small image that the viewer of a report shows: T1w, brain mask, segmentation and maps in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import inside_points, resample_onto
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.report.attribution import CLEAR, full_value, target_title, unit_per_ml
from neurofm_bids.report.slices import intensity_window

__all__ = ["viewer_image"]

_SPACING_MM = 1.5
_MARGIN_MM = 6
_GREYS = 52  # finer steps are noise, which does not compress
_ZERO, _LEVELS, _STEP = 128, 21, 6  # of a map: its 0, and the levels on either side of it
_MOST_MAPS = 8  # more would leave no room for the figures of the report
_COMMENT = 6  # code of a header extension that is text


def viewer_image(
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    segmentation: nib.Nifti1Image | None,
    maps: nib.Nifti1Image | None = None,
    attributions: Mapping[str, Attribution] | None = None,
) -> nib.Nifti1Image:
    """Return what the viewer shows, cropped around the brain, in voxels of 1.5 mm.

    Parameters
    ----------
    corrected, mask, segmentation
        Bias-corrected T1w, brain mask and labels in codes of FreeSurfer, on one grid.
    maps
        Maps of attribution on that grid, units per ml, (x, y, z, maps).
    attributions
        What they are maps of, by target.

    Returns
    -------
    nib.Nifti1Image
        uint8, (x, y, z, 3 + maps), along the axes RAS of the world: the T1w from black (0) to white (255),
        the mask (0 and 1), the labels, all zero without a segmentation, and the first eight maps from
        2 (lowers the prediction) over 128 (nothing) to 254 (raises it). World coordinates are those of the
        T1w. A header extension, JSON, has the title of each map, its unit and the value of 254.
    """
    from scipy.ndimage import map_coordinates

    image, inside = nib.as_closest_canonical(corrected), nib.as_closest_canonical(mask)
    grid = _grid_around(inside)
    brain = np.asarray(inside.dataobj) > 0
    low, high = intensity_window(image, brain)
    grey = np.clip((_moved(image, grid, 1) - low) / (high - low), 0, 1)
    labels = np.zeros(grid.shape) if segmentation is None else _moved(segmentation, grid, 0)
    shown_mask = _moved(inside, grid, 0) > 0
    frames = [np.rint(grey * (_GREYS - 1)) * (255 // (_GREYS - 1)), shown_mask, labels]
    about = []
    places = _places(inside, grid, shown_mask)
    for title, unit, values, full in _maps(maps, attributions or {}, brain):
        frames.append(np.full(grid.shape, _ZERO))
        frames[-1][shown_mask] = _levels(map_coordinates(values, places, order=1, mode="nearest") / full)
        about.append({"title": title, "unit": unit, "full": float(f"{full:.3g}")})
    shown = nib.Nifti1Image(np.stack(frames, axis=-1).astype(np.uint8), grid.affine)
    shown.header.set_xyzt_units("mm")
    shown.header.extensions.append(nib.nifti1.Nifti1Extension(_COMMENT, json.dumps(about).encode()))
    return shown


def _maps(
    maps: nib.Nifti1Image | None, attributions: Mapping[str, Attribution], brain: NDArray[np.bool_]
) -> Iterator[tuple[str, str, NDArray[np.float32], float]]:
    """Yield title, unit, values in canonical orientation and full value of the maps that are shown."""
    if maps is None:
        return
    canonical = nib.as_closest_canonical(maps)
    for number, (target, one) in enumerate([*attributions.items()][:_MOST_MAPS]):
        values = np.asarray(canonical.dataobj[..., number], dtype=np.float32)
        yield target_title(target, one), unit_per_ml(one), values, full_value(values, brain)


def _places(image: nib.Nifti1Image, grid: nib.Nifti1Image, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return voxels of an image, (3, n), at which some voxels of a grid lie."""
    moved = np.linalg.inv(image.affine) @ grid.affine
    return np.asarray(nib.affines.apply_affine(moved, np.argwhere(inside)).T)


def _levels(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return shares from -1 to 1 as levels around that of zero, those that would not be coloured as zero."""
    shares = np.where(np.abs(shares) < CLEAR, 0, np.clip(shares, -1, 1))
    return np.asarray(_ZERO + _STEP * np.rint(shares * _LEVELS))


def _grid_around(mask: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an empty image along the axes of the world, around a mask."""
    points = nib.affines.apply_affine(mask.affine, inside_points(mask))
    first = points.min(axis=0) - _MARGIN_MM
    shape = np.ceil((points.max(axis=0) + _MARGIN_MM - first) / _SPACING_MM).astype(int) + 1
    affine = nib.affines.from_matvec(np.diag([_SPACING_MM] * 3), first)
    return nib.Nifti1Image(np.zeros(shape, np.uint8), affine)


def _moved(image: nib.Nifti1Image, grid: nib.Nifti1Image, order: int) -> NDArray[np.float32]:
    return np.asarray(resample_onto(image, grid, np.eye(4), order=order).dataobj)
