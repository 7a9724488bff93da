"""Writing the outputs of one scan, the sidecar last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.explain.baseline import BASELINE
from neurofm_bids.explain.maps import FWHM_MM
from neurofm_bids.geometry import itk_transform
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.anatomy import NOTICE, Anatomy, structure_and_side
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.columns import ATTRIBUTION_COLUMNS, MORPHOMETRY_COLUMNS, feature_columns
from neurofm_bids.records.dictionary import attribution, column
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import to_json
from neurofm_bids.storage.atomic import write_json, write_nifti, write_text
from neurofm_bids.storage.tables import table_text

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["attribution_table", "features_table", "morphometry_table", "write_outputs"]

_DIGITS = 7
_PREPROC = "Bias-corrected T1w. The offset of the intensities is removed: their 0.5th percentile became 0"


def write_outputs(
    task: Task,
    *,
    record: ScanRecord,
    features: NDArray[np.float32],
    mask: nib.Nifti1Image,
    corrected: nib.Nifti1Image,
    grid: nib.Nifti1Image,
    segmentation: nib.Nifti1Image | None,
    attribution_maps: nib.Nifti1Image | None,
    viewer: nib.Nifti1Image,
    **figures: str,
) -> Path:
    """Write every output of one scan and return the path of its sidecar.

    The sidecar of an older run is removed first and the new one written last, so that a scan whose outputs
    are not all of one run never counts as done. Optional outputs of an older run that this one does not make
    are removed.

    Parameters
    ----------
    record, features
        What is known of the scan, and its features, shape (n,).
    mask, corrected, grid
        Brain mask and bias-corrected T1w on the grid of the T1w; the volume that the network read.
    segmentation
        Labels on the grid of the T1w; None without segmentation.
    attribution_maps
        Maps of the record's attributions on the grid of the T1w; None without attribution.
    viewer
        What the viewer of the report shows.
    figures
        SVG text by name: ``mask_figure`` and others; empty for one that is not to be.

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
    written = {name for name, svg in figures.items() if svg}
    for name in written:
        write_text(out.path(scan, name), figures[name])
    if task.output_images:
        written |= _write_images(out, record, corrected, grid)
    if segmentation is not None and record.anatomy is not None:
        written |= _write_segmentation(out, record, record.anatomy, segmentation)
    if attribution_maps is not None:
        written |= _write_attribution(out, record, attribution_maps)
    write_nifti(out.path(scan, "viewer"), viewer)
    out.remove_others(scan, {*written, "viewer"})
    write_json(out.path(scan, "predictions"), record.to_dict(), sort_keys=False)
    write_text(out.path(scan, "features"), features_table(features))
    write_json(out.path(scan, "sidecar"), _features_sidecar(out, record))
    return out.path(scan, "sidecar")


def features_table(features: NDArray[np.float32]) -> str:
    """Return the one-row table of features, ``f000`` onwards, eight significant digits."""
    names = "\t".join(feature_columns(len(features)))
    return names + "\n" + "\t".join(f"{value:.8g}" for value in features) + "\n"


def morphometry_table(anatomy: Anatomy) -> str:
    """Return the table of the volumes of one scan: a row for each region and sum, seven digits."""
    asymmetry = anatomy.asymmetry
    rows = [
        (
            name,
            volume.mm3,
            *(volume.interval95 or (None, None)),
            asymmetry.get(structure_and_side(name)[0]),
            volume.confidence,
        )
        for name, volume in anatomy.volumes.items()
    ]
    return table_text(MORPHOMETRY_COLUMNS, rows, _DIGITS)


def _write_segmentation(
    out: Derivatives, record: ScanRecord, anatomy: Anatomy, segmentation: nib.Nifti1Image
) -> set[str]:
    """Write labels and volumes, and return the names of these outputs."""
    names = ("segmentation", "morphometry")
    labels, table = (out.path(record.scan, name) for name in names)
    text = "Segmentation of the brain in the space of the T1w, nearest neighbour of labels at 1 mm"
    _write_image(labels, segmentation, np.uint8, _about(record, text, Manual=False))
    write_text(table, morphometry_table(anatomy))
    text = "Volumes of regions of the brain, sums of posteriors of the segmentation network"
    columns = {name: column(name) for name in MORPHOMETRY_COLUMNS}
    made = {
        "Notice": NOTICE,
        "Phases": anatomy.phases,
        "WeightsSHA256": anatomy.weights_sha256,
    }
    write_json(image_sidecar(table), {**_about(record, text), "Segmentation": made, **columns})
    return {*names}


