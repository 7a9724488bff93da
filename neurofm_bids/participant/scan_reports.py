"""What the report of a participant shows of a scan: its record, the person and its figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from neurofm_bids.bids.demographics import Person
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.model.registry import model_spec
from neurofm_bids.norms.centiles import curves
from neurofm_bids.norms.head_size import head_size
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.participant.centile_files import allowed_centiles
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.report.centiles import limits_of, notes_text
from neurofm_bids.report.contents import Curve, Measured, ScanReport

__all__ = ["compared_heads", "hash_of", "scan_report"]


def scan_report(
    record: ScanRecord, person: Person, figures: Mapping[str, Path], reference: Reference = PUBLISHED
) -> ScanReport:
    """Return what the report shows of a finished scan, among the people of a reference."""
    return ScanReport(
        record,
        person,
        figures,
        centiles=allowed_centiles(record, person, reference),
        curves=_curves(record, person, reference),
        measured=_measured(record),
        reference=_about(reference, record),
    )


def _curves(record: ScanRecord, person: Person, reference: Reference) -> dict[str, Curve]:
    people = {"F": "women", "M": "men"}.get(person.sex or "", "people")
    text = f"Median, middle half and 5th to 95th centile of healthy {people}"
    return {
        name: Curve(
            tuple(curve.ages.tolist()),
            {level: tuple(values.tolist()) for level, values in curve.values.items()},
            f"{text}{_heads(name, record)}. {notes_text(limits_of(curve.notes))}",
        )
        for name, curve in curves(record, person, reference).items()
    }


def _heads(name: str, record: ScanRecord) -> str:
    """Return with which heads a prediction is compared; empty for the age, where they do not count."""
    return "" if name == "age" else f" {compared_heads(record)}"


def compared_heads(record: ScanRecord) -> str:
    """Return with which heads the volumes of a scan are compared, and why not with heads of its size."""
    if head_size(record) is not None:
        return "with the head size of this scan"
    if record.anatomy is None:
        return "of all head sizes (the brain was not segmented, so its head size is not known)"
    if record.measurements.brain_extraction.method == "none":
        return (
            "of all head sizes (the image was skull-stripped before: its cranial cavity was not seen, and "
            "the intracranial volume is only that of what was left)"
        )
    if record.measurements.brain_extraction.method == DERIVATIVES:
        return (
            "of all head sizes (the brain mask is that of another program: how much of the fluid around the "
            "brain it keeps is not known)"
        )
    return "of all head sizes (no intracranial volume was measured)"


def _about(reference: Reference, record: ScanRecord) -> str:
    """Return which people a reference is made of, and with which of them a scan is compared."""
    about = reference.about
    people = sum(about["People"].values()) if "People" in about else ""
    low, high = about["AgeRange"]
    who = f"{about.get('Source', f'{people} people')}; {low:g} to {high:g} years"
    heads = compared_heads(record)
    return f"Reference: {about['Name']} ({who}); people of the age and sex of this scan, {heads}"


def hash_of(scans: Iterable[ScanReport], failures: Iterable[Failure]) -> str:
    """Return a hash of what the report of a participant shows."""
    shown: list[object] = [
        (
            scan.record.to_dict(),
            repr((scan.person, scan.centiles, scan.reference, scan.profile, scan.acquired)),
            _names(scan),
        )
        for scan in scans
    ]
    shown += [failure.row() for failure in failures]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _names(scan: ScanReport) -> list[str]:
    return sorted(path.name for path in scan.figures.values())


def _measured(record: ScanRecord) -> dict[str, Measured]:
    """Return the volumes that the segmentation measured of what the model predicts."""
    if record.anatomy is None:
        return {}
    volumes = record.anatomy.volumes
    return {
        head.name: Measured(volumes[head.measured].mm3, volumes[head.measured].interval95, head.measured)
        for head in model_spec(record.provenance.model.name).heads
        if head.name in record.predictions and head.measured in volumes
    }
