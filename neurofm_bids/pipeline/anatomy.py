"""Segmentation of one scan: labels in the space of the T1w, and the volumes of its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.anatomy.morphometry import measure
from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.geometry import resample_onto
from neurofm_bids.pipeline.network import load_segmenter
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.model_grid import grid_to_t1w
from neurofm_bids.records.anatomy import Anatomy
from neurofm_bids.records.measurement import Registration

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["segment_scan"]


def segment_scan(
    task: Task, t1w: nib.Nifti1Image, registration: Registration, grid: nib.Nifti1Image
) -> tuple[nib.Nifti1Image, Anatomy]:
    """Return the labels, codes of FreeSurfer on the grid of the T1w, and the volumes.

    Parameters
    ----------
    t1w
        The image in whose space the labels are.
    registration, grid
        Pose and voxels of the volume that the network reads.
    """
    import nibabel as nib

    model = load_segmenter(task.processing.device)
    found = segment(np.asarray(grid.dataobj), model.network, task.processing.anatomy_phases)
    moved = grid_to_t1w(np.array(registration.rigid), task.processing.encode_space)
    labels = resample_onto(nib.Nifti1Image(found.labels, grid.affine), t1w, moved, order=0)
    return labels, measure(found, model)
