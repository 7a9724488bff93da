"""The same head as other acquisitions would show it: larger voxels, noise, a bias field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from scipy.ndimage import gaussian_filter

from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan, prepare
from neurofm_bids.storage.atomic import write_nifti

__all__ = ["ACQUISITIONS", "prepare_acquisitions"]

_FWHM_PER_SD = np.sqrt(8 * np.log(2))
_NOISE_SD = 0.05  # of the 98th percentile of voxels above zero
_BIAS = 0.25  # of each term of the logarithm of the gain
_SEED = 0


def with_voxels(image: nib.Nifti1Image, voxel_mm: tuple[float, float, float]) -> nib.Nifti1Image:
    """Return an image with larger voxels; axes are those closest to right, anterior and superior.

    Smaller voxels are averaged by a Gaussian whose full width at half maximum is that of the new voxels, less
    (in squares) that of the given ones. Axes along which voxels are as large already are left as they are.
    """
    image = nib.as_closest_canonical(image)
    old = np.array(image.header.get_zooms()[:3], dtype=np.float64)
    new = np.maximum(old, voxel_mm)
    sd_voxels = np.sqrt(new**2 - old**2) / _FWHM_PER_SD / old
    smooth = gaussian_filter(np.asarray(image.dataobj, dtype=np.float32), sd_voxels)
    shape = tuple(np.ceil(np.array(image.shape) * old / new).astype(int).tolist())
    affine = image.affine @ np.diag([*(new / old), 1.0])
    resampled: nib.Nifti1Image = resample_from_to(
        nib.Nifti1Image(smooth, image.affine), (shape, affine), order=1
    )
    return resampled


def with_noise(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image with Rician noise of 5 % of its bright voxels; voxels of zero stay zero."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    inside = data > 0
    sd = _NOISE_SD * np.quantile(data[inside], 0.98)
    rng = np.random.default_rng(_SEED)
    real, imaginary = rng.normal(0, sd, (2, np.count_nonzero(inside))).astype(np.float32)
    noisy = np.zeros_like(data)
    noisy[inside] = np.hypot(data[inside] + real, imaginary)
    return nib.Nifti1Image(noisy, image.affine)


def with_bias_field(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image times a gain whose logarithm is a quadratic polynomial, up to 1 at corners."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in image.shape), indexing="ij", sparse=True)
    gain = np.exp(_BIAS * (x + y - z + x**2 - y**2))
    return nib.Nifti1Image(
        np.asarray(image.dataobj, dtype=np.float32) * gain.astype(np.float32), image.affine
    )


ACQUISITIONS: dict[str, Callable[[nib.Nifti1Image], nib.Nifti1Image]] = {
    "2 mm": lambda image: with_voxels(image, (2, 2, 2)),
    "1 x 1 x 3 mm": lambda image: with_voxels(image, (1, 1, 3)),
    "noise": with_noise,
    "bias field": with_bias_field,
}


def prepare_acquisitions(path: Path, folder: Path) -> dict[str, PreparedScan]:
    """Return a T1w as each of :data:`ACQUISITIONS`, brought to the model grid by the whole pipeline.

    Parameters
    ----------
    path
        A T1w.
    folder
        For the images and volumes, which are made once.

    Raises
    ------
    NeuroFMError
        An image cannot be used.
    """
    image = load_t1w(path)
    prepared = {}
    for name, acquire in ACQUISITIONS.items():
        own = folder / name.replace(" ", "")
        write_nifti(own / "T1w.nii.gz", acquire(image))
        prepared[name] = prepare(own / "T1w.nii.gz", own, stability=False)
    return prepared
