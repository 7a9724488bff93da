"""What each figure shows is tested in tests/report."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.geometry import as_matrix
from neurofm_bids.pipeline.figures import draw_figures
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.scan import Identity
from tests.preprocess.test_iqm import brain, registration

ATTRIBUTION = Attribution("Predicted age", "year", 40.0, 20.0, 0.01, 0.05, 8)


@pytest.fixture(scope="module")
def images():
    t1w, mask = brain(zoom=2)
    moved = as_matrix(nib.affines.from_matvec(np.eye(3), (-90, -90, -90)))
    centred = replace(registration(), affine=moved)
    images = {"t1w": t1w, "mask": mask, "corrected": t1w, "registration": centred, "grid": t1w}
    return images | {"segmentation": None, "attribution_maps": None, "attributions": {}}


def drawn(images, **changes):
    return draw_figures(Task("x", Identity(), {}, Processing(), ""), **{**images, **changes})


def test_what_was_not_made_has_no_figure(images):
    made = drawn(images)
    assert {name for name, shown in made.items() if not shown} == {"anatomy_figure", "attribution_figure"}
    assert made["viewer"].shape[3] == 3


def test_segmentation_and_attribution_are_drawn_where_they_were_made(images):
    inside = np.asarray(images["mask"].dataobj)
    segmentation = nib.Nifti1Image((17 * inside).astype(np.uint8), images["t1w"].affine)
    maps = nib.Nifti1Image(inside[..., None].astype(np.float32), images["t1w"].affine)
    made = drawn(images, segmentation=segmentation, attribution_maps=maps, attributions={"age": ATTRIBUTION})
    assert all(text.startswith("<svg") for name, text in made.items() if name != "viewer")
    assert made["viewer"].shape[3] == 4
