"""Image quality metrics (IQMs) and the flags that they raise.

A metric is one row of ``_METRICS``, a function of ``preprocess.quality``, and an entry in
``data/dictionary.json``; a flag of image quality is one entry of ``data/quality.toml``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import box, mask_volume_mm3, voxel_volume_mm3
from neurofm_bids.preprocess.quality import background, contour, sharpness, tissues
from neurofm_bids.preprocess.quality.flag_values import flag_values
from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.preprocess.quality.scan import Scan, ratio
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.measurement import Registration
from neurofm_bids.records.rules import raised_flags

__all__ = ["METRIC_NAMES", "Quality", "measure_quality"]

_NO_VALUE = "the intensities or the size of the brain do not allow it"


@dataclass(frozen=True)
class Quality:
    """The image quality of one scan.

    Parameters
    ----------
    metrics
        By name, None where the image does not allow one; ``data/dictionary.json`` explains each.
    flags
        Those that ``data/quality.toml`` raises for them.
    not_measured
        Why a metric is None, by name.
    values
        What the rules of ``data/quality.toml`` are applied to: the metrics, and further values by name.
    """

    metrics: dict[str, float | None]
    flags: tuple[Flag, ...]
    not_measured: dict[str, str]
    values: dict[str, Any]


def measure_quality(
    t1w: nib.Nifti1Image,
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    registration: Registration,
    *,
    template_mask: nib.Nifti1Image,
) -> Quality:
    """Return the image quality metrics of one scan and the flags they raise.

    Parameters
    ----------
    t1w, corrected, mask
        Images on the same grid: as loaded (offset of the intensities removed), bias-corrected, brain mask.
    registration
        Its registration to the template.
    template_mask
        Mask of the template.
    """
    scan = Scan(t1w, corrected, mask, registration, template_mask)
    metrics: dict[str, float | None] = {}
    not_measured: dict[str, str] = {}
    for name, metric in _METRICS.items():
        try:
            value, reason = float(metric(scan)), _NO_VALUE
        except NotMeasuredError as error:
            value, reason = math.nan, str(error)
        metrics[name] = value if math.isfinite(value) else None
        if metrics[name] is None:
            not_measured[name] = reason
    values = {**metrics, **flag_values(scan)}
    return Quality(metrics, raised_flags(values), not_measured, values)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _snr_brain(scan: Scan) -> float:
    _, bright = scan.thirds
    return ratio(_mean(bright), float(bright.std()))


def _contrast(scan: Scan) -> float:
    middle, bright = scan.thirds
    return ratio(_mean(bright), _mean(middle))


def _core_rim_ratio(scan: Scan) -> float:
    from scipy.ndimage import distance_transform_edt

    half = scan.inside[::2, ::2, ::2]
    if not half.any():
        raise NotMeasuredError("no voxel of the brain lies on the lattice of every second voxel")
    crop = tuple(map(slice, *box(np.argwhere(half), 1, half.shape)))  # with the nearest voxels outside
    depth = distance_transform_edt(half[crop], sampling=2 * scan.sizes_mm)
    values = np.asarray(scan.corrected.dataobj)[::2, ::2, ::2][crop].astype(np.float64)
    core = values[(depth > 15) & (depth < 30)]
    rim = values[(depth > 0) & (depth <= 8)]
    return ratio(_mean(core), _mean(rim))


def _entropy_focus(scan: Scan) -> float:
    """Return the Shannon entropy of the intensities over its maximum (Atkinson 1997)."""
    energy = np.sum(scan.uncorrected**2)
    if len(scan.uncorrected) < 2:
        return math.nan
    if not energy:
        raise NotMeasuredError("the brain is blank before bias correction")
    share = np.abs(scan.uncorrected) / np.sqrt(energy)
    root = np.sqrt(len(share))
    share = share[share > 0]
    return float(-np.sum(share * np.log(share)) / (root * np.log(root)))


def _qi1(scan: Scan) -> float:
    artefacts = scan.air.artefacts
    return background.qi1(scan.air.hat & ~artefacts, artefacts)


def _ghosting(scan: Scan) -> float:
    every, affine = background.thinned(scan.t1w.affine)
    sizes = nib.affines.voxel_sizes(affine)
    return background.ghosting(scan.air, scan.inside[every], sizes, scan.white)


def _fber(scan: Scan) -> float:
    return background.fber(scan.air.image, scan.air.head, scan.air.outside, scan.white)


def _inu_range(scan: Scan) -> float:
    low, high = np.percentile(scan.bias_field, [5, 95])
    return ratio(float(abs(high - low)), float(np.median(scan.bias_field)))


def _widths(scan: Scan) -> tuple[float, float, float]:
    if any(map(math.isnan, scan.fwhm)):
        raise NotMeasuredError("the smoothness along one or more axes could not be measured")
    return scan.fwhm


def _clipped_share(scan: Scan) -> float:
    highest = scan.uncorrected.max()
    return float(np.mean(scan.uncorrected >= 0.999 * highest)) if highest > 0 else math.nan


def _bright_rim(scan: Scan) -> float:
    wm = scan.tissue("wm")
    return contour.bright_rim(scan.cropped, scan.brain, wm.median + 3 * wm.sd, scan.sizes_mm)


def _require_surroundings(scan: Scan) -> None:
    if not scan.cropped[~scan.brain].any():
        raise NotMeasuredError("the image is blank outside the brain")


def _outer_rim(scan: Scan) -> float:
    _require_surroundings(scan)
    return contour.outer_rim(scan.cropped, scan.brain, scan.white, scan.sizes_mm)


def _contour_gradient(scan: Scan) -> float:
    _require_surroundings(scan)
    return contour.contour_gradient(scan.cropped, scan.brain, scan.white, scan.sizes_mm)


def _face_share(scan: Scan) -> float:
    _require_surroundings(scan)
    share = contour.face_share(np.asarray(scan.t1w.dataobj), scan.t1w.affine, scan.affine, scan.white)
    if share is None:
        raise NotMeasuredError("the field of view ends before the face")
    return share


_METRICS: dict[str, Callable[[Scan], float]] = {
    "snr_brain": _snr_brain,
    "contrast": _contrast,
    "core_rim_ratio": _core_rim_ratio,
    "entropy_focus": _entropy_focus,
    "template_dice": lambda scan: scan.registration.dice,
    "template_correlation": lambda scan: scan.registration.correlation,
    "rotation_degrees": lambda scan: scan.registration.rotation_degrees,
    "voxel_mm3": lambda scan: voxel_volume_mm3(scan.t1w.affine),
    "mask_volume_mm3": lambda scan: mask_volume_mm3(scan.mask),
    "snr_csf": lambda scan: tissues.snr(scan.tissue("csf")),
    "snr_gm": lambda scan: tissues.snr(scan.tissue("gm")),
    "snr_wm": lambda scan: tissues.snr(scan.tissue("wm")),
    "cnr": lambda scan: tissues.cnr(scan.tissue("wm"), scan.tissue("gm"), scan.air_sd),
    "cjv": lambda scan: tissues.cjv(scan.tissue("wm"), scan.tissue("gm")),
    "wm2max": lambda scan: tissues.wm2max(np.asarray(scan.corrected.dataobj), scan.tissue("wm").median),
    "efc": lambda scan: background.efc(np.asarray(scan.corrected.dataobj)),
    "fber": _fber,
    "qi1": _qi1,
    "air_ghosting": _ghosting,
    "inu_range": _inu_range,
    "inu_median": lambda scan: float(np.median(scan.bias_field)),
    "fwhm_x_mm": lambda scan: scan.fwhm[0],
    "fwhm_y_mm": lambda scan: scan.fwhm[1],
    "fwhm_z_mm": lambda scan: scan.fwhm[2],
    "fwhm_mean_mm": lambda scan: float(np.mean(_widths(scan))),
    "fwhm_anisotropy": lambda scan: ratio(max(_widths(scan)), min(_widths(scan))),
    "noise": lambda scan: sharpness.noise(scan.cropped, scan.brain) / scan.white,
    "ringing": lambda scan: sharpness.ringing(scan.cropped, scan.brain),
    "slice_jump": lambda scan: sharpness.slice_jump(scan.cropped, scan.brain),
    "clipped_share": _clipped_share,
    "voxel_anisotropy": lambda scan: ratio(float(scan.sizes_mm.max()), float(scan.sizes_mm.min())),
    "template_scale": lambda scan: scan.registration.scale,
    "cut_fraction": lambda scan: contour.cut_fraction(scan.brain),
    "mask_components": lambda scan: contour.pieces(scan.brain),
    "mask_holes_mm3": lambda scan: contour.holes(scan.brain) * voxel_volume_mm3(scan.t1w.affine),
    "mask_leak": lambda scan: scan.overlap.leak,
    "mask_missing": lambda scan: scan.overlap.missing,
    "neck_mm3": lambda scan: scan.overlap.below_mm3,
    "bright_rim": _bright_rim,
    "outer_rim": _outer_rim,
    "contour_gradient": _contour_gradient,
    "face_share": _face_share,
}
METRIC_NAMES = tuple(_METRICS)
