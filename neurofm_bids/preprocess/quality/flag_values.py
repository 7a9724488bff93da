"""Values of a scan that raise flags without being metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import axis_angle_degrees, mask_volume_mm3
from neurofm_bids.preprocess.quality.scan import Scan, ratio

__all__ = ["flag_values"]


def flag_values(scan: Scan) -> dict[str, Any]:
    """Return by name what rules of ``data/quality.toml`` are applied to beside the metrics."""
    return {
        **_header_values(scan.t1w),
        "peak_ratio": _peak_ratio(scan),
        "background": _background(scan),
        "fwhm_largest_mm": float(np.max(scan.fwhm)),
        "mask_volume_ml": mask_volume_mm3(scan.mask) / 1000,
    }


def _peak_ratio(scan: Scan) -> float:
    """Return the largest absolute intensity of the brain over the 99th percentile."""
    sizes = np.abs(scan.values)
    return ratio(float(sizes.max()), float(np.quantile(sizes, 0.99)))


def _background(scan: Scan) -> float:
    """Return the lower quartile of the intensities outside the brain over the median of the brain."""
    outside = np.asarray(scan.t1w.dataobj).T[~scan.inside.T]  # faster in Fortran order, as of NIfTI files
    return ratio(float(np.quantile(outside, 0.25)) if outside.size else 0.0, float(np.median(scan.values)))


def _header_values(t1w: nib.Nifti1Image) -> Mapping[str, Any]:
    """Return how far the qform differs from the affine, and how many forms have a code."""
    codes = [int(t1w.header[f"{form}_code"]) for form in ("qform", "sform")]
    qform = t1w.header.get_qform() if codes[0] else t1w.affine
    sizes, others = nib.affines.voxel_sizes(t1w.affine), nib.affines.voxel_sizes(qform)
    return {
        "orientations": sum(code != 0 for code in codes),
        "qform_sizes": _mm(others),
        "sform_sizes": _mm(sizes),
        "size_difference": float(np.abs(others / sizes - 1).max()),
        "axis_angle": axis_angle_degrees(t1w.affine, qform),
    }


def _mm(sizes: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes) + " mm"
