"""Geometry: resampling a brain to the model grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError

__all__ = ["GRID_AFFINE", "GridMeasures", "mask_volume_mm3", "model_grid"]

GRID_AFFINE = np.array([[-1, 0, 0, 127], [0, 0, 1, -128], [0, -1, 0, 127], [0, 0, 0, 1]], dtype=float)
_SIZE = 256
_OBLIQUE_DEGREES = 0.5
_SPLINE_SUPPORT = 12  # voxels around a brain that shape the spline through it
_RINGING = 6  # voxels around a brain in which the spline through it is kept


@dataclass(frozen=True)
class GridMeasures:
    """How a brain came to the model grid.

    Parameters
    ----------
    space
        ``native`` or ``rigid``.
    interpolation
        ``none`` (voxels copied) or ``cubic``.
    obliquity_degrees
        Largest angle between a voxel axis and its world axis.
    affine
        Model-grid voxels to world mm (of the scan, or of the template in rigid space).
    """

    space: str
    interpolation: str
    voxel_size_mm: tuple[float, ...]
    obliquity_degrees: float
    affine: tuple[tuple[float, ...], ...]


def mask_volume_mm3(mask: nib.Nifti1Image) -> float:
    """Return the volume of a mask in mm^3."""
    voxel = abs(float(np.linalg.det(mask.affine[:3, :3])))
    return float(np.count_nonzero(np.asarray(mask.dataobj))) * voxel


def model_grid(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    *,
    space: str,
    t1w_to_template: NDArray[np.float64] | None = None,
) -> tuple[nib.Nifti1Image, GridMeasures]:
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
    image, measures
        256^3 voxels of 1 mm, LIA, float32, zero background, not standardised.

    Raises
    ------
    NeuroFMError
        The brain does not fit into the grid.
    """
    angle = _obliquity(brain.affine)
    if space == "rigid" and t1w_to_template is None:
        raise NeuroFMError("rigid space needs a registration")
    copied = None
    if t1w_to_template is not None and space == "rigid":
        sampling, affine = np.linalg.inv(t1w_to_template) @ GRID_AFFINE, GRID_AFFINE
    elif angle < _OBLIQUE_DEGREES and _is_1mm(brain) and max(brain.shape) <= _SIZE:
        copied = _padded(brain)
        sampling = affine = copied.affine
    else:
        sampling = affine = _native_affine(brain, mask, straight=angle >= _OBLIQUE_DEGREES)
    _check_fit(mask, sampling)
    grid = copied or _resampled(brain, mask, sampling, affine)
    return grid, GridMeasures(
        space=space,
        interpolation="none" if copied else "cubic",
        voxel_size_mm=tuple(float(z) for z in nib.affines.voxel_sizes(brain.affine)),
        obliquity_degrees=angle,
        affine=tuple(tuple(float(v) for v in row) for row in grid.affine),
    )


def _obliquity(affine: NDArray[np.float64]) -> float:
    return float(np.degrees(np.max(np.abs(nib.affines.obliquity(affine)))))


def _is_1mm(image: nib.Nifti1Image) -> bool:
    return bool(np.allclose(nib.affines.voxel_sizes(image.affine), 1.0, atol=1e-3))


def _padded(brain: nib.Nifti1Image) -> nib.Nifti1Image:
    before = [(_SIZE - n) // 2 for n in brain.shape]
    data = np.zeros((_SIZE,) * 3, dtype=np.float32)
    place = tuple(slice(b, b + n) for b, n in zip(before, brain.shape, strict=True))
    data[place] = np.asarray(brain.dataobj, dtype=np.float32)
    affine = brain.affine @ nib.affines.from_matvec(np.eye(3), [-b for b in before])
    turned: nib.Nifti1Image = nib.Nifti1Image(data, affine).as_reoriented(_turn_to_lia(affine))
    return turned


def _native_affine(brain: nib.Nifti1Image, mask: nib.Nifti1Image, *, straight: bool) -> NDArray[np.float64]:
    """Return the affine of an LIA grid around the field of view, or, if that cuts the brain, its mask."""
    affine = _around(nib.affines.apply_affine(brain.affine, (np.array(brain.shape) - 1) / 2))
    if not straight:  # as nibabel's conform: reordered, then resampled around the middle voxel
        turn = _turn_to_lia(brain.affine)
        turned = brain.affine @ nib.orientations.inv_ornt_aff(turn, brain.shape)
        shape = tuple(brain.shape[int(axis)] for axis in np.argsort(turn[:, 0]))
        affine = nib.affines.rescale_affine(turned, shape, (1.0, 1.0, 1.0), (_SIZE,) * 3)
    points = nib.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0))
    voxels = nib.affines.apply_affine(np.linalg.inv(affine), points)
    if voxels.min() < 0 or voxels.max() > _SIZE - 1:
        return _around((points.min(axis=0) + points.max(axis=0)) / 2)
    return np.asarray(affine)


def _around(centre: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = GRID_AFFINE[:3, :3]
    return np.asarray(nib.affines.from_matvec(matrix, centre - matrix @ np.full(3, (_SIZE - 1) / 2)))


def _turn_to_lia(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ornt_transform(io_orientation(affine), axcodes2ornt("LIA")))


def _resampled(
    brain: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    sampling: NDArray[np.float64],
    affine: NDArray[np.float64],
) -> nib.Nifti1Image:
    """Sample the brain at the points ``sampling`` gives for each grid voxel; the image carries ``affine``.

    Only the box around the brain is computed. A cubic spline rings outside of the mask, by a factor of 0.27
    less with each voxel; beyond the box the background is zero.
    """
    from scipy.ndimage import affine_transform

    inside = np.argwhere(np.asarray(mask.dataobj) > 0)
    first, end = _box(inside, _SPLINE_SUPPORT, brain.shape)
    source = np.asarray(brain.dataobj[tuple(map(slice, first, end))], dtype=np.float32)
    places = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, inside)
    low, high = _box(places, _RINGING, (_SIZE,) * 3)
    matrix, offset = nib.affines.to_matvec(np.linalg.inv(brain.affine) @ sampling)
    data = np.zeros((_SIZE,) * 3, dtype=np.float32)
    data[tuple(map(slice, low, high))] = affine_transform(
        source, matrix, offset + matrix @ low - first, tuple(high - low), order=3, mode="constant"
    )
    return nib.Nifti1Image(data, affine)


def _box(
    voxels: NDArray[Any], margin: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and end voxel of the box around voxels, widened and cut to an image."""
    first = np.floor(voxels.min(axis=0)).astype(int) - margin
    end = np.ceil(voxels.max(axis=0)).astype(int) + margin + 1
    return np.clip(first, 0, shape), np.clip(end, 0, shape)


def _check_fit(mask: nib.Nifti1Image, sampling: NDArray[np.float64]) -> None:
    inside = np.argwhere(np.asarray(mask.dataobj) > 0)
    corners = np.array(np.meshgrid(*zip(inside.min(0), inside.max(0), strict=True))).T.reshape(-1, 3)
    voxels = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, corners)
    centre = nib.affines.apply_affine(np.linalg.inv(sampling) @ mask.affine, inside.mean(axis=0))
    if (voxels.max(0) - voxels.min(0) > _SIZE).any() or (centre < 60).any() or (centre > 196).any():
        raise NeuroFMError(
            "the brain does not fit into 256 mm, or lies far from the middle of the image",
            fix="Check the brain mask and the header, or try --encode-space rigid.",
        )
