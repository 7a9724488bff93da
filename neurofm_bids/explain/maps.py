"""Maps of attributions in the space of the T1w, and what each region of the brain has of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.labels import label_names
from neurofm_bids.explain.integrated_gradients import GridAttribution
from neurofm_bids.geometry import resample_onto, voxel_volume_mm3
from neurofm_bids.records.attribution import RegionAttribution

__all__ = ["FWHM_MM", "region_attributions", "smoothed", "t1w_maps"]

FWHM_MM = 4.0  # two voxels of a lattice
_SIGMAS_PER_FWHM = 2 * np.sqrt(2 * np.log(2))
_MM3_PER_ML = 1000.0
_NEGLIGIBLE, _DROPPED_BITS = 1e-3, 12


def smoothed(attribution: GridAttribution) -> NDArray[np.float32]:
    """Return the attribution in units per ml, smoothed by a Gaussian of 4 mm full width at half maximum.

    Neighbouring voxels belong to different lattices, and the network is not trained to weight them alike.
    """
    from scipy.ndimage import gaussian_filter

    density = attribution.values * np.float32(_MM3_PER_ML)
    return np.asarray(gaussian_filter(density, FWHM_MM / _SIGMAS_PER_FWHM, mode="constant"))


def t1w_maps(
    attributions: Sequence[GridAttribution],
    grid_affine: NDArray[np.float64],
    t1w: nib.Nifti1Image,
    grid_to_t1w: NDArray[np.float64],
) -> nib.Nifti1Image:
    """Return smoothed attributions on the grid of the T1w, units per ml, float32, (x, y, z, attributions).

    Values below a thousandth of the largest of a map are 0, the others have 12 significant bits.

    Parameters
    ----------
    grid_affine
        Affine of the model grid.
    grid_to_t1w
        4x4 matrix from points of the model grid to points of the T1w, world RAS+ mm.
    """
    maps = []
    for attribution in attributions:
        affine = grid_affine @ nib.affines.from_matvec(np.eye(3), attribution.start)
        image = nib.Nifti1Image(smoothed(attribution), affine)
        moved = np.asarray(resample_onto(image, t1w, grid_to_t1w, order=1).dataobj, dtype=np.float32)
        maps.append(_without_noise(moved))
    return nib.Nifti1Image(np.stack(maps, axis=-1), t1w.affine)


def _without_noise(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values with 12 significant bits, and zero below a thousandth of the largest, for small files."""
    clear = np.where(np.abs(values) < np.abs(values).max() * _NEGLIGIBLE, np.float32(0), values)
    bits = clear.view(np.int32)
    rounded = (bits + (1 << (_DROPPED_BITS - 1))) & ~((1 << _DROPPED_BITS) - 1)
    return rounded.astype(np.int32, copy=False).view(np.float32)


def region_attributions(
    values: NDArray[np.float32], segmentation: nib.Nifti1Image
) -> Mapping[str, RegionAttribution]:
    """Return what each label of a segmentation has of a map, by name in FreeSurferColorLUT.txt.

    Parameters
    ----------
    values
        Map on the grid of the segmentation, units per ml.

    Returns
    -------
    dict
        ``Unknown`` is everything outside of the other labels.
    """
    codes = np.asarray(segmentation.dataobj).astype(np.uint8).ravel()
    voxel_ml = voxel_volume_mm3(segmentation.affine) / _MM3_PER_ML
    flat = values.ravel().astype(np.float64)
    counts, sums, sizes = (np.bincount(codes, weights, 256) for weights in (None, flat, np.abs(flat)))
    whole = sizes.sum()
    return {
        name: RegionAttribution(
            share=float(sizes[code] / whole) if whole else 0.0,
            sum=float(sums[code] * voxel_ml),
            per_ml=float(sums[code] / counts[code]),
        )
        for code, name in label_names().items()
        if counts[code]
    }
