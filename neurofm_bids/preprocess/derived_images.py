"""Images of other programs in place of steps: brain masks and bias-corrected T1w, on the grid of the T1w."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import inside_points, read_itk_transform, reorientation, resample_onto
from neurofm_bids.preprocess.brain_extraction import measure_mask
from neurofm_bids.preprocess.image_file import check_matrix, named_damage, open_image
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.records.measurement import BiasCorrection, BrainExtraction

__all__ = ["derived_correction", "derived_mask", "read_transform"]

_SEEN = 0.98  # of a mask in the field of view, which may be a slice short
_SIGNAL, _IN_AIR = 0.1, 0.2  # of the brightest tissue; share of a mask that may be darker, such as fluid
_SAME_GRID_MM = 0.01
_LEAST_CORRELATION = 0.8
_DARK = 0.1  # of the median of the brain: no ratio is taken there
_FIX_MASK = "Check that the mask was made from this T1w, or make it with this program: --skull-strip auto."
_FIX_BIAS = "Check that it was made from this T1w alone, or use --bias-correction n4."


def read_transform(path: Path) -> NDArray[np.float64]:
    """Return the matrix that maps T1w points to points of the space of the derivative, world RAS+ mm.

    Raises
    ------
    NeuroFMError
        The file cannot be read, or holds anything but one affine transform.
    """
    try:
        return read_itk_transform(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NeuroFMError(
            f"the transform of the T1w to the space of the derivative cannot be used ({error})",
            where=path,
            fix="It must be one affine transform in the text format of ITK.",
        ) from error


def derived_mask(
    t1w: nib.Nifti1Image,
    source: str | Path | Any,
    t1w_to_source: NDArray[np.float64] | None = None,
    tool: str = "",
) -> tuple[nib.Nifti1Image, BrainExtraction]:
    """Return the brain mask of another program on the grid of the T1w.

    Parameters
    ----------
    t1w
        Checked image, see :func:`neurofm_bids.preprocess.load.load_t1w`.
    source
        Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image: 0 outside the brain, one other value in it.
    t1w_to_source
        4x4 matrix that maps T1w points to points of the mask, world RAS+ mm; by default they are the same.
    tool
        Name and version of the program.

    Returns
    -------
    mask, measurements
        uint8 image, 1 in the brain: linear interpolation where the grid is another one, above 0.5.

    Raises
    ------
    NeuroFMError
        It is not a mask, does not lie on the head, or is not a plausible brain.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    try:
        return _on_grid(t1w, _binary(source if path is None else open_image(path)), t1w_to_source, tool)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=path, fix=error.fix or _FIX_MASK) from error


def _on_grid(
    t1w: nib.Nifti1Image, mask: nib.Nifti1Image, t1w_to_source: NDArray[np.float64] | None, tool: str
) -> tuple[nib.Nifti1Image, BrainExtraction]:
    back = np.linalg.inv(np.eye(4) if t1w_to_source is None else t1w_to_source).astype(np.float64)
    _check_view(t1w, mask, back)
    inside = np.asarray(resample_onto(mask, t1w, back, order=1).dataobj) > 0.5
    moved = nib.Nifti1Image(inside.astype(np.uint8), t1w.affine)
    measured = measure_mask(moved, "derivatives", tool, _FIX_MASK)
    _check_signal(t1w, inside)
    return moved, measured


def _binary(image: Any) -> nib.Nifti1Image:
    """Return a mask as zeros and ones."""
    if not isinstance(image, nib.spatialimages.SpatialImage):
        raise NeuroFMError("this is not a volumetric image", fix="Use a path or a nibabel image.")
    check_matrix(image.shape)
    with named_damage():
        data = np.asarray(image.dataobj).reshape(image.shape[:3])
    values = np.unique(data)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0) or not np.isfinite(values).all():
        raise NeuroFMError(
            f"this is not a brain mask: its voxels have {len(values)} values, not 0 and one other",
            fix="Use a binary mask of the brain.",
        )
    if not data.any():
        raise NeuroFMError("the brain mask is empty")
    return nib.Nifti1Image((data != 0).astype(np.float32), np.asarray(image.affine, dtype=float))


