"""Attribution of the targets of one scan: maps in the space of the T1w, and their records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.explain.integrated_gradients import STEPS, attribute
from neurofm_bids.explain.maps import region_attributions, t1w_maps
from neurofm_bids.model.augmentation import read_volume
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pipeline.attributed import attributed
from neurofm_bids.pipeline.network import load_encoder
from neurofm_bids.pipeline.task import Task
from neurofm_bids.preprocess.model_grid import grid_to_t1w
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.measurement import Registration

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["attribute_scan"]

_log = logging.getLogger(__name__)
_GPU_BATCH = 8  # nodes of the quadrature


def attribute_scan(
    task: Task,
    t1w: nib.Nifti1Image,
    registration: Registration,
    grid: nib.Nifti1Image,
    segmentation: nib.Nifti1Image | None,
) -> tuple[nib.Nifti1Image, dict[str, Attribution]]:
    """Return the map and the record of each target and readout of a task.

    Parameters
    ----------
    t1w
        The image in whose space the maps are.
    registration, grid
        Pose and voxels of the volume that the network reads.
    segmentation
        Labels on the grid of the T1w, for the shares of regions.
    """
    processing = task.processing
    spec = model_spec(processing.model)
    readouts = attributed(spec, processing.attribution, task.readouts)
    digests = {one.name: one.digest for one in task.readouts}
    encoder = task.encoder or load_encoder(processing)
    found = attribute(
        encoder.network,
        read_volume(np.asarray(grid.dataobj, dtype=np.float32), spec.zscore),
        readouts,
        views=processing.views,
        batch_size=1 if encoder.device.type == "cpu" else _GPU_BATCH,
    )
    moved = grid_to_t1w(np.array(registration.rigid), processing.encode_space)
    maps = t1w_maps(found, grid.affine, t1w, moved)
    if segmentation is None:
        _log.info("%s: there is no table of attributions by region without the segmentation.", task.scan.stem)
    values = np.asarray(maps.dataobj)
    records = {
        one.name: Attribution(
            long_name=one.long_name,
            units=one.units,
            output=one.output,
            baseline_output=one.baseline_output,
            completeness_error=one.completeness_error,
            absolute_completeness_error=one.absolute_completeness_error,
            steps=STEPS,
            regions={} if segmentation is None else region_attributions(values[..., row], segmentation),
            readout_digest=digests.get(one.name),
        )
        for row, one in enumerate(found)
    }
    return maps, records
