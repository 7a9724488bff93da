"""A simple head for the tests of perturbations and datasets."""

import nibabel as nib
import numpy as np
import torch
from torch import nn

from neurofm_bids.anatomy.network import CLASSES

RIGID = nib.affines.from_matvec(np.eye(3), [1.0, -2.5, 3.0])
WHITE, CORTEX, CSF = (CLASSES.index(name) for name in ("white_matter", "frontal_cortex", "csf"))


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


def phantom_labels():
    """Return FreeSurfer codes of white matter and cortex, and of six other structures with a voxel each."""
    image, _, radius = phantom()
    left = np.indices(radius.shape)[0] < 36
    codes = np.select(
        [(radius >= 6) & (radius < 20), (radius >= 20) & (radius < 25)],
        [np.where(left, 2, 41), np.where(left, 3, 42)],
    )
    codes[36, 36, 30:36] = (10, 11, 12, 13, 17, 18)
    return nib.Nifti1Image(codes.astype(np.int16), image.affine)


class PhantomNetwork(nn.Module):
    """Segments the phantom by its intensities."""

    def forward(self, x):
        x = x[:, 0]
        logits = torch.full((1, len(CLASSES) + 1, *x.shape[1:]), -50.0)
        for index, low, high in ((0, -1, 0.05), (CSF, 0.05, 0.4), (CORTEX, 0.4, 0.83), (WHITE, 0.83, 9)):
            logits[:, index] = torch.where((x > low) & (x <= high), 50.0, -50.0)
        return [logits]