def _check_view(t1w: nib.Nifti1Image, mask: nib.Nifti1Image, back: NDArray[np.float64]) -> None:
    """Raise unless a mask lies in the field of view of the T1w, to whose points ``back`` maps its points."""
    to_voxels = np.linalg.inv(t1w.affine) @ back @ mask.affine
    voxels = nib.affines.apply_affine(to_voxels, inside_points(mask))
    seen = float(((voxels > -0.5) & (voxels < np.array(t1w.shape) - 0.5)).all(axis=1).mean())
    if seen < _SEEN:
        raise NeuroFMError(
            f"only {100 * seen:.0f}% of the brain mask lies in the field of view of the T1w: it is in "
            "another space"
        )


def _check_signal(t1w: nib.Nifti1Image, inside: NDArray[np.bool_]) -> None:
    """Raise unless a mask lies on the head in the T1w."""
    data = np.asarray(t1w.dataobj)
    dark = float(np.mean(data[inside] < _SIGNAL * np.percentile(data, 99)))
    if dark > _IN_AIR:
        raise NeuroFMError(
            f"{100 * dark:.0f}% of the brain mask lies where the T1w has no signal: it is in another space, "
            "or of another image"
        )


def derived_correction(
    t1w: nib.Nifti1Image, mask: nib.Nifti1Image, source: str | Path
) -> tuple[nib.Nifti1Image, BiasCorrection]:
    """Return the bias-corrected T1w of another program, scaled for a field of mean 1 in the brain.

    Parameters
    ----------
    t1w, mask
        T1w and brain mask, on one grid.
    source
        Path of the corrected image: the voxels of the T1w, whatever the order of its axes.

    Returns
    -------
    corrected, measurements
        On the grid of the T1w. The variation is that of the ratio of both images in the brain.

    Raises
    ------
    NeuroFMError
        It has another grid, or is not this image.
    """
    try:
        corrected = _as_ordered(load_t1w(source), t1w)
        field = _field(t1w, corrected, mask)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=Path(source), fix=error.fix or _FIX_BIAS) from error
    data = np.asarray(corrected.dataobj) * np.float32(field.mean())
    variation = float(field.std() / field.mean())
    return nib.Nifti1Image(data, t1w.affine), BiasCorrection("derivatives", variation)


def _as_ordered(image: nib.Nifti1Image, t1w: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image with the axes of the T1w, whose voxels it must have."""
    ordered: nib.Nifti1Image = image.as_reoriented(reorientation(image.affine, t1w.affine))
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*t1w.shape, 1]
    if ordered.shape != t1w.shape or np.abs(corners @ (ordered.affine - t1w.affine).T).max() > _SAME_GRID_MM:
        raise NeuroFMError("the bias-corrected T1w has other voxels than the T1w")
    return ordered


def _field(t1w: nib.Nifti1Image, corrected: nib.Nifti1Image, mask: nib.Nifti1Image) -> NDArray[np.float64]:
    """Return the ratio of the T1w to the corrected one in the bright voxels of the brain, shape (n,).

    A field is smooth, so that neighbouring voxels differ by the same factor in both images of one head.
    """
    inside = np.asarray(mask.dataobj) > 0
    before, after = (np.asarray(image.dataobj, dtype=np.float64) for image in (t1w, corrected))
    bright = (
        inside & (before > _DARK * np.median(before[inside])) & (after > _DARK * np.median(after[inside]))
    )
    logs = [np.log(np.where(bright, data, 1.0)) for data in (before, after)]
    pairs = bright[1:] & bright[:-1]
    steps = [np.diff(data, axis=0)[pairs] for data in logs]
    correlation = float(np.corrcoef(np.stack(steps))[0, 1]) if pairs.any() else 0.0
    if not correlation > _LEAST_CORRELATION:
        raise NeuroFMError(
            f"the bias-corrected T1w is of another image (correlation of details {correlation:.2f})"
        )
    return np.asarray(before[bright] / after[bright])
