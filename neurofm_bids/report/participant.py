"""The report of one participant: one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.records.dictionary import quality, quality_names, target_names
from neurofm_bids.report.render import render
from neurofm_bids.storage.atomic import write_text

__all__ = ["ReportFailure", "ScanReport", "outputs_comment", "write_participant_report"]

_CAPTIONS = {
    "mask": (
        "Brain mask",
        "Red: the brain mask on the T1w as scanned. It follows the inside of the skull and keeps the "
        "cerebrospinal fluid; it should not cut into the brain or run into eyes, neck or dura.",
    ),
    "registration": (
        "Registration to the template (affine)",
        "Above: the T1w moved to the template, with the template's contours. Below: the template with the "
        "contours of the moved T1w. Red: brain mask. Blue: brightest third of the brain, mostly white "
        "matter. The affine serves this check only; the network never sees it.",
    ),
    "grid": (
        "What the network reads",
        "Left: the model grid, 256^3 voxels of 1 mm. Right: every second voxel, the lattice of one view.",
    ),
}


@dataclass(frozen=True)
class ReportFailure:
    """Where and why a scan failed, and what can be done."""

    step: str
    reason: str
    fix: str


@dataclass(frozen=True)
class ScanReport:
    """What the report shows of one scan.

    Parameters
    ----------
    stem
        Name of the scan.
    record, sidecar
        Predictions record and provenance sidecar; None if the scan failed.
    failure
        Why it failed, or None.
    figures
        SVG files by name: ``mask``, ``registration``, ``grid``.
    """

    stem: str
    record: Mapping[str, Any] | None
    failure: ReportFailure | None
    figures: Mapping[str, Path]
    sidecar: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Number:
    """A row of a table: what, value, repeatability, remark, explanation."""

    name: str
    value: str
    interval: str
    remark: str
    about: str


def write_participant_report(
    subject: str,
    scans: Sequence[ScanReport],
    path: Path,
    *,
    versions: Mapping[str, str],
    command: str,
    methods: str,
    references: str,
    outputs: str = "",
) -> None:
    """Write ``sub-<label>.html``; equal arguments give equal bytes.

    Parameters
    ----------
    subject
        Label without ``sub-``.
    scans
        Every scan of the participant, finished or failed.
    versions
        Software versions by package.
    command
        The command line of the run.
    methods, references
        Methods text and BibTeX entries.
    outputs
        Hash of the outputs that the report tells of; it stands in a comment at its end.
    """
    finished = [scan for scan in scans if scan.record is not None]
    context = {
        "subject": subject,
        "scans": [_view(scan) for scan in finished],
        "failures": [scan for scan in scans if scan.failure is not None],
        "model": finished[0].record["Model"] if finished and finished[0].record else {},
        "versions": sorted(versions.items()),
        "command": command,
        "methods": [line for line in methods.splitlines() if line and not line.startswith("#")],
        "references": references,
    }
    write_text(path, render("participant.html.j2", context) + outputs_comment(outputs))


def outputs_comment(outputs: str) -> str:
    """Return the line that ends a report made from outputs of this hash."""
    return f"\n<!-- outputs {outputs} -->\n"


def _view(scan: ScanReport) -> dict[str, Any]:
    record, sidecar = scan.record or {}, scan.sidecar or {}
    return {
        "stem": scan.stem,
        "scan": str(record["Scan"]).removeprefix("bids:raw:"),
        "participant": record["Participant"],
        "predicted": [
            _predicted(record["Predictions"][name]) for name in target_names(record["Predictions"])
        ],
        "mask_ml": record["Measured"]["mask_volume_mm3"] / 1000,
        "views": record["Views"],
        "flags": record["Flags"],
        "quality": [
            _measure(name, record["Quality"][name]) for name in quality_names(list(record["Quality"]))
        ],
        "figures": [(*_CAPTIONS[name], _data_uri(path)) for name, path in scan.figures.items()],
        "made": sidecar.get("NeuroFM", {}),
        "measured": sidecar.get("Measured", {}),
    }


def _predicted(entry: Mapping[str, Any]) -> _Number:
    scale, unit, form = _shown(str(entry["Units"]))
    interval = ""
    if entry["Interval95"] is not None:
        low, high = (format(limit * scale, form) for limit in entry["Interval95"])
        interval = f"{low} to {high}"
    remarks = [] if entry["InRange"] else ["outside the range the model was made for"]
    if "Gap" in entry:
        remarks.append(f"recorded age {entry['Chronological']:g}, gap {entry['Gap']:+.1f} years")
    value = f"{format(entry['Value'] * scale, form)} {unit}".strip()
    return _Number(entry["LongName"], value, interval, "; ".join(remarks), entry["Description"])


def _shown(units: str) -> tuple[float, str, str]:
    """Return factor, unit and format in which people read a quantity."""
    shown = {
        "mm^3": (1e-3, "ml", ",.1f"),
        "year": (1.0, "years", ".1f"),
        "probability of male": (1.0, "", ".2f"),
    }
    return shown.get(units, (1.0, units, ".3g"))


def _measure(name: str, value: float | None) -> _Number:
    column, entry = quality(name)
    units = entry.get("Units", "")
    text = "n/a" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return _Number(
        entry.get("LongName", column), text, "" if units == "1" else units, "", entry["Description"]
    )


def _data_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
