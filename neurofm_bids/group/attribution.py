"""The mean of the maps of attribution of a cohort, in the space of the template."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.names import Derivatives, image_sidecar
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import resample_onto
from neurofm_bids.group.reading import read_scan
from neurofm_bids.preprocess.registration import Template, load_template
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.scan import Identity, ScanRecord
from neurofm_bids.storage.atomic import write_json, write_nifti
from neurofm_bids.storage.text import some_of

__all__ = ["write_mean_maps"]

_log = logging.getLogger(__name__)
_TEXT = (
    "Mean attribution over scans, each moved by its affine registration to the template and resampled "
    "(linear): one volume for each target, in this order"
)


def write_mean_maps(out: Derivatives, cohort: Cohort) -> tuple[Path, ...]:
    """Write the mean map of each target over the scans that have one, and return the paths.

    The values are those of the scans, per ml of native space. Without maps there is no file. Scans that were
    registered to another template than the first are left out.
    """
    for old in out.out_dir.glob(replace(out, template="*").group("attribution").name):
        old.unlink()
        image_sidecar(old).unlink(missing_ok=True)
    records = list(_with_maps(out, cohort))
    if not records:
        return ()
    template = load_template(_template_of(records[0], out))
    fits = [record for record in records if _template_of(record, out) == template.name]
    if len(fits) < len(records):
        _log.warning(
            "Scans left out of the mean map of attribution, as they are registered to another template "
            "than %s: %d.",
            template.name,
            len(records) - len(fits),
        )
    units = {target: one.units for record in fits for target, one in record.attributions.items()}
    sums = {target: np.zeros(template.image.shape) for target in units}
    scans: dict[str, list[str]] = {target: [] for target in units}
    for record in fits:
        for target, moved in _moved(out, record, template):
            sums[target] += moved
            scans[target].append(record.scan.path)
    means = [sums[target] / len(scans[target]) for target in units]
    path = replace(out, template=template.name).group("attribution")
    image = nib.Nifti1Image(np.stack(means, axis=-1).astype(np.float32), template.image.affine)
    image.header.set_xyzt_units("mm")
    write_nifti(path, image)
    volumes = [{"Target": t, "Units": f"{units[t]}/ml", "Scans": scans[t]} for t in units]
    about = {"Description": f"{_TEXT}: {', '.join(units)}", "SpatialReference": template.name}
    write_json(image_sidecar(path), {**about, "Volumes": volumes})
    return path, image_sidecar(path)


def _template_of(record: ScanRecord, out: Derivatives) -> str:
    return str(record.provenance.parameters.get("template", out.template))


def _with_maps(out: Derivatives, cohort: Cohort) -> Iterator[ScanRecord]:
    """Yield the records of the scans that have maps; log which cannot be read."""
    unread = []
    for member in cohort.members:
        if not out.path(member.scan, "attribution").is_file():
            continue
        try:
            record, _ = read_scan(out, _stored(member.scan))
        except NeuroFMError:
            unread.append(member.scan.stem)
            continue
        if record.attributions:
            yield record
    if unread:
        _log.warning("Scans left out of the mean map of attribution: %s.", some_of(unread))


def _stored(scan: Identity) -> StoredScan:
    return StoredScan(scan.subject or "", scan.session, scan.stem)


def _moved(
    out: Derivatives, record: ScanRecord, template: Template
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the map of each target of a scan on the grid of the template."""
    maps = nib.Nifti1Image.from_filename(out.path(record.scan, "attribution"))
    values = np.asarray(maps.dataobj, dtype=np.float32)
    affine = np.array(record.measurements.registration.affine)
    for row, target in enumerate(record.attributions):
        one = nib.Nifti1Image(values[..., row], maps.affine)
        yield target, np.asarray(resample_onto(one, template.image, affine, order=1).dataobj)