def attribution_table(attributions: Mapping[str, Attribution]) -> str:
    """Return the table of what each region has of each map, seven digits."""
    rows = [
        (target, region, part.share, part.sum, part.per_ml, one.units)
        for target, one in attributions.items()
        for region, part in one.regions.items()
    ]
    return table_text(ATTRIBUTION_COLUMNS, rows, _DIGITS)


def _write_attribution(out: Derivatives, record: ScanRecord, maps: nib.Nifti1Image) -> set[str]:
    """Write maps and shares of regions, and return the names of these outputs."""
    path = out.path(record.scan, "attribution")
    names = ", ".join(record.attributions)
    text = f"Attribution of {names} to the places of the brain: one volume for each, in this order"
    made = {
        "Method": "Integrated gradients, mean over the views of the test-time augmentation",
        "Baseline": BASELINE,
        "SmoothingFWHM": FWHM_MM,
        "Views": record.views,
        "WeightsSHA256": record.provenance.model.weights_sha256,
        "Volumes": [
            {
                "Target": target,
                "LongName": one.long_name,
                "Units": f"{one.units}/ml",
                "Steps": one.steps,
                "Output": one.output,
                "BaselineOutput": one.baseline_output,
                "CompletenessError": one.completeness_error,
                "AbsoluteCompletenessError": one.absolute_completeness_error,
                "ReadoutSHA256": one.readout_digest,
            }
            for target, one in record.attributions.items()
        ],
    }
    _write_image(path, maps, np.float32, _about(record, text, Attribution=made))
    if record.anatomy is None:
        return {"attribution"}
    table = out.path(record.scan, "attribution_regions")
    write_text(table, attribution_table(record.attributions))
    text = "What the regions of the brain have of the maps of attribution"
    sources = [path, out.path(record.scan, "segmentation")]
    about = _about(record, text, Sources=[f"bids::{p.relative_to(out.out_dir).as_posix()}" for p in sources])
    columns = {name: attribution(name) for name in ATTRIBUTION_COLUMNS}
    write_json(image_sidecar(table), {**about, **columns})
    return {"attribution", "attribution_regions"}


def _features_sidecar(out: Derivatives, record: ScanRecord) -> dict[str, Any]:
    mask = out.path(record.scan, "mask").relative_to(out.out_dir).as_posix()
    name = record.provenance.model.name
    return {
        **_about(record, f"NeuroFM features ({name}): the latent vector, mean over the passes"),
        "Sources": [record.scan.uri, f"bids::{mask}"],
        "NeuroFM": to_json(record.provenance),
    }


def _derived_uris(record: ScanRecord, *uses: str) -> list[str]:
    """Return the BIDS URIs of the files of other programs that are used in some way."""
    return [one.uri for one in record.derived if one.use in uses]


def _about(record: ScanRecord, description: str, **fields: Any) -> dict[str, Any]:
    uri = record.scan.uri
    return {"Description": description, "Sources": [uri], "RawSources": [uri], **fields}


def _write_mask_and_transforms(out: Derivatives, record: ScanRecord, mask: nib.Nifti1Image) -> None:
    about = _about(record, "Brain mask", Type="Brain")
    if sources := _derived_uris(record, "mask", "transform"):
        tool = record.measurements.brain_extraction.version or "another program"
        text = f"Brain mask of {tool} on the grid of the T1w"
        about |= {"Description": text, "Sources": [*about["Sources"], *sources]}
    _write_image(out.path(record.scan, "mask"), mask, np.uint8, about)
    registration = record.measurements.registration
    for kind, matrix in (("rigid", registration.rigid), ("affine", registration.affine)):
        write_text(out.path(record.scan, kind), itk_transform(np.array(matrix)))


def _write_images(
    out: Derivatives, record: ScanRecord, corrected: nib.Nifti1Image, grid: nib.Nifti1Image
) -> set[str]:
    """Write the preprocessed images, and return the names of these outputs."""
    preproc, stripped = (
        out.path(record.scan, "preproc"),
        record.measurements.brain_extraction.method == "none",
    )
    about = _about(record, _PREPROC, SkullStripped=stripped)
    about["Sources"] = [*about["Sources"], *_derived_uris(record, "bias_correction")]
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
    return {"preproc", "model_grid"}


def _write_image(path: Path, image: nib.Nifti1Image, dtype: type, sidecar: dict[str, Any]) -> None:
    import nibabel as nib

    clean = nib.Nifti1Image(np.asarray(image.dataobj).astype(dtype), image.affine)
    clean.header.set_xyzt_units("mm")
    clean.set_qform(image.affine, code=1)
    clean.set_sform(image.affine, code=1)
    write_nifti(path, clean)
    write_json(image_sidecar(path), sidecar)
