"""Bringing a brain to the model grid: 256^3 voxels of 1 mm, LIA."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import (
    GRID_AFFINE,
    GRID_SIZE,
    as_matrix,
    box,
    conformed_affine,
    grid_around,
    inside_points,
    obliquity_degrees,
    pad_to_grid,
)
from neurofm_bids.records.measurement import ModelGrid

__all__ = ["grid_to_t1w", "grid_values", "model_grid"]

_OBLIQUE_DEGREES = 0.5
_SPLINE_SUPPORT = 12  # voxels around the brain that determine the spline
_RINGING = 6  # voxels around the brain in which the ringing of the spline is kept


def grid_to_t1w(rigid: NDArray[np.float64], space: str) -> NDArray[np.float64]:
    """Return the matrix from points of the model grid to those of the T1w, 4x4, world RAS+ mm.

    Parameters
    ----------
    rigid
        From T1w to template points.
    space
        As for :func:`model_grid`: ``native`` keeps the points of the T1w.
    """
    return np.asarray(np.linalg.inv(rigid) if space == "rigid" else np.eye(4))


def model_grid(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    *,
    space: str,
    t1w_to_template: NDArray[np.float64] | None = None,
) -> tuple[nib.Nifti1Image, ModelGrid]:
    """Bring a brain to the model grid, never changing its volume.

    Parameters
    ----------
    brain
        T1w with zero background outside the mask, on its own grid.
    mask
        Brain mask on the same grid.
    space
        ``native``: voxels of 1 mm along the world's axes are copied as the published preprocessing does
        (zero-padded in their own order, then reordered to LIA), others resampled once (cubic) around the
        centre of the field of view, oblique ones straightened to the world's axes. ``rigid``: resampled
        once (cubic) into the pose of the template.
    t1w_to_template
        Rigid 4x4 matrix from T1w to template points, world RAS+ mm; for ``rigid`` only.

    Returns
    -------
    image, measurements
        256^3 voxels of 1 mm, LIA, float32, zero background, not standardised.

    Raises
    ------
    NeuroFMError
        The brain does not fit into the grid.
    """
    angle = obliquity_degrees(brain.affine)
    if space == "rigid" and t1w_to_template is None:
        raise NeuroFMError("rigid space requires a registration")
    copied = None
    if t1w_to_template is not None and space == "rigid":
        sampling, affine = np.linalg.inv(t1w_to_template) @ GRID_AFFINE, GRID_AFFINE
    elif angle < _OBLIQUE_DEGREES and _is_1mm(brain) and max(brain.shape) <= GRID_SIZE:
        copied = pad_to_grid(brain)
        sampling = affine = copied.affine
    else:
        sampling = affine = _native_affine(brain, mask, straight=angle >= _OBLIQUE_DEGREES)
    _check_fit(mask, sampling)
    grid = copied or _resampled(brain, mask, sampling, affine)
    sizes = nib.affines.voxel_sizes(brain.affine)
    return grid, ModelGrid(
        space="rigid" if space == "rigid" else "native",
        interpolation="none" if copied else "cubic",
        voxel_size_mm=(float(sizes[0]), float(sizes[1]), float(sizes[2])),
        obliquity_degrees=angle,
        affine=as_matrix(grid.affine),
    )


def grid_values(volume: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the voxels of a model-grid volume, float32, not copied if they are.

    Raises
    ------
    NeuroFMError
        The volume is not 256^3, or not of finite real numbers.
    """
    size = (GRID_SIZE,) * 3
    if volume.shape != size:
        raise NeuroFMError(
            f"the network reads 256x256x256 voxels, not {volume.shape}", fix="Resample it to the model grid."
        )
    if volume.dtype.kind not in "iuf":
        raise NeuroFMError(f"the voxels are {volume.dtype}, not real numbers", fix="Convert them to float32.")
    with np.errstate(over="ignore"):
        values = np.asarray(volume, dtype=np.float32)
    if not np.isfinite(values).all():
        raise NeuroFMError("the volume has voxels that are not finite", fix="Check how the volume was made.")
    return values


def _is_1mm(image: nib.Nifti1Image) -> bool:
    return bool(np.allclose(nib.affines.voxel_sizes(image.affine), 1.0, atol=1e-3))


def _native_affine(brain: nib.Nifti1Image, mask: nib.Nifti1Image, *, straight: bool) -> NDArray[np.float64]:
    """Return the affine of an LIA grid around the field of view, or around the mask if that cuts it."""
    middle = nib.affines.apply_affine(brain.affine, (np.array(brain.shape) - 1) / 2)
    affine = grid_around(middle) if straight else conformed_affine(brain)
    points = nib.affines.apply_affine(mask.affine, inside_points(mask))
    voxels = nib.affines.apply_affine(np.linalg.inv(affine), points)
    if voxels.min() < 0 or voxels.max() > GRID_SIZE - 1:
        return grid_around((points.min(axis=0) + points.max(axis=0)) / 2)
    return affine


def _resampled(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    sampling: NDArray[np.float64],
    affine: NDArray[np.float64],
) -> nib.Nifti1Image:
    """Interpolate the brain at the points that ``sampling`` gives for the grid voxels; ``affine`` is stored.

    Only the box around the brain is computed. Outside the mask a cubic spline rings, by a factor of 0.27
    less with each voxel; beyond the box the background is zero.
    """
    from scipy.ndimage import affine_transform

    inside = inside_points(mask)
    first, end = box(inside, _SPLINE_SUPPORT, brain.shape)
    source = np.asarray(brain.dataobj[tuple(map(slice, first, end))], dtype=np.float32)
    places = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, inside)
    low, high = box(places, _RINGING, (GRID_SIZE,) * 3)
    matrix, offset = nib.affines.to_matvec(np.linalg.inv(brain.affine) @ sampling)
    data = np.zeros((GRID_SIZE,) * 3, dtype=np.float32)
    data[tuple(map(slice, low, high))] = affine_transform(
        source, matrix, offset + matrix @ low - first, tuple(high - low), order=3, mode="constant"
    )
    return nib.Nifti1Image(data, affine)


def _check_fit(mask: nib.Nifti1Image, sampling: NDArray[np.float64]) -> None:
    inside = inside_points(mask)
    corners = np.array(np.meshgrid(*zip(inside.min(0), inside.max(0), strict=True))).T.reshape(-1, 3)
    voxels = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, corners)
    centre = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, inside.mean(axis=0))
    if (voxels.max(0) - voxels.min(0) > GRID_SIZE).any() or (centre < 60).any() or (centre > 196).any():
        raise NeuroFMError(
            "the brain does not fit into the model grid of 256 mm, or lies far from its centre",
            fix="Check the brain mask and the header, or use --encode-space rigid.",
        )
