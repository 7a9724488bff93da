"""The figures of one scan, and the image that the viewer of its report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.measurement import Registration
from neurofm_bids.report import figures
from neurofm_bids.report.attribution import attribution_figure
from neurofm_bids.report.viewer_volume import viewer_image

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["draw_figures"]


def draw_figures(
    task: Task,
    *,
    t1w: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    corrected: nib.Nifti1Image,
    registration: Registration,
    grid: nib.Nifti1Image,
    segmentation: nib.Nifti1Image | None,
    attribution_maps: nib.Nifti1Image | None,
    attributions: Mapping[str, Attribution],
) -> dict[str, Any]:
    """Return the SVG of each figure by its name, empty where there is nothing to show, and the ``viewer``.

    Parameters
    ----------
    t1w, mask, corrected
        T1w as loaded, brain mask, and the T1w after bias correction, on one grid.
    registration, grid
        Its registration to the template, and the volume that the network reads.
    segmentation, attribution_maps
        On the grid of the T1w; None where they were not asked for.
    attributions
        What the maps are maps of, by target.
    """
    template = load_template(task.processing.template)
    moved, fixed = figures.registration_figures(
        corrected, mask, template.image, template.mask, np.array(registration.affine)
    )
    return {
        "mask_figure": figures.mask_figure(t1w, mask),
        "registration_figure": moved,
        "template_figure": fixed,
        "bias_figure": figures.bias_figure(t1w, corrected, mask),
        "grid_figure": figures.grid_figure(grid),
        "anatomy_figure": "" if segmentation is None else figures.anatomy_figure(corrected, segmentation),
        "attribution_figure": ""
        if attribution_maps is None
        else attribution_figure(corrected, mask, attribution_maps, attributions),
        "viewer": viewer_image(corrected, mask, segmentation, attribution_maps, attributions),
    }
