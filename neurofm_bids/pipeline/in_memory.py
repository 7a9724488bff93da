"""The whole chain for one image, as one call."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurofm_bids.config import TEMPLATE
from neurofm_bids.preprocess.bias_correction import correct_bias
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.iqm import Flag, measure_quality
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.model_grid import model_grid
from neurofm_bids.preprocess.registration import Registration, load_template, register

__all__ = ["Prepared", "mask_image", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """Everything that preprocessing makes of one T1w."""

    t1w: nib.Nifti1Image
    mask: nib.Nifti1Image
    corrected: nib.Nifti1Image
    registration: Registration
    grid: nib.Nifti1Image
    measures: dict[str, Any]
    quality: dict[str, float]
    flags: tuple[Flag, ...]


def mask_image(image: nib.Nifti1Image, mask: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the image with zeros outside the mask, float32."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    return nib.Nifti1Image(np.where(np.asarray(mask.dataobj) > 0, data, np.float32(0)), image.affine)


def prepare(
    image: str | Path | Any,
    *,
    skull_strip: str = "auto",
    bias_correction: str = "n4",
    encode_space: str = "rigid",
    template: str = TEMPLATE,
    random_seed: int = 20260101,
) -> Prepared:
    """Run the chain on one T1w: checks, brain, bias, registration, model grid, quality.

    Parameters
    ----------
    image
        Path or nibabel image.
    skull_strip, bias_correction, encode_space, template, random_seed
        As the options of the command line.

    Raises
    ------
    NeuroFMError
        The image cannot be used; the message says why.
    """
    t1w = load_t1w(image)
    mask, brain_measures = extract_brain(t1w, skull_strip)
    corrected, bias_measures = correct_bias(t1w, mask, bias_correction)
    brain = mask_image(corrected, mask)
    registration = register(brain, mask, load_template(template), seed=random_seed)
    grid, grid_measures = model_grid(brain, mask, space=encode_space, t1w_to_template=registration.rigid)
    quality, flags = measure_quality(t1w, corrected, mask, registration)
    measures = {
        "brain": asdict(brain_measures),
        "bias": asdict(bias_measures),
        "registration": asdict(registration),
        "grid": asdict(grid_measures),
    }
    return Prepared(t1w, mask, corrected, registration, grid, measures, quality, flags)
