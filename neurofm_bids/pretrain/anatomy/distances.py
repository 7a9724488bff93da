"""Distance transforms: smooth fields computed from labels."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter

__all__ = ["cranial_cavity", "distance_from_sulci", "gaussian_smooth", "nearest_label", "signed_distance"]

Label = TypeVar("Label", bound=np.integer[Any])

_LIMIT_MM = 16.0


def signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the signed distance from the border of a mask, in mm, positive inside, clipped at 16 mm."""
    inner, outer = distance_transform_edt(mask), distance_transform_edt(~mask)
    return np.asarray(np.clip(np.where(mask, inner - 0.5, 0.5 - outer), -_LIMIT_MM, _LIMIT_MM))


def nearest_label(labels: NDArray[Label], mask: NDArray[np.bool_]) -> NDArray[Label]:
    """Return for each voxel the label of the nearest voxel of a mask."""
    indices = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(indices)])


def gaussian_smooth(values: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Return values smoothed by a Gaussian with a standard deviation in voxels."""
    return np.asarray(gaussian_filter(values.astype(np.float32), sigma))


def cranial_cavity(brain: NDArray[np.bool_], labels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return the cavity: the brain closed by 6 mm, and labelled CSF within 4 mm of that.

    Maps without labels of the CSF around the brain get 2 mm of it, which is the median of the others.
    """
    closed = distance_transform_edt(distance_transform_edt(~brain) <= 6) > 6
    outside = distance_transform_edt(~closed)
    csf = (labels == 24) & (outside <= 4)
    if np.count_nonzero(csf & ~closed) < 0.03 * np.count_nonzero(closed):
        csf = outside <= 2
    opened = distance_transform_edt(~(distance_transform_edt(closed | csf) > 2)) <= 2
    return np.asarray(binary_fill_holes(opened | brain), dtype=bool)


def distance_from_sulci(core: NDArray[np.bool_], cranium: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance from the sheets on which the two banks of a sulcus meet, in mm.

    Two neighbouring voxels face opposite banks, with the sheet between them, if their nearest points of the
    core (everything but cortex) lie farther apart than 1.5 times their distance from it.
    """
    distance, indices = distance_transform_edt(~core, return_indices=True)
    sheet = np.zeros(core.shape, dtype=bool)
    for axis in range(3):
        one = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
        two = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        offsets = (indices[(slice(None), *one)] - indices[(slice(None), *two)]).astype(np.float32)
        separation = np.sqrt((offsets**2).sum(axis=0))
        depth = np.maximum(distance[one], distance[two])
        opposite = (separation > np.maximum(1.5 * depth, 2.5)) & (depth > 0) & cranium[one] & cranium[two]
        sheet[one] |= opposite
        sheet[two] |= opposite
    return np.asarray(np.minimum(distance_transform_edt(~sheet) + 0.5, _LIMIT_MM))
