"""Scans brought to the model grid once, for the comparison of many weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import Processing
from neurofm_bids.geometry import mask_image
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.pipeline.task import Task
from neurofm_bids.pretrain.evaluation.perturbations import other_masks
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.atomic import file_sha256, write_json, write_nifti
from neurofm_bids.storage.text import read_json

__all__ = ["PreparedScan", "prepare"]

_ML = 1000.0
_RECORD, _GIVEN = "prepared.json", "given"  # the record is written last


@dataclass(frozen=True)
class PreparedScan:
    """Model-grid volumes of one scan in a folder.

    Parameters
    ----------
    folder
        Holds a volume for each brain mask.
    mask_ml
        Volume of the brain mask.
    other_masks
        Names of the other masks.
    rigid
        4x4 matrix from points of the T1w to points of the model grid, world RAS+ mm.
    """

    folder: Path
    mask_ml: float
    other_masks: tuple[str, ...]
    rigid: NDArray[np.float64]

    def volume(self, mask: str = _GIVEN) -> NDArray[np.float32]:
        """Return the volume of a mask, (256, 256, 256)."""
        return np.asarray(self.image(mask).dataobj, dtype=np.float32)

    def image(self, mask: str = _GIVEN) -> nib.Nifti1Image:
        """Return the image of a mask on the model grid."""
        return nib.Nifti1Image.from_filename(self.folder / f"{mask}.nii.gz")


def prepare(path: Path, folder: Path, *, stability: bool) -> PreparedScan:
    """Write the model-grid volume of one scan for each brain mask, unless it is there already.

    Parameters
    ----------
    path
        A T1w.
    folder
        Of this scan only.
    stability
        Whether other brain masks are needed.

    Raises
    ------
    NeuroFMError
        The image cannot be used.
    """
    record, inputs = folder / _RECORD, {"InputHash": file_sha256(path), "PipelineVersion": PIPELINE_VERSION}
    if not _is_current(record, inputs, stability):
        write_json(record, {**inputs, **_volumes(path, folder, stability), "Stability": stability})
    written = read_json(record)
    others = tuple(name for name in written["Masks"] if name != _GIVEN)
    return PreparedScan(folder, written["MaskVolumeMl"], others, np.array(written["T1wToTemplate"]))


def _volumes(path: Path, folder: Path, stability: bool) -> dict[str, object]:
    """Write the volumes and return what the record says of them."""
    from neurofm_bids.pipeline.in_memory import run_in_memory
    from neurofm_bids.preprocess.model_grid import model_grid

    made = run_in_memory(Task(path, Identity(), {}, Processing(), ""), ["registration"])
    corrected, rigid = made["corrected"], np.array(made["registration"].rigid)
    masks = {_GIVEN: made["mask"], **(other_masks(corrected, made["mask"]) if stability else {})}
    for name, mask in masks.items():
        brain = mask_image(corrected, mask)
        grid, _ = model_grid(brain, mask, space="rigid", t1w_to_template=rigid)
        write_nifti(folder / f"{name}.nii.gz", grid)
    mask_ml = made["brain_extraction"].volume_mm3 / _ML
    return {"MaskVolumeMl": mask_ml, "Masks": sorted(masks), "T1wToTemplate": rigid.tolist()}


def _is_current(record: Path, inputs: Mapping[str, object], stability: bool) -> bool:
    """Tell whether the volumes are those of this image, with other masks if they are needed."""
    try:
        written = read_json(record)
    except (OSError, ValueError):
        return False
    complete = "T1wToTemplate" in written and bool(written.get("Stability", False) >= stability)
    return complete and inputs.items() <= written.items()
