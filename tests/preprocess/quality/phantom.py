"""A head of three tissues in air, with known intensities and known artefacts."""

import nibabel as nib
import numpy as np

from neurofm_bids.geometry import as_matrix
from neurofm_bids.preprocess.iqm import measure_quality
from neurofm_bids.records.measurement import Registration

ZOOM = 2.5
MEANS = {"csf": 200.0, "gm": 500.0, "wm": 800.0}


def axis():
    return np.arange(-110, 110, ZOOM)


def distance():
    return np.sqrt(sum(g**2 for g in np.meshgrid(axis(), axis(), axis(), indexing="ij")))


def mask(radius_mm=70.0):
    affine = nib.affines.from_matvec(ZOOM * np.eye(3), (-110, -110, -110))
    return nib.Nifti1Image((distance() < radius_mm).astype(np.uint8), affine)


def tissues():
    """White matter within 48 mm, grey to 60, fluid to 70, dark skull to 76, bright skin to 84."""
    r = distance()
    limits = [r < 48, r < 60, r < 70, r < 76, r < 84]
    return np.select(limits, [MEANS["wm"], MEANS["gm"], MEANS["csf"], 50.0, 700.0], 0.0)


def head(noise=20.0, seed=0):
    """Rician noise in the head and in air."""
    rng = np.random.default_rng(seed)
    real, imaginary = rng.normal(0, noise, (2, *tissues().shape))
    return np.hypot(tissues() + real, imaginary).astype(np.float32)


def registration(**changes):
    usual = {"dice": 0.95, "correlation": 0.6, "rotation_degrees": 10.0, "scale": 1.1}
    return Registration(rigid=as_matrix(np.eye(4)), affine=as_matrix(np.eye(4)), **{**usual, **changes})


def quality(data, inside=None, template_mask=None):
    """Return the quality of an image of the phantom."""
    inside = mask() if inside is None else inside
    image = nib.Nifti1Image(np.asarray(data, dtype=np.float32), inside.affine)
    return measure_quality(
        image,
        image,
        inside,
        registration(),
        template_mask=mask() if template_mask is None else template_mask,
    )


def measured(data, **images):
    """Return the metrics of an image of the phantom."""
    return quality(data, **images).metrics
