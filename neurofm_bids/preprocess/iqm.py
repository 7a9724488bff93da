"""Image quality metrics (IQMs) and the flags that they raise.

A metric is one function, its row in ``_METRICS`` and its entry in ``data/dictionary.json``; a flag is one row
in ``RULES`` and its message.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import axis_angle_degrees, box, mask_volume_mm3, voxel_volume_mm3
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.measurement import Registration

__all__ = ["RULES", "measure_quality"]


@dataclass(frozen=True)
class _Brain:
    """What the metrics are computed from: images on one grid, and the registration."""

    t1w: nib.Nifti1Image
    corrected: nib.Nifti1Image
    mask: nib.Nifti1Image
    registration: Registration

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        return np.asarray(self.mask.dataobj) > 0

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Bias-corrected intensities of the brain."""
        return np.asarray(self.corrected.dataobj, dtype=np.float64)[self.inside]

    @cached_property
    def thirds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The middle and the brightest third of the intensities."""
        low, high = np.quantile(self.values, [1 / 3, 2 / 3])
        return self.values[(self.values >= low) & (self.values < high)], self.values[self.values >= high]


def measure_quality(
    t1w: nib.Nifti1Image,
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    registration: Registration,
    *,
    encode_space: str,
) -> tuple[dict[str, float | None], tuple[Flag, ...]]:
    """Return the image quality metrics of one scan and the flags they raise.

    Parameters
    ----------
    t1w, corrected, mask
        Images on the same grid: as loaded (offset of the intensities removed), bias-corrected, brain mask.
    registration
        Its registration to the template.
    encode_space
        Pose in which the network reads the brain: of the template (``rigid``) or as scanned (``native``).

    Returns
    -------
    metrics, flags
        Metrics by name, None where the image does not allow one; ``data/dictionary.json`` explains each.
    """
    brain = _Brain(t1w, corrected, mask, registration)
    metrics = {name: metric(brain) for name, metric in _METRICS.items()}
    values = {**metrics, **_header_values(t1w), "peak_ratio": _peak_ratio(brain)}
    values["background"] = _background(brain)
    values["encoded_rotation"] = registration.rotation_degrees if encode_space == "native" else 0.0
    values["mask_volume_ml"] = metrics["mask_volume_mm3"] / 1000
    flags = tuple(
        Flag(name, _MESSAGES[name].format(**values, lowest=lowest, highest=highest), severity)
        for name, (severity, value, lowest, highest) in RULES.items()
        if values[value] < lowest or values[value] > highest
    )
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}, flags


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _snr_brain(brain: _Brain) -> float:
    _, bright = brain.thirds
    return _ratio(_mean(bright), float(bright.std()))


def _contrast(brain: _Brain) -> float:
    middle, bright = brain.thirds
    return _ratio(_mean(bright), _mean(middle))


def _core_rim_ratio(brain: _Brain) -> float:
    from scipy.ndimage import distance_transform_edt

    sizes = nib.affines.voxel_sizes(brain.corrected.affine)
    half = brain.inside[::2, ::2, ::2]
    crop = tuple(map(slice, *box(np.argwhere(half), 1, half.shape)))  # with the nearest voxels outside
    depth = distance_transform_edt(half[crop], sampling=2 * sizes)
    values = np.asarray(brain.corrected.dataobj)[::2, ::2, ::2][crop].astype(np.float64)
    core = values[(depth > 15) & (depth < 30)]
    rim = values[(depth > 0) & (depth <= 8)]
    return _ratio(_mean(core), _mean(rim))


def _entropy_focus(brain: _Brain) -> float:
    """Return the Shannon entropy of the intensities over its maximum (Atkinson 1997)."""
    values = np.asarray(brain.t1w.dataobj, dtype=np.float64)[brain.inside]
    share = np.abs(values) / np.sqrt(np.sum(values**2))
    share = share[share > 0]
    highest = np.sqrt(len(values)) * np.log(np.sqrt(len(values)))
    return float(-np.sum(share * np.log(share)) / highest)


_METRICS: dict[str, Callable[[_Brain], float]] = {
    "snr_brain": _snr_brain,
    "contrast": _contrast,
    "core_rim_ratio": _core_rim_ratio,
    "entropy_focus": _entropy_focus,
    "template_dice": lambda brain: brain.registration.dice,
    "template_correlation": lambda brain: brain.registration.correlation,
    "rotation_degrees": lambda brain: brain.registration.rotation_degrees,
    "voxel_mm3": lambda brain: voxel_volume_mm3(brain.t1w.affine),
    "mask_volume_mm3": lambda brain: mask_volume_mm3(brain.mask),
}


def _peak_ratio(brain: _Brain) -> float:
    """Return the largest absolute intensity of the brain over the 99th percentile."""
    sizes = np.abs(brain.values)
    return _ratio(float(sizes.max()), float(np.quantile(sizes, 0.99)))


def _background(brain: _Brain) -> float:
    """Return the lower quartile of the intensities outside the brain over the median of the brain."""
    outside = np.asarray(brain.t1w.dataobj).T[~brain.inside.T]  # faster in Fortran order, as of NIfTI files
    return _ratio(float(np.quantile(outside, 0.25)) if outside.size else 0.0, float(np.median(brain.values)))


def _header_values(t1w: nib.Nifti1Image) -> dict[str, Any]:
    """Return how far the qform differs from the affine, and how many forms have a code."""
    codes = [int(t1w.header[f"{form}_code"]) for form in ("qform", "sform")]
    qform = t1w.header.get_qform() if codes[0] else t1w.affine
    sizes, others = nib.affines.voxel_sizes(t1w.affine), nib.affines.voxel_sizes(qform)
    return {
        "orientations": np.count_nonzero(codes),
        "qform_sizes": _mm(others),
        "sform_sizes": _mm(sizes),
        "size_difference": float(np.abs(others / sizes - 1).max()),
        "axis_angle": axis_angle_degrees(t1w.affine, qform),
    }


def _mm(sizes: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes) + " mm"


# Name of a flag: severity, value, and the range outside which the flag is raised.
RULES: dict[str, tuple[Literal["warning", "serious"], str, float, float]] = {
    "low_overlap": ("serious", "template_dice", 0.90, math.inf),
    "low_correlation": ("serious", "template_correlation", 0.40, math.inf),
    "inverted_contrast": ("serious", "core_rim_ratio", 1.0, math.inf),
    "unusual_brain_size": ("warning", "mask_volume_ml", 1000, 2000),
    "coarse_voxels": ("warning", "voxel_mm3", 0, 3.0),
    "large_rotation": ("warning", "rotation_degrees", 0, 30),
    "rotated_input": ("serious", "encoded_rotation", 0, 60),  # beyond any pose: axes may be confused
    "extreme_voxels": ("serious", "peak_ratio", 0, 10),  # real scans reached 3.7
    "bright_background": ("serious", "background", -math.inf, 0.25),  # real scans reached 0.05
    "no_orientation": ("warning", "orientations", 1, 2),
    "voxel_size_disagrees": ("serious", "size_difference", 0, 0.02),
    "orientation_disagrees": ("warning", "axis_angle", 0, 5),
}
_MESSAGES = {
    "low_overlap": "The overlap of the brain mask with the template is low (Dice {template_dice:.2f})",
    "low_correlation": "The correlation with the template is low ({template_correlation:.2f}): "
    "check the brain mask, contrast and orientation",
    "inverted_contrast": "The inner brain is darker than its rim: the image may not be T1-weighted",
    "unusual_brain_size": "The brain mask volume of {mask_volume_ml:.0f} ml is outside the usual range of "
    "{lowest} to {highest} ml",
    "coarse_voxels": "The voxels of {voxel_mm3:.3g} mm^3 are larger than {highest:g} mm^3",
    "large_rotation": "The head is rotated by {rotation_degrees:.0f} degrees relative to the template: "
    "check its orientation",
    "rotated_input": "The network read the head as scanned, rotated by {encoded_rotation:.0f} degrees: "
    "use --encode-space rigid",
    "extreme_voxels": "The brightest voxel of the brain is {peak_ratio:.3g} times the 99th percentile",
    "bright_background": "Air is as bright as {background:.0%} of the brain: the zero of the intensities is "
    "uncertain, as after an offset of part of the image or in MP2RAGE UNI images with noise in air",
    "no_orientation": "The codes of qform and sform are both 0: the orientation is assumed",
    "voxel_size_disagrees": "The qform and sform give different voxel sizes "
    "({qform_sizes} and {sform_sizes}): volumes follow the sform",
    "orientation_disagrees": "The axes of qform and sform differ by up to {axis_angle:.0f} degrees: "
    "the sform is used",
}
