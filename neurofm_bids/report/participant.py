"""The report of one participant: one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.anatomy import NOTICE, Volume
from neurofm_bids.records.columns import AGE_REMARKS
from neurofm_bids.records.dictionary import column, metric, region_title
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.report.methods import methods_of, plain_citations
from neurofm_bids.report.render import render
from neurofm_bids.storage.atomic import write_text
from neurofm_bids.storage.tables import cell

__all__ = ["ScanReport", "contents_comment", "write_participant_report"]

_CAPTIONS = {
    "mask": (
        "Brain mask",
        "Red: the brain mask on the image as scanned. It follows the inside of the skull and includes the "
        "cerebrospinal fluid; it should neither cut into the brain nor include eyes, neck or dura.",
    ),
    "registration": (
        "Registration to the template (affine)",
        "Top: the image aligned to the template, with the template's contours. Bottom: the template with the "
        "contours of the aligned image. Red: brain mask. Blue: brightest third of the brain, mostly white "
        "matter. The affine is used only for this check: the image that the network reads is not scaled.",
    ),
    "anatomy": (
        "Segmentation",
        "The regions whose volumes are reported, in the colours of FreeSurfer, on the image. "
        "Borders should follow cortex, ventricles and deep structures; left and right have the same colours.",
    ),
    "attribution": (
        "Attribution",
        "What each place of the brain contributes to the predictions: orange raises, blue lowers them, "
        "relative to the same brain without its structures (smoothed within its outline). The map shows what "
        "the network reads, not a cause or a disease.",
    ),
    "grid": (
        "What the network reads",
        "Left: the model grid, 256^3 voxels of 1 mm. Right: every second voxel, the lattice of one pass.",
    ),
}


@dataclass(frozen=True)
class ScanReport:
    """What the report shows of one finished scan.

    Parameters
    ----------
    record
        Everything that was measured and predicted.
    person
        Recorded age and sex.
    figures
        SVG files by name: ``mask``, ``registration``, ``grid``.
    """

    record: ScanRecord
    person: Person
    figures: Mapping[str, Path]


@dataclass(frozen=True)
class _Number:
    """A row of a table: what, value, repeatability or unit, remark, explanation."""

    name: str
    value: str
    interval: str
    remark: str
    about: str


@dataclass(frozen=True)
class _Region:
    """A row of the table of regions; volume and limits of left, right, and both or without sides."""

    name: str
    cells: tuple[tuple[str, str], ...]
    asymmetry: str
    confidence: str


def write_participant_report(
    path: Path,
    subject: str,
    scans: Sequence[ScanReport],
    failures: Sequence[Failure],
    *,
    command: str,
    software: Mapping[str, str],
    contents: str = "",
) -> None:
    """Write ``sub-<label>.html``; equal arguments give equal bytes.

    Parameters
    ----------
    subject
        Label without ``sub-``.
    scans, failures
        Finished and failed scans of the participant.
    command
        The command line of the run.
    software
        Versions by package.
    contents
        Hash of what the report shows; written in a comment at its end.
    """
    methods, references = methods_of([scan.record.provenance for scan in scans])
    context = {
        "subject": subject,
        "scans": [_view(scan) for scan in sorted(scans, key=lambda scan: scan.record.scan.stem)],
        "failures": sorted(failures, key=lambda failure: failure.stem or failure.scan),
        "model": scans[0].record.provenance.model if scans else None,
        "segmentation_notice": NOTICE,
        "versions": sorted(software.items()),
        "command": command,
        "methods": [line for line in plain_citations(methods).splitlines() if line and line[0] != "#"],
        "references": references,
    }
    write_text(path, render("participant.html.j2", context) + contents_comment(contents))


def contents_comment(contents: str) -> str:
    """Return the line that ends a report with contents of this hash."""
    return f"\n<!-- contents {contents} -->\n"


def _view(scan: ScanReport) -> dict[str, Any]:
    record, person = scan.record, scan.person
    anatomy = record.anatomy
    bound = "at least " if "lower_bound" in person.remarks else ""
    age = None if person.age_years is None else f"{bound}{_years(person.age_years)} years"
    return {
        "record": record,
        "path": record.scan.path,
        "stem": record.scan.stem,
        "age": age or _unread(person.age_text, is_unclear="age" in person.unclear),
        "sex": person.sex or _unread(person.sex_text, is_unclear="sex" in person.unclear, clear="other"),
        "predicted": [_predicted(name, item, person) for name, item in record.predictions.items()],
        "mask_ml": record.measurements.brain_extraction.volume_mm3 / 1000,
        "regions": []
        if anatomy is None
        else [
            _region(name, sides, anatomy.asymmetry.get(name)) for name, sides in anatomy.structures.items()
        ],
        "quality": [_metric(name, value) for name, value in record.image_quality.items()],
        "figures": [(*_CAPTIONS[name], _data_uri(path)) for name, path in scan.figures.items()],
    }


def _region(name: str, sides: Mapping[str, Volume], asymmetry: float | None) -> _Region:
    cells = dict.fromkeys(("left", "right", ""), ("", ""))
    cells |= {side: (f"{volume.mm3 / 1000:,.2f}", _limits(volume)) for side, volume in sides.items()}
    return _Region(
        region_title(name),
        tuple(cells.values()),
        "" if asymmetry is None else f"{100 * asymmetry:+.1f}%",
        f"{min(volume.confidence for volume in sides.values()):.2f}",
    )


def _limits(volume: Volume) -> str:
    if volume.interval95 is None:
        return ""
    low, high = (limit / 1000 for limit in volume.interval95)
    return f"{low:,.2f} to {high:,.2f}"


def _unread(text: str | None, *, is_unclear: bool, clear: str = "unknown") -> str:
    """Return what a report shows of an age or a sex that is not known: what the dataset has instead.

    What is understood and no age, or neither F nor M, is called ``clear``.
    """
    if not text:
        return "unknown"
    return f"not understood: {cell(text)[:50]}" if is_unclear else f"{clear} ({cell(text)[:50]})"


def _years(age: float) -> str:
    """Return an age as people read it, that of a small child with two decimals."""
    return f"{round(age, 1 if age >= 3 else 2):g}"


def _predicted(name: str, prediction: Prediction, person: Person) -> _Number:
    scale, unit, form = _shown(prediction)
    interval = ""
    if prediction.interval95 is not None:
        low, high = (format(limit * scale, form) for limit in prediction.interval95)
        interval = f"{low} to {high} {unit}".strip()
    remarks = [] if prediction.in_range else ["outside the range for which the model was trained"]
    if name == "age" and person.age_years is not None:
        gap = prediction.value - person.age_years
        least, most = ("at least ", "at most ") if "lower_bound" in person.remarks else ("", "")
        remarks.append(f"recorded age {least}{_years(person.age_years)}, gap {most}{gap:+.1f} years")
        remarks += [column(AGE_REMARKS)["Levels"][name] for name in person.remarks]
    value = f"{format(prediction.value * scale, form)} {unit}".strip()
    of = prediction.of_class
    title = prediction.long_name if of is None else f"Predicted probability of {of}"
    return _Number(title, value, interval, "; ".join(remarks), prediction.description)


def _shown(prediction: Prediction) -> tuple[float, str, str]:
    """Return factor, unit and format in which people read a quantity."""
    if prediction.of_class is not None:
        return 1.0, "", ".2f"
    shown = {"mm^3": (1e-3, "ml", ",.1f"), "year": (1.0, "years", ".1f")}
    return shown.get(prediction.units, (1.0, prediction.units, ".3g"))


def _metric(name: str, value: float | None) -> _Number:
    entry = metric(name)
    units = entry.get("Units", "")
    text = "n/a" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
    return _Number(entry["LongName"], text, "" if units == "1" else units, "", entry["Description"])


def _data_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
