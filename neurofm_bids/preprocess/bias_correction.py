"""Correction of intensity bias with N4."""

from __future__ import annotations

import os

import nibabel as nib
import numpy as np

from neurofm_bids.geometry import box, inside_points
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
        Image and brain mask on the same grid.
    method
        ``n4`` (antspyx; shrink 4, 4 levels of 50 iterations, spline of 200 mm, one thread) or ``none``.

    Returns
    -------
    corrected, measurements
        Corrected in the box of the mask plus 10 voxels; outside it the image is unchanged.
    """
    if method == "none":
        return t1w, BiasCorrection("none", 0.0)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants

    inside = np.asarray(mask.dataobj) > 0
    crop = tuple(map(slice, *box(inside_points(mask), _MARGIN, inside.shape)))
    data = np.array(t1w.dataobj, dtype=np.float32)
    spacing = [float(z) for z in nib.affines.voxel_sizes(t1w.affine)]
    shift = max(0.0, -float(data[crop].min()))  # N4 works on the logarithm
    field = ants.n4_bias_field_correction(
        ants.from_numpy(np.ascontiguousarray(data[crop] + shift), spacing=spacing),
        mask=ants.from_numpy(inside[crop].astype(np.float32), spacing=spacing),
        shrink_factor=4,
        convergence={"iters": [50, 50, 50, 50], "tol": 1e-7},
        spline_param=200,
        return_bias_field=True,
    ).numpy()
    field = field / field[inside[crop]].mean()
    data[crop] = (data[crop] + shift) / np.maximum(field, 0.05) - shift
    variation = float(field[inside[crop]].std())
    return nib.Nifti1Image(data, t1w.affine), BiasCorrection("n4", variation)
