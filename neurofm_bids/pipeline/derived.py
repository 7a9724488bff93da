"""Brain mask and bias correction of one scan: its own, or those of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.bias_correction import correct_bias
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.derived_images import derived_correction, derived_mask, read_transform
from neurofm_bids.records.measurement import BiasCorrection, BrainExtraction
from neurofm_bids.resources import torch_threads

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["brain_mask", "corrected_t1w"]


def brain_mask(task: Task, t1w: nib.Nifti1Image) -> tuple[nib.Nifti1Image, BrainExtraction]:
    """Return the brain mask of a scan on the grid of its T1w, and what was measured.

    Raises
    ------
    NeuroFMError
        There is no plausible brain.
    """
    mode = task.processing.skull_strip
    if mode != DERIVATIVES:
        with torch_threads(task.threads):
            return extract_brain(t1w, mode)
    given = task.derived_as(MASK.use)
    moved = read_transform(given.transform) if given.transform else None
    return derived_mask(t1w, given.path, moved, given.tool)


def corrected_t1w(
    task: Task, t1w: nib.Nifti1Image, mask: nib.Nifti1Image
) -> tuple[nib.Nifti1Image, BiasCorrection]:
    """Return the bias-corrected T1w of a scan, and what was measured.

    Raises
    ------
    NeuroFMError
        The image of another program is not this T1w.
    """
    method = task.processing.bias_correction
    if method != DERIVATIVES:
        return correct_bias(t1w, mask, method)
    return derived_correction(t1w, mask, task.derived_as(BIAS_CORRECTED.use).path)
