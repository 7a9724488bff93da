"""The small image that the viewer of a report shows: T1w, brain mask and segmentation in one file."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import inside_points, resample_onto
from neurofm_bids.report.slices import intensity_window

__all__ = ["viewer_image"]

_SPACING_MM = 1.5
_MARGIN_MM = 6
_GREYS = 52  # finer steps are noise, which does not compress


def viewer_image(
    corrected: nib.Nifti1Image, mask: nib.Nifti1Image, segmentation: nib.Nifti1Image | None
) -> nib.Nifti1Image:
    """Return what the viewer shows, cropped around the brain, in voxels of 1.5 mm.

    Parameters
    ----------
    corrected, mask, segmentation
        Bias-corrected T1w, brain mask and labels in codes of FreeSurfer, on one grid.

    Returns
    -------
    nib.Nifti1Image
        uint8, (x, y, z, 3), along the axes RAS of the world: the T1w from black (0) to white (255), the mask
        (0 and 1) and the labels, all zero without a segmentation. World coordinates are those of the T1w.
    """
    image, inside = nib.as_closest_canonical(corrected), nib.as_closest_canonical(mask)
    grid = _grid_around(inside)
    low, high = intensity_window(image, np.asarray(inside.dataobj) > 0)
    grey = np.clip((_moved(image, grid, 1) - low) / (high - low), 0, 1)
    labels = np.zeros(grid.shape) if segmentation is None else _moved(segmentation, grid, 0)
    frames = (np.rint(grey * (_GREYS - 1)) * (255 // (_GREYS - 1)), _moved(inside, grid, 0) > 0, labels)
    shown = nib.Nifti1Image(np.stack(frames, axis=-1).astype(np.uint8), grid.affine)
    shown.header.set_xyzt_units("mm")
    return shown


def _grid_around(mask: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an empty image along the axes of the world, around a mask."""
    points = nib.affines.apply_affine(mask.affine, inside_points(mask))
    first = points.min(axis=0) - _MARGIN_MM
    shape = np.ceil((points.max(axis=0) + _MARGIN_MM - first) / _SPACING_MM).astype(int) + 1
    affine = nib.affines.from_matvec(np.diag([_SPACING_MM] * 3), first)
    return nib.Nifti1Image(np.zeros(shape, np.uint8), affine)


def _moved(image: nib.Nifti1Image, grid: nib.Nifti1Image, order: int) -> NDArray[np.float32]:
    return np.asarray(resample_onto(image, grid, np.eye(4), order=order).dataobj)
