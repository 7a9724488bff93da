"""Variants of one scan that should change nothing: other masks, other poses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

__all__ = ["POSES", "mask_styles", "poses"]

_LOOSE_MM, _CLOSED_MM = 2.0, 3.0
_ANGLES = (-5.0, -2.5, 2.5, 5.0)
POSES = 8 + 3 * len(_ANGLES)


def mask_styles(corrected: nib.Nifti1Image, mask: nib.Nifti1Image) -> dict[str, nib.Nifti1Image]:
    """Return the ways in which other tools might have cut out the same brain, by name.

    Parameters
    ----------
    corrected, mask
        Bias-corrected T1w (stripped or not) and its brain mask, on one grid.

    Returns
    -------
    dict
        ``given``; ``loose``, 2 mm wider, unless there is nothing outside of the mask; ``tight``, the tissue
        closed by 3 mm; ``csf-free``, the tissue with its holes filled. Tissue is what is brighter than the
        border between the darkest and the middle of three classes of intensity.
    """
    from scipy.ndimage import binary_fill_holes, binary_opening

    data, inside = np.asarray(corrected.dataobj, dtype=np.float32), np.asarray(mask.dataobj) > 0
    zooms = mask.header.get_zooms()[:3]
    tissue = inside & (data > _fluid_limit(data[inside]))
    tissue = _largest(binary_opening(tissue) | (tissue & _grown(binary_opening(tissue), 1.5, zooms)))
    closed = ~_grown(~_grown(tissue, _CLOSED_MM, zooms), _CLOSED_MM, zooms)
    found = {"given": inside, "tight": inside & _filled(closed), "csf-free": inside & _filled(tissue)}
    wider = _grown(inside, _LOOSE_MM, zooms)
    if np.count_nonzero(data[wider & ~inside]) > 0.5 * np.count_nonzero(wider & ~inside):
        found["loose"] = binary_fill_holes(wider)
    return {name: nib.Nifti1Image(m.astype(np.uint8), mask.affine) for name, m in found.items()}


def _fluid_limit(values: NDArray[np.float32]) -> float:
    """Return the intensity between the two darkest of three classes (k-means in one dimension)."""
    centres = np.quantile(values, [0.05, 0.4, 0.85])
    for _ in range(30):
        limits = (centres[:-1] + centres[1:]) / 2
        classes = np.digitize(values, limits)
        found = [values[classes == k] for k in range(3)]
        centres = np.array([v.mean() if v.size else c for v, c in zip(found, centres, strict=True)])
    return float((centres[0] + centres[1]) / 2)


def _grown(inside: NDArray[np.bool_], mm: float, zooms: tuple[float, ...]) -> NDArray[np.bool_]:
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~inside, sampling=zooms) <= mm)


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import label

    labels, count = label(inside)
    return np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1) if count else inside


def _filled(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what is enclosed in three dimensions or in any slice: ventricles often open at the base."""
    from scipy.ndimage import binary_fill_holes

    whole = np.asarray(binary_fill_holes(inside))
    for axis in range(3):
        planes = [binary_fill_holes(plane) for plane in np.moveaxis(inside, axis, 0)]
        whole = whole | np.moveaxis(np.array(planes), 0, axis)
    return whole


def poses(volume: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield a model-grid volume at its eight lattice phases, then turned by up to 5 degrees on each axis."""
    from scipy.ndimage import affine_transform, spline_filter
    from scipy.spatial.transform import Rotation

    for shift in product((0, 1), repeat=3):
        yield np.roll(volume, shift, axis=(0, 1, 2))
    empty = volume.flat[0]
    inside = np.argwhere(volume != empty)
    low, high = inside.min(axis=0) - 12, inside.max(axis=0) + 13
    box = tuple(slice(max(0, a), b) for a, b in zip(low, high, strict=True))
    spline = spline_filter(volume[box], order=3, output=np.float32)
    middle = (np.array(spline.shape) - 1) / 2
    for axis, angle in product("xyz", _ANGLES):
        turn = Rotation.from_euler(axis, angle, degrees=True).as_matrix()
        turned = np.full_like(volume, empty)
        turned[box] = affine_transform(
            spline, turn, middle - turn @ middle, order=3, cval=empty, prefilter=False
        )
        yield turned
