"""A simple head for the tests of perturbations and datasets."""

import nibabel as nib
import numpy as np


def phantom():
    """Return a head of shells at 2 mm, its brain mask, and the distance of each voxel from its centre.

    A ventricle in white matter, in cortex, in CSF, in a bright scalp.
    """
    radius = np.sqrt(((np.indices((72, 72, 72)) - 36.0) ** 2).sum(axis=0))
    shells = [radius < r for r in (6, 20, 25, 29, 34)]
    data = np.select(shells, [100, 900, 600, 120, 700])
    noise = np.random.default_rng(0).normal(0, 15, data.shape)
    affine = nib.affines.from_matvec(np.diag([2.0, 2, 2]), [-72, -72, -72])
    image = nib.Nifti1Image((data + noise * (data > 0)).astype(np.float32), affine)
    return image, nib.Nifti1Image((radius < 29).astype(np.uint8), affine), radius
