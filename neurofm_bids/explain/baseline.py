"""The baseline: a brain of the same outline without its structures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.model.augmentation import Volume

__all__ = ["BASELINE", "SIGMA_MM", "blurred"]

SIGMA_MM = 4.0
BASELINE = f"The brain smoothed within its outline by a Gaussian with a standard deviation of {SIGMA_MM:g} mm"
_INSIDE = 0.05  # of the 99th percentile of the brain; the ringing of the spline around it is weaker


def blurred(volume: Volume, sigma_mm: float = SIGMA_MM) -> NDArray[np.float32]:
    """Return the box of a volume with its brain smoothed, and nothing else changed.

    The smoothing is normalised by that of the outline, so that background does not enter the brain. With
    a constant image as baseline the network leaves the range of what it was trained on along the way (see
    docs/attribution.md). Blurred baselines: Sturmfels, Lundberg and Lee, Distill 2020.
    """
    from scipy.ndimage import binary_fill_holes, gaussian_filter

    above = volume.box - np.float32(volume.background)
    inside = binary_fill_holes(above > _INSIDE * np.percentile(above[above > 0], 99))
    weight = inside.astype(np.float32)
    smooth = [gaussian_filter(part, sigma_mm, mode="constant") for part in (above * weight, weight)]
    values = smooth[0] / np.maximum(smooth[1], np.float32(1e-6)) + np.float32(volume.background)
    return np.asarray(np.where(inside, values, volume.box), dtype=np.float32)
