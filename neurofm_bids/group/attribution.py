"""The mean of the maps of attribution of a cohort, in the space of the template."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import resample_onto
from neurofm_bids.group.reading import read_scan
from neurofm_bids.group.source import Source
from neurofm_bids.preprocess.image_file import named_damage
from neurofm_bids.preprocess.registration import Template, load_template
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.scan import Identity, ScanRecord
from neurofm_bids.storage.atomic import write_json, write_nifti
from neurofm_bids.storage.text import some_of

__all__ = ["MeanMaps", "write_mean_maps"]

_log = logging.getLogger(__name__)
_TEXT = (
    "Mean attribution over scans, each moved by its affine registration to the template and resampled "
    "(linear): one volume for each target, in this order"
)


@dataclass(frozen=True)
class MeanMaps:
    """The files written, and sentences about what was left out."""

    paths: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Mapped:
    """A scan that has maps: as the cohort names it, its record and the outputs among which it is."""

    scan: Identity
    record: ScanRecord
    out: Derivatives


@dataclass
class _Mean:
    """The sum of the maps of one target on the grid of the template, and the scans that it is over."""

    units: str
    readout_digest: str | None
    total: NDArray[np.float64]
    scans: list[str] = field(default_factory=list)


def write_mean_maps(sources: Mapping[str, Source], cohort: Cohort) -> MeanMaps:
    """Write the mean map of each target over the scans that have one.

    The values are those of the scans, per ml of native space. Without maps there is no file. Left out are
    scans that take no part in statistics as they failed, and, with a warning, those whose maps cannot be
    used or that were registered to another template than the first. Without the template there is a warning
    and no file.

    Parameters
    ----------
    sources
        The output folders by key; the map is written into the first one.
    """
    out = next(iter(sources.values())).out
    _remove_earlier(out)
    left_out: dict[str, str] = {}
    records = _with_maps(sources, cohort, left_out)
    if not records:
        return MeanMaps((), _told(left_out))
    name = _template_of(records[0])
    try:
        with named_damage():
            template = load_template(name)
    except NeuroFMError as error:
        return MeanMaps((), (*_told(left_out), _logged(f"There is no mean map of attribution: {error}")))
    means = _means(records, template, left_out)
    return MeanMaps(_write(out, template, means) if means else (), _told(left_out))


def _remove_earlier(out: Derivatives) -> None:
    for old in out.out_dir.glob(replace(out, template="*").group("attribution").name):
        old.unlink()
        image_sidecar(old).unlink(missing_ok=True)


def _with_maps(sources: Mapping[str, Source], cohort: Cohort, left_out: dict[str, str]) -> list[_Mapped]:
    """Return the scans that have maps and did not fail; log how many failed."""
    every = ((member, sources[member.source]) for member in cohort.members)
    placed = ((member, source.in_dataset(member.scan), source.out) for member, source in every)
    having = [(member, own, out) for member, own, out in placed if out.path(own, "attribution").is_file()]
    mapped = []
    for member, own, out in having:
        if not member.is_included:
            continue
        try:
            record, _ = read_scan(out, StoredScan(own.subject or "", own.session, own.stem))
        except NeuroFMError as error:
            left_out[member.scan.stem] = error.what
            continue
        if record.attributions:
            mapped.append(_Mapped(member.scan, record, out))
    if failed := sum(not member.is_included for member, *_ in having):
        _log.info(
            "Scans whose quality is judged as fail are left out of the mean map of attribution: %d.", failed
        )
    return mapped


def _template_of(scan: _Mapped) -> str:
    return str(scan.record.provenance.parameters.get("template", scan.out.template))


def _means(scans: list[_Mapped], template: Template, left_out: dict[str, str]) -> dict[str, _Mean]:
    """Return the mean of each target over the scans whose maps can be used."""
    means: dict[str, _Mean] = {}
    for scan in scans:
        if (other := _template_of(scan)) != template.name:
            left_out[scan.scan.stem] = f"it is registered to {other}, not to {template.name}"
            continue
        try:
            moved = _moved(scan.out, scan.record, template)
        except NeuroFMError as error:
            left_out[scan.scan.stem] = error.what
            continue
        for target, values in moved.items():
            made = scan.record.attributions[target]
            new = _Mean(made.units, made.readout_digest, np.zeros(template.image.shape))
            mean = means.setdefault(target, new)
            if made.readout_digest != mean.readout_digest:
                left_out[scan.scan.stem] = f"its map of {target} is of another readout of this name"
                continue
            mean.total += values
            mean.scans.append(scan.scan.path)
    return means


def _moved(out: Derivatives, record: ScanRecord, template: Template) -> dict[str, NDArray[np.float32]]:
    """Return the map of each target of a scan on the grid of the template.

    Raises
    ------
    NeuroFMError
        The file is damaged, has not one volume for each target, or a value that is not finite.
    """
    affine = np.array(record.measurements.registration.affine)
    moved = {}
    with named_damage():
        maps, values = _read(out.path(record.scan, "attribution"))
        if values.shape[3:] != (len(record.attributions),):
            found = " x ".join(map(str, values.shape))
            raise NeuroFMError(f"the image has {found} values for {len(record.attributions)} target(s)")
        for row, target in enumerate(record.attributions):
            if not np.isfinite(values[..., row]).all():
                raise NeuroFMError(f"the map of {target} has values that are not finite")
            one = nib.Nifti1Image(values[..., row], maps.affine)
            moved[target] = np.asarray(resample_onto(one, template.image, affine, order=1).dataobj)
    return moved


def _read(path: Path) -> tuple[nib.Nifti1Image, NDArray[np.float32]]:
    """Return an image and its values, read to the check sum at the end of the file."""
    with gzip.open(path) as stream:
        image = nib.Nifti1Image.from_stream(stream)
        values = np.asarray(image.dataobj, dtype=np.float32)
        stream.read()
    return image, values


def _write(out: Derivatives, template: Template, means: Mapping[str, _Mean]) -> tuple[Path, ...]:
    path = replace(out, template=template.name).group("attribution")
    values = np.stack([mean.total / len(mean.scans) for mean in means.values()], axis=-1)
    image = nib.Nifti1Image(values.astype(np.float32), template.image.affine)
    image.header.set_xyzt_units("mm")
    write_nifti(path, image)
    volumes = [{"Target": t, "Units": f"{mean.units}/ml", "Scans": mean.scans} for t, mean in means.items()]
    about = {"Description": f"{_TEXT}: {', '.join(means)}", "SpatialReference": template.name}
    write_json(image_sidecar(path), {**about, "Volumes": volumes})
    return path, image_sidecar(path)


def _told(left_out: Mapping[str, str]) -> tuple[str, ...]:
    """Return, and log, a sentence on the scans that are left out."""
    if not left_out:
        return ()
    which = some_of([f"{stem}: {why}" for stem, why in left_out.items()])
    return (_logged(f"Scans left out of the mean map of attribution: {len(left_out)} ({which})."),)


def _logged(sentence: str) -> str:
    _log.warning("%s", sentence)
    return sentence
