"""Accuracy of the segmentation is tested in tests/anatomy."""

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.anatomy.labels import label_names
from neurofm_bids.config import Processing
from neurofm_bids.geometry import resample_onto
from neurofm_bids.pipeline.anatomy import segment_scan
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.model_grid import grid_to_t1w
from neurofm_bids.records.scan import Identity
from neurofm_bids.resources import torch_threads
from tests.pipeline.test_attribution import GRID, REGISTRATION, SHIFT


@pytest.mark.parametrize("space", ["rigid", "native"])
def test_labels_lie_on_the_brain_in_the_space_of_the_t1w(space):
    moved = -np.array(SHIFT) if space == "rigid" else np.zeros(3)
    centre = nib.affines.apply_affine(GRID.affine, (124.5, 124.5, 124.5)) + moved
    affine = nib.affines.from_matvec(np.diag([1.5, 1.5, 1.5]), centre - 1.5 * 22)
    t1w = nib.Nifti1Image(np.zeros((45, 45, 45), np.float32), affine)
    task = Task("x", Identity(), {}, Processing(device="cpu", encode_space=space, anatomy_phases=1), "")
    with torch_threads(1):
        labels, anatomy = segment_scan(task, t1w, REGISTRATION, GRID)
    assert labels.shape == t1w.shape
    assert np.allclose(labels.affine, t1w.affine)
    codes = np.asarray(labels.dataobj)
    assert set(np.unique(codes)) <= label_names().keys()
    rigid = grid_to_t1w(np.array(REGISTRATION.rigid), space)
    brain = nib.Nifti1Image((np.asarray(GRID.dataobj) > 0).astype(np.float32), GRID.affine)
    inside = np.asarray(resample_onto(brain, t1w, rigid, order=1).dataobj)
    assert not codes[inside == 0].any()
    assert anatomy.phases == 1
