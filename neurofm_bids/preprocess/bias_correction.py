"""Correction of intensity bias with N4."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from neurofm_bids.geometry import box, inside_points
from neurofm_bids.preprocess.n4 import log_bias_field
from neurofm_bids.records.measurement import BiasCorrection

__all__ = ["correct_bias"]

_MARGIN = 10


def correct_bias(
    t1w: nib.Nifti1Image, mask: nib.Nifti1Image, method: str = "n4"
) -> tuple[nib.Nifti1Image, BiasCorrection]:
    """Return the T1w without intensity bias.

    Parameters
    ----------
    t1w, mask
        Image with its darkest signal at zero, and brain mask, on the same grid.
    method
        ``n4`` (see :func:`neurofm_bids.preprocess.n4.log_bias_field`) or ``none``.

    Returns
    -------
    corrected, measurements
        Corrected in the box of the mask plus 10 voxels; outside it the image is unchanged.
    """
    if method == "none":
        return t1w, BiasCorrection("none", 0.0)
    inside = np.asarray(mask.dataobj) > 0
    crop = tuple(map(slice, *box(inside_points(mask), _MARGIN, inside.shape)))
    data = np.array(t1w.dataobj, dtype=np.float32)
    field = np.exp(log_bias_field(data[crop], inside[crop], nib.affines.voxel_sizes(t1w.affine)))
    field = field / field[inside[crop]].mean()
    data[crop] /= np.maximum(field, 0.05)
    variation = float(field[inside[crop]].std())
    return nib.Nifti1Image(data, t1w.affine), BiasCorrection("n4", variation)
