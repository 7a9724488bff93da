"""Distances: smooth fields in place of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cranial_cavity", "depth", "from_ridges", "nearest", "smooth"]

_FAR_MM = 16.0


def depth(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the signed distance from a border, mm, positive inside."""
    from scipy.ndimage import distance_transform_edt

    within, without = distance_transform_edt(inside), distance_transform_edt(~inside)
    return np.asarray(np.clip(np.where(inside, within - 0.5, 0.5 - without), -_FAR_MM, _FAR_MM))


def nearest(labels: NDArray[np.int16], wanted: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return for each voxel the label of the nearest wanted one."""
    from scipy.ndimage import distance_transform_edt

    places = distance_transform_edt(~wanted, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(places)])


def smooth(values: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Return values smoothed by a Gaussian, sd in voxels."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(values.astype(np.float32), sigma))


def cranial_cavity(brain: NDArray[np.bool_], labels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return the cavity: the brain closed by 6 mm, and CSF labelled up to 4 mm around that."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    closed = distance_transform_edt(distance_transform_edt(~brain) <= 6) > 6
    fluid = (labels == 24) & (distance_transform_edt(~closed) <= 4)
    opened = distance_transform_edt(~(distance_transform_edt(closed | fluid) > 2)) <= 2
    return np.asarray(binary_fill_holes(opened | brain), dtype=bool)


def from_ridges(core: NDArray[np.bool_], cranium: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance from where banks of cortex meet, mm.

    Two neighbours whose nearest points of the core lie farther apart than 1.5 times their distance from it
    face opposite banks; the sheet runs between them.
    """
    from scipy.ndimage import distance_transform_edt

    distance, places = distance_transform_edt(~core, return_indices=True)
    ridge = np.zeros(core.shape, dtype=bool)
    for axis in range(3):
        one = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
        two = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        steps = (places[(slice(None), *one)] - places[(slice(None), *two)]).astype(np.float32)
        apart = np.sqrt((steps**2).sum(axis=0))
        far = np.maximum(distance[one], distance[two])
        found = (apart > np.maximum(1.5 * far, 2.5)) & (far > 0) & cranium[one] & cranium[two]
        ridge[one] |= found
        ridge[two] |= found
    return np.asarray(np.minimum(distance_transform_edt(~ridge) + 0.5, _FAR_MM))
