"""The report of one participant: one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.model.registry import segmentation_spec
from neurofm_bids.records.anatomy import NOTICE
from neurofm_bids.records.failure import Failure
from neurofm_bids.report.assets import (
    VIEWER,
    script_element,
    script_policy,
    viewer_code,
    viewer_licence,
)
from neurofm_bids.report.centiles import notes_of
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.methods import methods_of, plain_citations, references_of
from neurofm_bids.report.numbers import age_text, lines_of, metric_number, sex_text
from neurofm_bids.report.pictures import Pictures, label_colours, pictures_of
from neurofm_bids.report.predictions import cards_of
from neurofm_bids.report.profile import profile_of
from neurofm_bids.report.render import render
from neurofm_bids.report.sessions import sessions_of
from neurofm_bids.storage.atomic import write_text

__all__ = ["contents_comment", "write_participant_report"]

_LIGHTS = {
    "ok": (
        "OK",
        "No flag was raised. Thresholds are provisional, and a scan without flags may still be poor: "
        "look at the images.",
    ),
    "check": ("Check", "Look at this scan before you use its numbers."),
    "fail": ("Fail", "Do not use the numbers of this scan unless the cause is understood."),
}


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

    Raises
    ------
    OSError
        A figure cannot be read.
    """
    methods, bibtex = methods_of([scan.record for scan in scans])
    ordered = sorted(scans, key=lambda scan: scan.record.scan.stem)
    pictures = pictures_of(ordered)
    has_viewer = any(shown.viewer for shown in pictures)
    context = {
        "subject": subject,
        "scans": [_view(scan, shown) for scan, shown in zip(ordered, pictures, strict=True)],
        "sessions": sessions_of(ordered),
        "failures": sorted(failures, key=lambda failure: failure.stem or failure.scan),
        "model": scans[0].record.provenance.model if scans else None,
        "segmentation_notice": NOTICE,
        "versions": sorted(software.items()),
        "command": command,
        "methods": [line for line in plain_citations(methods).splitlines() if line and line[0] != "#"],
        "references": references_of(bibtex),
        "bibtex": bibtex,
        "policy": script_policy(),
        "script": script_element(),
        "viewer": VIEWER,
        "viewer_code": viewer_code() if has_viewer else "",
        "viewer_licence": viewer_licence() if has_viewer else "",
        "labels": label_colours() if has_viewer else [],
    }
    write_text(path, render("participant.html.j2", context) + contents_comment(contents))


def contents_comment(contents: str) -> str:
    """Return the line that ends a report with contents of this hash."""
    return f"\n<!-- contents {contents} -->\n"


def _view(scan: ScanReport, pictures: Pictures) -> dict[str, Any]:
    record = scan.record
    return {
        "record": record,
        "path": record.scan.path,
        "stem": record.scan.stem,
        "age": age_text(scan.person),
        "sex": sex_text(scan.person),
        "light": _LIGHTS[record.quality.status],
        "cards": cards_of(scan),
        "curves": list(dict.fromkeys(curve.about for curve in scan.curves.values())),
        "mask_ml": record.measurements.brain_extraction.volume_mm3 / 1000,
        **_volumes(scan),
        "profile": profile_of(scan),
        "quality": [
            metric_number(name, value, record.not_measured.get(name, ""))
            for name, value in record.image_quality.items()
        ],
        "shown": pictures,
    }


def _volumes(scan: ScanReport) -> dict[str, Any]:
    """Return the lines of the volumes, in two halves that do not part a structure, and what limits them."""
    measured = [centile for centile in scan.centiles if centile.source == "measured"]
    notes, anatomy = notes_of(measured), scan.record.anatomy
    by_name = {centile.name: centile for centile in measured}
    spec = None if anatomy is None else segmentation_spec(anatomy.weights_sha256)
    lines = [] if anatomy is None else lines_of(anatomy, by_name, notes)
    begins = [place for place, line in enumerate(lines) if line.count and place >= len(lines) / 2]
    cut = begins[0] if begins else len(lines)
    return {
        "lines": [half for half in (lines[:cut], lines[cut:]) if half],
        "has_centiles": any(line.centile for line in lines),
        "has_muted": any(line.is_muted for line in lines),
        "card": "" if spec is None else f"docs/{spec.name}.md",
        "notes": notes,
        "reference": scan.reference,
    }
