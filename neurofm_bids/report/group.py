"""The group report: one HTML file about all scans of a cohort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.columns import AGE, AGE_GAP, KNOWN_AGE, MASK_VOLUME
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.scan import Model
from neurofm_bids.records.statistics import Agreement, Statistics
from neurofm_bids.report.charts import plot_agreement
from neurofm_bids.report.group_figures import Strip, plot_components, plot_strips
from neurofm_bids.report.render import render
from neurofm_bids.storage.atomic import write_text

__all__ = ["GroupReport", "ReportScan", "render_group_report", "write_group_report"]

_Array = npt.NDArray[np.float64]

_MAX_ROWS = 2000


@dataclass(frozen=True)
class ReportScan:
    """One scan of the group report.

    Parameters
    ----------
    stem, participant
        Name of the scan, and participant label without ``sub-``.
    link
        Page of the participant relative to the report, if there is one.
    values
        Numbers by column name; what is not known is absent.
    out_of_range
        Columns whose prediction lies outside the supported range.
    flags
        Its flags.
    """

    stem: str
    participant: str
    link: str | None
    values: Mapping[str, float]
    out_of_range: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class GroupReport:
    """Everything that the group report shows.

    Parameters
    ----------
    label, model
        Model label, and the model.
    weights_sha256
        SHA-256 of all weights in use.
    scans
        In the order of the tables.
    missing
        Stem and reason of the scans that have no row.
    warnings
        Sentences about the cohort.
    statistics
        Over the scans; arrays are in the order of ``scans``.
    n_features
        Number of features.
    columns
        LongName, Description and Units by column name.
    predictions, quality
        Names of the columns to draw.
    versions
        Software versions by name.
    command
        The command line, if known.
    tables
        Names of the files beside the report.
    """

    label: str
    model: Model
    weights_sha256: tuple[str, ...]
    scans: tuple[ReportScan, ...]
    missing: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    statistics: Statistics
    n_features: int
    columns: Mapping[str, Mapping[str, Any]]
    predictions: tuple[str, ...]
    quality: tuple[str, ...]
    versions: Mapping[str, str]
    command: str = ""
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    """A row of the table of scans: its cells are (text, title, whether out of range)."""

    scan: ReportScan
    cells: tuple[tuple[str, str, bool], ...]


def write_group_report(report: GroupReport, path: Path) -> None:
    """Write the report as one file that needs no other; equal reports give equal bytes."""
    write_text(path, render_group_report(report))


def render_group_report(report: GroupReport) -> str:
    """Return the report as HTML."""
    return render("group.html.j2", _context(report))


def _context(report: GroupReport) -> dict[str, Any]:
    shown = _shown(report.scans)
    flagged = [scan for scan in report.scans if scan.flags]
    participants = {scan.participant for scan in report.scans}
    return {
        "report": report,
        "n_scans": len(report.scans),
        "n_participants": len(participants),
        "n_flagged": len(flagged),
        "n_serious": sum(any(flag.severity == "serious" for flag in scan.flags) for scan in flagged),
        "flag_counts": _flag_counts(flagged),
        "heads": [_head(report, name) for name in _table_columns(report)],
        "lines": [_line(report, scan) for scan in shown],
        "max_rows": _MAX_ROWS,
        "versions": sorted(report.versions.items(), key=lambda item: item[0].lower()),
        **_figures(report),
    }


def _figures(report: GroupReport) -> dict[str, Any]:
    from markupsafe import Markup

    names = tuple(scan.stem for scan in report.scans)
    known, predicted = _values(report, KNOWN_AGE), _values(report, AGE)
    both = np.isfinite(known) & np.isfinite(predicted)
    agreement, components = report.statistics.agreement, report.statistics.components
    pictures = {
        "predictions_figure": _draw_strips(report, (*report.predictions, MASK_VOLUME), "predictions"),
        "quality_figure": _draw_strips(report, report.quality, "quality"),
        "age_figure": agreement
        and plot_agreement(
            known[both],
            predicted[both],
            [name for name, has in zip(names, both, strict=True) if has],
            ("chronological age (years)", "predicted age (years)"),
            "ages",
            f"Predicted against chronological age (n = {agreement.n})",
            agreement.outliers,
        ),
        "components_figure": components
        and plot_components(components, known, names, "Scans in the plane of the first two components"),
    }
    return {
        **{name: Markup(svg) if svg else None for name, svg in pictures.items()},  # our own SVG
        "agreement": agreement,
        "agreement_rows": _agreement_rows(agreement) if agreement else [],
        "components": components,
    }


def _draw_strips(report: GroupReport, columns: Sequence[str], name: str) -> str | None:
    if not columns:
        return None
    return plot_strips(
        [_strip(report, column) for column in columns],
        name,
        f"Distribution over scans: {', '.join(_title(report, column) for column in columns)}",
    )


def _strip(report: GroupReport, column: str) -> Strip:
    values = _values(report, column)
    unit, factor = _unit(report, column)
    places = np.flatnonzero(np.isfinite(values))
    names = tuple(report.scans[place].stem for place in places)
    summary = report.statistics.summaries.get(column)
    far = np.searchsorted(places, summary.outliers).tolist() if summary else ()
    return Strip(_title(report, column), unit, values[places] * factor, names, far)


def _values(report: GroupReport, column: str) -> _Array:
    return np.array([scan.values.get(column, np.nan) for scan in report.scans], dtype=np.float64)


def _title(report: GroupReport, column: str) -> str:
    return str(report.columns.get(column, {}).get("LongName", column))


def _unit(report: GroupReport, column: str) -> tuple[str, float]:
    """Return the unit to show and the factor to it: volumes in millilitres, as clinicians read them."""
    unit = str(report.columns.get(column, {}).get("Units", "arbitrary"))
    if unit == "mm^3" and column in {*report.predictions, MASK_VOLUME}:
        return "ml", 1e-3
    return {"year": "years"}.get(unit, unit), 1.0


def _agreement_rows(agreement: Agreement) -> list[tuple[str, str]]:
    return [
        ("Scans with a known age (n)", f"{agreement.n:,}"),
        ("Mean absolute error (MAE)", f"{agreement.mae:.1f} years"),
        ("Bias (mean of predicted minus chronological)", f"{agreement.bias:+.1f} years"),
        (
            "Standard deviation of the gap",
            "needs two scans" if agreement.sd is None else f"{agreement.sd:.1f} years",
        ),
        (
            "Pearson correlation (r)",
            "needs three scans and a spread of ages" if agreement.r is None else f"{agreement.r:.2f}",
        ),
    ]


def _shown(scans: Sequence[ReportScan]) -> list[ReportScan]:
    """Return all scans or, where there are too many for a page, those with flags first."""
    if len(scans) <= _MAX_ROWS:
        return list(scans)
    return sorted(scans, key=lambda scan: not scan.flags)[:_MAX_ROWS]


def _table_columns(report: GroupReport) -> tuple[str, ...]:
    known = any(KNOWN_AGE in scan.values for scan in report.scans)
    first, rest = report.predictions[:1], report.predictions[1:]
    return (*first, *((KNOWN_AGE, AGE_GAP) if known else ()), *rest, MASK_VOLUME)


def _head(report: GroupReport, column: str) -> tuple[str, str, str]:
    unit = _unit(report, column)[0]
    about = str(report.columns.get(column, {}).get("Description", ""))
    return _title(report, column), "" if unit in {"1", "arbitrary"} else unit, about


def _line(report: GroupReport, scan: ReportScan) -> _Line:
    cells = (_cell(report, scan, column) for column in _table_columns(report))
    return _Line(scan, tuple(cells))


def _cell(report: GroupReport, scan: ReportScan, column: str) -> tuple[str, str, bool]:
    outside = column in scan.out_of_range
    if column not in scan.values:
        return "n/a", "not known", outside
    unit, factor = _unit(report, column)
    form = {"ml": ",.0f", "years": "+.1f" if column == AGE_GAP else ".1f"}.get(unit, ".2f")
    if unit == "ml" and abs(scan.values[column] * factor) < 100:
        form = ",.1f"
    limits = [scan.values.get(f"{column}_{end}") for end in ("lower95", "upper95")]
    spread = [f"{limit * factor:{form}}" for limit in limits if limit is not None]
    title = f"95% interval over passes: {spread[0]} to {spread[1]}" if len(spread) == 2 else ""
    return f"{scan.values[column] * factor:{form}}", title, outside


def _flag_counts(scans: Sequence[ReportScan]) -> list[tuple[str, str, int]]:
    def every() -> Iterator[tuple[str, str]]:
        for scan in scans:
            yield from {(flag.name, flag.severity) for flag in scan.flags}

    counts: dict[tuple[str, str], int] = {}
    for key in every():
        counts[key] = counts.get(key, 0) + 1
    return sorted(((*key, count) for key, count in counts.items()), key=lambda item: (-item[2], item[0]))
