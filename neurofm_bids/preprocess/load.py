"""Reading a T1w and checking that its header and its voxels are those of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.problems import file_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.image_file import check_matrix, named_damage, open_image
from neurofm_bids.preprocess.intensity import from_zero

__all__ = ["load_t1w"]

_MAX_VALUE = 1e15  # squares of float32 values beyond overflow when they are summed
_FEW_VALUES, _MANY_VALUES = 20, 256  # at most so many in a mask; more than so many in no label map
_FLAT = 0.7  # share of equal neighbours: 0.83 to 1 in label maps, up to 0.25 in T1w
_ZOOMS_MM = (0.2, 6.0)
_MIN_EXTENT_MM = 80
_FIX_HEADER = "Fix the header."
_MIN_STEPS = 1024  # of float32 between the darkest and the brightest voxels
_OTHER_UNITS = {1: "metre", 3: "micrometre"}  # by their code in NIfTI


def load_t1w(source: str | Path | Any) -> nib.Nifti1Image:
    """Return a checked T1w as float32 on its own voxel grid, its darkest signal at zero.

    Parameters
    ----------
    source
        Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image; 3-D, or 4-D with one volume.

    Returns
    -------
    image
        Intensities as :func:`neurofm_bids.preprocess.intensity.from_zero` returns them. Its affine is the
        sform if that has a code, else the qform, as nibabel decides. The header keeps codes and qform of
        the source, from which :func:`neurofm_bids.preprocess.iqm.measure_quality` tells whether they agree.

    Raises
    ------
    NeuroFMError
        The file cannot be read, or is not a plausible T1w; the message says why.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    problem = None if path is None else file_problem(path)
    if problem is not None:
        raise NeuroFMError(problem[0], where=path, fix=problem[1], code=Exit.NO_INPUT)
    try:
        image: Any = source if path is None else open_image(path)
        _check_image(image)
        data = _voxels(image)
        values = _checked_values(data)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=path, fix=error.fix) from error
    return _as_float(image, from_zero(data, values))


def _check_image(image: Any) -> None:
    if not isinstance(image, nib.spatialimages.SpatialImage):
        raise NeuroFMError("this is not a volumetric image", fix="Use a path or a nibabel image.")
    check_matrix(image.shape)
    if image.get_data_dtype().kind not in "iufb":
        raise NeuroFMError("the voxel values are not real scalars", fix="Export a greyscale image.")
    affine = np.asarray(image.affine, dtype=float)
    sizes_mm = nib.affines.voxel_sizes(affine)
    if not np.isfinite(affine).all() or not abs(np.linalg.det(affine[:3, :3])) > 1e-6 * sizes_mm.prod():
        raise NeuroFMError("the affine of the image is singular or not finite", fix=_FIX_HEADER)
    zooms = np.round(sizes_mm, 4)
    extent = float((zooms * image.shape[:3]).min())
    if zooms.max() > _ZOOMS_MM[1] or zooms.min() < _ZOOMS_MM[0] or extent < _MIN_EXTENT_MM:
        _check_unit(image)
        sizes = "x".join(f"{z:.3g}" for z in zooms)
        raise NeuroFMError(
            f"a field of view of {extent:.0f} mm with voxels of {sizes} mm cannot hold a brain",
            fix="Check the header.",
        )


def _check_unit(image: Any) -> None:
    """Raise if the sizes of an image are not in mm, which is assumed elsewhere."""
    if not isinstance(image.header, nib.Nifti1Header):
        return
    code = int(image.header["xyzt_units"]) % 8
    if code in _OTHER_UNITS:
        raise NeuroFMError(f"the unit in the header is {_OTHER_UNITS[code]}, not mm", fix=_FIX_HEADER)


def _voxels(image: Any) -> NDArray[np.float32]:
    with named_damage(), np.errstate(over="ignore", invalid="ignore"):
        data = np.asarray(image.dataobj, dtype=np.float32).reshape(image.shape[:3])
        if not (np.abs(data) <= _MAX_VALUE).all():
            raise _unusable(np.asarray(image.dataobj))
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = "all voxels are zero" if low == 0 else "all voxels have the same value"
        raise NeuroFMError(what, fix="Check how the image was exported.")
    return data


def _checked_values(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distinct values of every third voxel along each axis, in ascending order."""
    sample = data[::3, ::3, ::3]
    _check_precision(sample)
    values, counts = np.unique(sample, return_counts=True)
    if len(values) <= _MANY_VALUES:
        _check_variety(data, len(values), values[counts.argmax()])
    return values


def _check_precision(sample: NDArray[np.float32]) -> None:
    low, high = np.quantile(sample, [0.005, 0.995])  # a single extreme voxel is not an offset
    if np.spacing(np.float32(max(abs(low), abs(high)))) > (high - low) / _MIN_STEPS > 0:
        raise NeuroFMError(
            "the offset of the intensities is too large for their range",
            fix="Subtract it, and store the image anew.",
        )


def _check_variety(data: NDArray[np.float32], n_values: int, background: np.float32) -> None:
    voxels, neighbours = data[::2, ::2, :-1], data[::2, ::2, 1:]
    inside = (voxels != background) & (neighbours != background)
    equal = int(np.count_nonzero(inside & (voxels == neighbours)))
    if n_values <= _FEW_VALUES or equal / max(1, int(np.count_nonzero(inside))) > _FLAT:
        raise NeuroFMError(
            f"the image has only {n_values} distinct values: it is a mask or segmentation, not a T1w",
            fix="Check the file name.",
        )


def _unusable(data: NDArray[Any]) -> NeuroFMError:
    count = int(np.count_nonzero(~np.isfinite(data)))
    if count:
        return NeuroFMError(
            f"the image has NaN or infinite voxels ({count})", fix="Check how the image was made."
        )
    largest = float(np.abs(data).max())
    return NeuroFMError(
        f"the voxel values are too large, up to {largest:.3g}",
        fix="Check scl_slope in the header.",
    )


def _as_float(image: Any, data: NDArray[np.float32]) -> nib.Nifti1Image:
    affine = np.asarray(image.affine, dtype=float)
    loaded = nib.Nifti1Image(data, affine)
    if isinstance(image.header, nib.Nifti1Header):
        _keep_forms(image.header, loaded)
    loaded.header.set_xyzt_units("mm")
    return loaded


def _keep_forms(header: nib.Nifti1Header, loaded: nib.Nifti1Image) -> None:
    """Copy the codes and the qform; the sform is the affine that is used."""
    codes = int(header["qform_code"]), int(header["sform_code"])
    try:
        qform = np.asarray(header.get_qform(), dtype=float)
        loaded.set_qform(qform, code=codes[0], update_affine=False)
    except (ValueError, np.linalg.LinAlgError, nib.spatialimages.HeaderDataError):
        codes = 0, codes[1]  # an invalid quaternion gives no orientation
    loaded.set_sform(loaded.affine, code=codes[1] or 2 * min(codes[0], 1), update_affine=False)
