"""Output files of the evaluation of segmentations: a table, the scores as JSON, and an HTML report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from neurofm_bids.pretrain.evaluation.anatomy_summary import (
    MEASURED,
    MeasuredStructure,
    SegmentedScan,
    summarise_anatomy,
)
from neurofm_bids.pretrain.evaluation.report import shown_number
from neurofm_bids.pretrain.settings import AnatomyEvaluation
from neurofm_bids.records.statistics import outliers
from neurofm_bids.report.charts import plot_agreement
from neurofm_bids.report.render import render
from neurofm_bids.storage.atomic import file_sha256, write_json, write_text
from neurofm_bids.storage.tables import table_text

__all__ = ["write_anatomy_evaluation"]

_COLUMNS = {
    "n": "n",
    "known_ml": "known (ml)",
    "volume_ml": "segmented (ml)",
    "r": "r",
    "slope": "slope",
    "bias_percent": "bias %",
    "r_share": "r of share",
    "r_known_brain": "r of known brain",
    "dice": "Dice",
}
_DIGITS, _MARGIN_ML = 6, 0.05


def write_anatomy_evaluation(
    scans: Sequence[SegmentedScan], failed: Mapping[str, str], settings: AnatomyEvaluation
) -> Path:
    """Write ``evaluation.tsv``, ``evaluation.json`` and ``evaluation.html``; return the report.

    Parameters
    ----------
    scans, failed
        From :func:`~neurofm_bids.pretrain.evaluation.anatomy.evaluate_anatomy`.
    settings
        The evaluation.
    """
    summary, out = summarise_anatomy(scans), settings.out
    sha256 = file_sha256(settings.inputs[1])
    about = {"WeightsSHA256": sha256, "Phases": settings.phases, "Failed": dict(failed)}
    write_json(out / "evaluation.json", {**about, **summary})
    write_text(out / "evaluation.tsv", _table(scans))
    structures, repeats = summary["structures"], summary["repeatability"]
    context = {
        "sha256": sha256,
        "phases": settings.phases,
        "count": len(scans),
        "labelled": sum(_is_labelled(scan) for scan in scans),
        "participants": len({scan.participant for scan in scans}),
        "heads": list(_COLUMNS.values()),
        "rows": [(_title(name), _numbers(scores)) for name, scores in structures.items() if scores["n"]],
        "figures": [figure for name in MEASURED if (figure := _figure(name, scans))],
        "repeat_heads": [_title(name) for name in MEASURED],
        "repeats": list(_repeats(repeats)),
        "failed": sorted(failed.items()),
    }
    report = out / "evaluation.html"
    write_text(report, render("anatomy_evaluation.html.j2", context))
    return report


def _title(name: str) -> str:
    return name.replace("_", " ")


def _is_labelled(scan: SegmentedScan) -> bool:
    return math.isfinite(scan.structures["brain"].known_ml)


def _table(scans: Sequence[SegmentedScan]) -> str:
    """Return a row for each structure of each scan, as it is and with each change."""
    names = [item.name for item in fields(MeasuredStructure)]
    rows: list[list[object]] = []
    for scan in scans:
        about = [scan.name, f"sub-{scan.participant}"]
        rows += [[*about, "none", name, *astuple(scan.structures[name])] for name in MEASURED]
        for change, volumes in scan.repeats.items():
            rows += [[*about, change, name, *_only_volume(volumes[name])] for name in MEASURED]
    return table_text(["scan", "participant_id", "change", "structure", *names], rows, _DIGITS)


def _only_volume(volume_ml: float) -> tuple[float, ...]:
    return astuple(MeasuredStructure(math.nan, volume_ml, math.nan, math.nan, math.nan, math.nan))


def _numbers(scores: Mapping[str, Any]) -> list[str]:
    return [shown_number(scores[column]) for column in _COLUMNS]


def _figure(name: str, scans: Sequence[SegmentedScan]) -> Markup | None:
    known = [scan for scan in scans if scan.structures[name].known_ml > 0]
    if not known:
        return None
    true, found = (
        np.array([getattr(scan.structures[name], column) for scan in known])
        for column in ("known_ml", "volume_ml")
    )
    svg = plot_agreement(
        true,
        found,
        [scan.name for scan in known],
        (f"{_title(name)}, labels (ml)", "segmented (ml)"),
        name,
        f"{_title(name)}: segmented against labelled volume, {len(known)} scans",
        outliers(found - true),
        _MARGIN_ML,
    )
    return Markup(svg)  # drawn by this package, names escaped


def _repeats(repeatability: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for kind, by_name in repeatability.items():
        if any(by_name.values()):
            yield kind, [shown_number(by_name[name]["difference_percent"]) for name in MEASURED]
