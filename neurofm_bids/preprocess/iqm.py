"""Image-quality measures and the warnings drawn from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.preprocess.model_grid import mask_volume_mm3
from neurofm_bids.preprocess.registration import Registration

__all__ = ["Flag", "measure_quality"]

_SIZE_TOLERANCE = 0.02
_ANGLE_TOLERANCE_DEGREES = 5.0
_EXTREME = 10.0  # real scans reached 3.7


@dataclass(frozen=True)
class Flag:
    """A warning: name, one sentence, and ``warning`` or ``serious``."""

    name: str
    message: str
    severity: str


def measure_quality(
    t1w: nib.Nifti1Image, corrected: nib.Nifti1Image, mask: nib.Nifti1Image, registration: Registration
) -> tuple[dict[str, float], tuple[Flag, ...]]:
    """Return quality measures of one scan and the flags they raise.

    Parameters
    ----------
    t1w, corrected, mask
        Images on the same grid: as scanned, bias-corrected, brain mask.
    registration
        Its registration to the template.

    Returns
    -------
    measures, flags
        ``snr_brain`` mean over sd of the brightest third of the brain (mostly white matter);
        ``contrast`` mean of the brightest over mean of the middle third; ``core_rim_ratio`` mean of the
        inner over that of the outer brain (above 1 in a T1w); ``entropy_focus`` Shannon entropy of the
        intensities over its maximum (Atkinson 1997; lower is sharper); ``template_dice``,
        ``template_correlation`` and ``rotation_degrees`` of the registration; ``voxel_mm3``;
        ``mask_volume_mm3``. NaN where the image does not allow a measure.
    """
    inside = np.asarray(mask.dataobj) > 0
    values = np.asarray(corrected.dataobj, dtype=np.float64)[inside]
    thirds = np.quantile(values, [1 / 3, 2 / 3])
    bright, middle = values[values >= thirds[1]], values[(values >= thirds[0]) & (values < thirds[1])]
    measures = {
        "snr_brain": _ratio(_mean(bright), float(bright.std())),
        "contrast": _ratio(_mean(bright), _mean(middle)),
        "core_rim_ratio": _core_rim_ratio(corrected, inside),
        "entropy_focus": _entropy_focus(np.asarray(t1w.dataobj, dtype=np.float64)[inside]),
        "template_dice": registration.dice,
        "template_correlation": registration.correlation,
        "rotation_degrees": registration.rotation_degrees,
        "voxel_mm3": abs(float(np.linalg.det(t1w.affine[:3, :3]))),
        "mask_volume_mm3": mask_volume_mm3(mask),
    }
    return measures, (*_flags(measures), *_extreme_flag(values), *_header_flags(t1w))


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _core_rim_ratio(corrected: nib.Nifti1Image, inside: NDArray[np.bool_]) -> float:
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(
        inside[::2, ::2, ::2], sampling=2 * nib.affines.voxel_sizes(corrected.affine)
    )
    values = np.asarray(corrected.dataobj, dtype=np.float64)[::2, ::2, ::2]
    core = values[(depth > 15) & (depth < 30)]
    rim = values[(depth > 0) & (depth <= 8)]
    return _ratio(_mean(core), _mean(rim))


def _entropy_focus(values: NDArray[np.float64]) -> float:
    share = np.abs(values) / np.sqrt(np.sum(values**2))
    share = share[share > 0]
    highest = np.sqrt(len(values)) * np.log(np.sqrt(len(values)))
    return float(-np.sum(share * np.log(share)) / highest)


def _extreme_flag(values: NDArray[np.float64]) -> list[Flag]:
    ratio = _ratio(float(np.abs(values).max()), float(np.quantile(np.abs(values), 0.99)))
    if not ratio > _EXTREME:
        return []
    message = f"A voxel of the brain is {ratio:.3g} times as bright as 99 % of them: it outweighs the rest"
    return [Flag("extreme_voxels", message, "serious")]


def _header_flags(t1w: nib.Nifti1Image) -> list[Flag]:
    """Return what makes the place of the voxels doubtful: see :func:`load_t1w` for what the header keeps."""
    header = t1w.header
    if not (int(header["qform_code"]) or int(header["sform_code"])):
        message = "The header has neither qform nor sform: its orientation is assumed"
        return [Flag("no_orientation", message, "warning")]
    if not int(header["qform_code"]):
        return []
    sform, qform = t1w.affine, header.get_qform()
    sizes, others = nib.affines.voxel_sizes(sform), nib.affines.voxel_sizes(qform)
    flags = []
    if np.abs(others / sizes - 1).max() > _SIZE_TOLERANCE:
        message = f"qform and sform give other voxel sizes ({_mm(others)} and {_mm(sizes)} mm)"
        flags.append(Flag("voxel_size_disagrees", f"{message}: volumes follow the sform", "serious"))
    cosines = np.einsum("ij,ij->j", sform[:3, :3] / sizes, qform[:3, :3] / others)
    degrees = float(np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))))
    if degrees > _ANGLE_TOLERANCE_DEGREES:
        message = f"Axes of qform and sform differ by up to {degrees:.0f} degrees: the sform is used"
        flags.append(Flag("orientation_disagrees", message, "warning"))
    return flags


def _mm(sizes: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)


def _flags(measures: dict[str, float]) -> list[Flag]:
    millilitres = measures["mask_volume_mm3"] / 1000
    rules = (
        (
            "low_overlap",
            measures["template_dice"] < 0.90,
            "The brain overlaps the template poorly",
            "serious",
        ),
        (
            "low_correlation",
            measures["template_correlation"] < 0.25,
            "The brain resembles the template little: check mask, contrast and orientation",
            "serious",
        ),
        (
            "inverted_contrast",
            measures["core_rim_ratio"] < 1.0,
            "The inner brain is darker than its rim: this may not be a T1w",
            "serious",
        ),
        (
            "unusual_brain_size",
            not 1000 <= millilitres <= 2000,
            f"The brain mask has {millilitres:.0f} ml, outside 1000 to 2000 ml",
            "warning",
        ),
        ("coarse_voxels", measures["voxel_mm3"] > 3.0, "The voxels are coarser than 3 mm^3", "warning"),
        (
            "large_rotation",
            measures["rotation_degrees"] > 30,
            "The head is turned by more than 30 degrees: check its orientation",
            "warning",
        ),
    )
    return [Flag(name, message, severity) for name, raised, message, severity in rules if raised]
