"""Perturbations of a scan that should not change predictions: other brain masks and other poses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    affine_transform,
    binary_fill_holes,
    binary_opening,
    distance_transform_edt,
    spline_filter,
)
from scipy.spatial.transform import Rotation

from neurofm_bids.geometry import box, largest_component

__all__ = ["POSE_COUNT", "other_masks", "poses", "rotations"]

_DILATION_MM, _CLOSING_MM = 2.0, 3.0
_ANGLES = (-5.0, -2.5, 2.5, 5.0)
POSE_COUNT = 8 + 3 * len(_ANGLES)


def other_masks(corrected: nib.Nifti1Image, mask: nib.Nifti1Image) -> dict[str, nib.Nifti1Image]:
    """Return brain masks as other skull-stripping tools might produce them, by name.

    Parameters
    ----------
    corrected, mask
        Bias-corrected T1w (stripped or not) and its brain mask, on one grid.

    Returns
    -------
    dict
        ``tight``, the tissue closed by 3 mm; ``csf-free``, the tissue with its holes filled; ``loose``, the
        mask dilated by 2 mm, unless the image is empty outside the mask. Tissue is brighter than the
        threshold between the two darkest of three intensity classes.
    """
    data, given = np.asarray(corrected.dataobj, dtype=np.float32), np.asarray(mask.dataobj) > 0
    zooms = mask.header.get_zooms()[:3]
    tissue = given & (data > _csf_threshold(data[given]))
    tissue = largest_component(
        binary_opening(tissue) | (tissue & _dilate(binary_opening(tissue), 1.5, zooms))
    )
    closed = ~_dilate(~_dilate(tissue, _CLOSING_MM, zooms), _CLOSING_MM, zooms)
    masks = {"tight": given & _fill_holes(closed), "csf-free": given & _fill_holes(tissue)}
    dilated = _dilate(given, _DILATION_MM, zooms)
    if np.count_nonzero(data[dilated & ~given]) > 0.5 * np.count_nonzero(dilated & ~given):
        masks["loose"] = binary_fill_holes(dilated)
    return {name: nib.Nifti1Image(m.astype(np.uint8), mask.affine) for name, m in masks.items()}


def _csf_threshold(values: NDArray[np.float32]) -> float:
    """Return the intensity between the two darkest of three classes (k-means in one dimension)."""
    centres = np.quantile(values, [0.05, 0.4, 0.85])
    for _ in range(30):
        limits = (centres[:-1] + centres[1:]) / 2
        classes = np.digitize(values, limits)
        members = [values[classes == k] for k in range(3)]
        centres = np.array([m.mean() if m.size else c for m, c in zip(members, centres, strict=True)])
    return float((centres[0] + centres[1]) / 2)


def _dilate(inside: NDArray[np.bool_], mm: float, zooms: tuple[float, ...]) -> NDArray[np.bool_]:
    return np.asarray(distance_transform_edt(~inside, sampling=zooms) <= mm)


def _fill_holes(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill holes in three dimensions and in every slice, since ventricles often open at the base."""
    filled = np.asarray(binary_fill_holes(inside))
    for axis in range(3):
        planes = [binary_fill_holes(plane) for plane in np.moveaxis(inside, axis, 0)]
        filled = filled | np.moveaxis(np.array(planes), 0, axis)
    return filled


def poses(volume: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield a model-grid volume at its eight lattice phases, then rotated by up to 5 degrees on each axis."""
    for shift in product((0, 1), repeat=3):
        yield np.roll(volume, shift, axis=(0, 1, 2))
    yield from rotations(volume, product("xyz", _ANGLES))


def rotations(
    volume: NDArray[np.float32], turns: Iterable[tuple[str, float]]
) -> Iterator[NDArray[np.float32]]:
    """Yield a model-grid volume rotated about an axis of the grid through the middle of the brain.

    Parameters
    ----------
    turns
        Axis (``x``, ``y`` or ``z``) and angle in degrees.
    """
    background = volume.flat[0]
    inside = tuple(map(slice, *box(np.argwhere(volume != background), 12, volume.shape)))
    spline = spline_filter(volume[inside], order=3, output=np.float32)
    centre = (np.array(spline.shape) - 1) / 2
    for axis, angle in turns:
        rotation = Rotation.from_euler(axis, angle, degrees=True).as_matrix()
        rotated = np.full_like(volume, background)
        rotated[inside] = affine_transform(
            spline, rotation, centre - rotation @ centre, order=3, cval=background, prefilter=False
        )
        yield rotated
