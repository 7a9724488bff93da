"""Geometry: reading a T1w with every check, and resampling a brain to the model grid."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError

__all__ = ["GRID_AFFINE", "GridMeasures", "load_t1w", "mask_volume_mm3", "model_grid"]

GRID_AFFINE = np.array([[-1, 0, 0, 127], [0, 0, 1, -128], [0, -1, 0, 127], [0, 0, 0, 1]], dtype=float)
_SIZE = 256
_MAX_AXIS = 1024
_OBLIQUE_DEGREES = 0.5


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


def load_t1w(source: str | Path | Any) -> nib.Nifti1Image:
    """Return a checked T1w as float32 on its own voxel grid.

    Parameters
    ----------
    source
        Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image; 3-D, or 4-D with one volume.

    Raises
    ------
    NeuroFMError
        The file cannot be read, or is no plausible T1w; the message says why.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    try:
        image = nib.load(path) if path is not None else source
        _check_header(image)
        data = _voxels(image)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=path, fix=error.fix) from error
    except (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
        raise NeuroFMError(
            f"the image cannot be read ({error})", where=path, fix="The file is damaged: get it again."
        ) from error
    loaded = nib.Nifti1Image(data, np.asarray(image.affine, dtype=float))
    loaded.header.set_xyzt_units("mm")
    return loaded


def _check_header(image: Any) -> None:
    shape = tuple(image.shape)
    if len(shape) > 3 and set(shape[3:]) == {1}:
        shape = shape[:3]
    if len(shape) != 3:
        raise NeuroFMError(
            f"the image has shape {tuple(image.shape)}, not one 3-D volume", fix="Split or average it."
        )
    if image.get_data_dtype().kind not in "iufb":
        raise NeuroFMError("the voxels are not single real numbers", fix="Export a grey-scale image.")
    if max(shape) > _MAX_AXIS or min(shape) < 10:
        raise NeuroFMError(f"a matrix of {shape} voxels is no T1w", fix="Check the header.")
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise NeuroFMError("the affine of the image is singular or not finite", fix="Mend the header.")
    zooms = nib.affines.voxel_sizes(affine)
    extent = zooms * shape
    if zooms.max() > 6 or zooms.min() < 0.2 or extent.min() < 80:
        sizes = "x".join(f"{z:.3g}" for z in zooms)
        raise NeuroFMError(
            f"voxels of {sizes} mm over {extent.min():.0f} mm cannot show a brain", fix="Check the header."
        )


def _voxels(image: Any) -> NDArray[np.float32]:
    data = np.asarray(image.dataobj, dtype=np.float32).reshape(image.shape[:3])
    if not np.isfinite(data).all():
        count = int(np.count_nonzero(~np.isfinite(data)))
        raise NeuroFMError(f"{count} voxels are NaN or infinite", fix="Find out what wrote them.")
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = "all voxels are zero" if low == 0 else "all voxels have the same value"
        raise NeuroFMError(what, fix="Check how the image was exported.")
    if len(np.unique(data[::3, ::3, ::3])) <= 3:
        raise NeuroFMError("the image has three values at most: a mask, not a T1w", fix="Check its name.")
    return data


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
    if space == "rigid":
        if t1w_to_template is None:
            raise NeuroFMError("rigid space needs a registration")
        grid, how = _resampled(brain, np.linalg.inv(t1w_to_template) @ GRID_AFFINE, GRID_AFFINE), "cubic"
    elif angle < _OBLIQUE_DEGREES and _is_1mm(brain) and max(brain.shape) <= _SIZE:
        grid, how = _padded(brain), "none"
    else:
        affine = _native_affine(brain, mask, straight=angle >= _OBLIQUE_DEGREES)
        grid, how = _resampled(brain, affine, affine), "cubic"
    _check_fit(mask, grid.affine if space == "native" else np.linalg.inv(t1w_to_template) @ GRID_AFFINE)
    return grid, GridMeasures(
        space=space,
        interpolation=how,
        voxel_size_mm=tuple(float(z) for z in nib.affines.voxel_sizes(brain.affine)),
        obliquity_degrees=angle,
        affine=tuple(tuple(float(v) for v in row) for row in grid.affine),
    )


def _obliquity(affine: NDArray[np.float64]) -> float:
    return float(np.degrees(np.max(np.abs(nib.affines.obliquity(affine)))))


def _is_1mm(image: nib.Nifti1Image) -> bool:
    return bool(np.allclose(nib.affines.voxel_sizes(image.affine), 1.0, atol=1e-3))


def _to_lia(image: nib.Nifti1Image) -> nib.Nifti1Image:
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt("LIA"))
    return image.as_reoriented(turn)


def _padded(brain: nib.Nifti1Image) -> nib.Nifti1Image:
    before = [(_SIZE - n) // 2 for n in brain.shape]
    data = np.zeros((_SIZE,) * 3, dtype=np.float32)
    place = tuple(slice(b, b + n) for b, n in zip(before, brain.shape, strict=True))
    data[place] = np.asarray(brain.dataobj, dtype=np.float32)
    affine = brain.affine @ nib.affines.from_matvec(np.eye(3), [-b for b in before])
    return _to_lia(nib.Nifti1Image(data, affine))


def _native_affine(brain: nib.Nifti1Image, mask: nib.Nifti1Image, *, straight: bool) -> NDArray[np.float64]:
    """Return the affine of an LIA grid around the field of view, or the mask if that is larger than the grid."""
    turn = ornt_transform(io_orientation(brain.affine), axcodes2ornt("LIA"))
    turned = brain.affine @ nib.orientations.inv_ornt_aff(turn, brain.shape)
    shape = np.array([brain.shape[int(axis)] for axis in np.argsort(turn[:, 0])])
    extent = nib.affines.voxel_sizes(turned) * shape
    if (extent > _SIZE).any():
        centre = _mask_centre(mask)
    elif straight:
        centre = nib.affines.apply_affine(turned, (shape - 1) / 2)
    else:  # the centre that nibabel's conform keeps
        return nib.affines.rescale_affine(turned, tuple(shape), (1.0, 1.0, 1.0), (_SIZE,) * 3)
    return nib.affines.from_matvec(GRID_AFFINE[:3, :3], centre - GRID_AFFINE[:3, :3] @ np.full(3, 127.5))


def _mask_centre(mask: nib.Nifti1Image) -> NDArray[np.float64]:
    points = nib.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0))
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2)


def _resampled(
    brain: nib.Nifti1Image, sampling: NDArray[np.float64], affine: NDArray[np.float64]
) -> nib.Nifti1Image:
    """Sample the brain at the points ``sampling`` gives for each grid voxel; the image carries ``affine``."""
    from scipy.ndimage import affine_transform

    matrix, offset = nib.affines.to_matvec(np.linalg.inv(brain.affine) @ sampling)
    data = affine_transform(
        np.asarray(brain.dataobj, dtype=np.float32), matrix, offset, (_SIZE,) * 3, order=3, mode="constant"
    )
    return nib.Nifti1Image(data, affine)


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
