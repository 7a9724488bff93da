"""Writing the outputs of one scan, the sidecar last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.names import Derivatives, image_sidecar
from neurofm_bids.geometry import itk_transform
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import to_json
from neurofm_bids.storage.atomic import write_json, write_nifti, write_text

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["features_table", "write_outputs"]

_PREPROC = "Bias-corrected T1w. The offset of the intensities is removed: their 0.5th percentile became 0"


def write_outputs(
    task: Task,
    *,
    record: ScanRecord,
    features: NDArray[np.float32],
    mask: nib.Nifti1Image,
    corrected: nib.Nifti1Image,
    grid: nib.Nifti1Image,
    **figures: str,
) -> Path:
    """Write every output of one scan and return the path of its sidecar.

    The sidecar of an older run is removed first and the new one written last, so that a scan whose outputs
    are not all of one run never counts as done.

    Parameters
    ----------
    record, features
        What is known of the scan, and its features, shape (n,).
    mask, corrected, grid
        Brain mask and bias-corrected T1w on the grid of the T1w; the volume that the network read.
    figures
        SVG text by name: ``mask_figure`` and others.

    Raises
    ------
    NeuroFMError
        The output folder is full, read-only or gone.
    """
    assert task.out_dir is not None
    out = Derivatives(task.out_dir, record.provenance.model.label, task.processing.template)
    scan = record.scan
    out.check()
    out.forget(scan)
    _write_mask_and_transforms(out, record, mask)
    if task.output_images:
        _write_images(out, record, corrected, grid)
    for name, svg in figures.items():
        write_text(out.path(scan, name), svg)
    write_json(out.path(scan, "predictions"), record.to_dict(), sort_keys=False)
    write_text(out.path(scan, "features"), features_table(features))
    write_json(out.path(scan, "sidecar"), _features_sidecar(out, record))
    return out.path(scan, "sidecar")


def features_table(features: NDArray[np.float32]) -> str:
    """Return the one-row table of features, ``f000`` onwards, eight significant digits."""
    names = "\t".join(feature_columns(len(features)))
    return names + "\n" + "\t".join(f"{value:.8g}" for value in features) + "\n"


def _features_sidecar(out: Derivatives, record: ScanRecord) -> dict[str, Any]:
    mask = out.path(record.scan, "mask").relative_to(out.out_dir).as_posix()
    name = record.provenance.model.name
    return {
        **_about(record, f"NeuroFM features ({name}): the latent vector, mean over the passes"),
        "Sources": [record.scan.uri, f"bids::{mask}"],
        "NeuroFM": to_json(record.provenance),
    }


def _about(record: ScanRecord, description: str, **fields: Any) -> dict[str, Any]:
    uri = record.scan.uri
    return {"Description": description, "Sources": [uri], "RawSources": [uri], **fields}


def _write_mask_and_transforms(out: Derivatives, record: ScanRecord, mask: nib.Nifti1Image) -> None:
    _write_image(out.path(record.scan, "mask"), mask, np.uint8, _about(record, "Brain mask", Type="Brain"))
    registration = record.measurements.registration
    for kind, matrix in (("rigid", registration.rigid), ("affine", registration.affine)):
        write_text(out.path(record.scan, kind), itk_transform(np.array(matrix)))


def _write_images(
    out: Derivatives, record: ScanRecord, corrected: nib.Nifti1Image, grid: nib.Nifti1Image
) -> None:
    preproc, stripped = (
        out.path(record.scan, "preproc"),
        record.measurements.brain_extraction.method == "none",
    )
    about = _about(record, _PREPROC, SkullStripped=stripped)
    _write_image(preproc, corrected, np.float32, about)
    space = record.measurements.model_grid.space
    about = _about(
        record,
        "Brain as the network reads it",
        SkullStripped=True,
        SpatialReference=f"Model grid, {space} space: 256^3 voxels of 1 mm, axes LIA",
        Sources=[f"bids::{preproc.relative_to(out.out_dir).as_posix()}"],
    )
    _write_image(out.path(record.scan, "model_grid"), grid, np.float32, about)


def _write_image(path: Path, image: nib.Nifti1Image, dtype: type, sidecar: dict[str, Any]) -> None:
    import nibabel as nib

    clean = nib.Nifti1Image(np.asarray(image.dataobj).astype(dtype), image.affine)
    clean.header.set_xyzt_units("mm")
    clean.set_qform(image.affine, code=1)
    clean.set_sform(image.affine, code=1)
    write_nifti(path, clean)
    write_json(image_sidecar(path), sidecar)
