"""The group report: one HTML file about all scans of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurofm_bids import __version__
from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.columns import AGE_GAP, AGE_REMARKS, KNOWN_AGE, MASK_VOLUME
from neurofm_bids.records.dictionary import column as dictionary_column
from neurofm_bids.records.statistics import Ages, Agreement, Statistics
from neurofm_bids.report.charts import plot_agreement
from neurofm_bids.report.fitted_tasks import FittedTasks, fitted_context
from neurofm_bids.report.group_figures import Strip, plot_components, plot_strips
from neurofm_bids.report.group_quality import count_flags, count_statuses, scans_to_check
from neurofm_bids.report.render import render

__all__ = ["render_group_report"]

_MAX_ROWS = 2000
_UNKNOWN = "n/a"
_SIGN_OF_BOUND = {KNOWN_AGE: "≥ ", AGE_GAP: "≤ "}


def render_group_report(
    cohort: Cohort,
    statistics: Statistics,
    links: Mapping[str, str],
    command: str = "",
    tables: Sequence[str] = (),
    checks: Sequence[str | None] = (),
    fitted: FittedTasks | None = None,
) -> str:
    """Return the report as HTML, one page that needs no other file; equal cohorts give equal pages.

    Parameters
    ----------
    cohort
        Has at least one scan.
    statistics
        Over its scans, in their order.
    links
        Page of a participant relative to the report, by label, where there is one.
    command
        The command line, if known.
    tables
        Names of the files beside the report.
    checks
        Why each scan stands out in the cohort, None where it does not; in the order of the scans.
    fitted
        The tasks that were fitted, if any.
    """
    about = {"cohort": cohort, "links": links, "command": command, "tables": tables}
    about |= {"judged": count_statuses(cohort), "to_check": scans_to_check(cohort, checks)}
    about |= fitted_context(fitted)
    return render("group.html.j2", about | _context(cohort) | _figures(cohort, statistics))


def _context(cohort: Cohort) -> dict[str, Any]:
    assert cohort.made is not None
    flagged = [member for member in cohort.members if member.flags]
    versions = {**cohort.made.software, "NeuroFM-BIDS (group level)": __version__}
    places = _shown(cohort)
    columns = [_cells(cohort, name, places) for name in _table_columns(cohort)]
    return {
        "model": cohort.made.model,
        "n_scans": len(cohort.members),
        "n_participants": len({member.scan.subject for member in cohort.members}),
        "n_flagged": len(flagged),
        "n_serious": sum(any(flag.severity == "serious" for flag in scan.flags) for scan in flagged),
        "n_left_out": int((~cohort.included).sum()),
        "flag_counts": count_flags(flagged),
        "heads": [_head(cohort, name) for name in _table_columns(cohort)],
        "lines": [(cohort.members[place], cells) for place, *cells in zip(places, *columns, strict=True)],
        "max_rows": _MAX_ROWS,
        "versions": sorted(versions.items(), key=lambda item: item[0].lower()),
    }


def _figures(cohort: Cohort, statistics: Statistics) -> dict[str, Any]:
    from markupsafe import Markup

    names = tuple(member.scan.stem for member in cohort.members)
    ages, agreement, components = statistics.ages, statistics.agreement, statistics.components
    compared = np.flatnonzero(ages.compared)
    pictures = {
        "predictions_figure": _draw_strips(
            cohort, statistics, (*cohort.predicted, MASK_VOLUME), "predictions"
        ),
        "quality_figure": _draw_strips(cohort, statistics, cohort.metrics, "quality"),
        "age_figure": agreement
        and plot_agreement(
            ages.chronological[compared],
            ages.predicted[compared],
            [names[place] for place in compared],
            ("chronological age (years)", "predicted age (years)"),
            "ages",
            f"Predicted against chronological age (n = {agreement.n})",
            agreement.outliers,
        ),
        "components_figure": components
        and plot_components(
            components, ages.chronological, names, "Scans in the plane of the first two components"
        ),
    }
    return {
        **{name: Markup(svg) if svg else None for name, svg in pictures.items()},  # our own SVG
        "agreement": agreement,
        "agreement_rows": _agreement_rows(agreement, ages) if agreement else [],
        "not_compared": _not_compared(ages),
        "components": components,
    }


def _draw_strips(cohort: Cohort, statistics: Statistics, columns: Sequence[str], name: str) -> str | None:
    if not columns:
        return None
    return plot_strips(
        [_strip(cohort, statistics, column) for column in columns],
        name,
        f"Distribution over scans: {', '.join(_title(cohort, column) for column in columns)}",
    )


def _strip(cohort: Cohort, statistics: Statistics, column: str) -> Strip:
    values = cohort.values(column)
    unit, factor = _unit(cohort, column)
    places = np.flatnonzero(np.isfinite(values))
    names = tuple(cohort.members[place].scan.stem for place in places)
    summary = statistics.summaries.get(column)
    far = np.searchsorted(places, summary.outliers).tolist() if summary else ()
    return Strip(_title(cohort, column), unit, values[places] * factor, names, far)


def _title(cohort: Cohort, column: str) -> str:
    return str(cohort.columns.get(column, {}).get("LongName", column))


def _unit(cohort: Cohort, column: str) -> tuple[str, float]:
    """Return the unit to show and the factor to it: volumes in millilitres, as clinicians read them."""
    unit = str(cohort.columns.get(column, {}).get("Units", "arbitrary"))
    if unit == "mm^3" and column in {*cohort.predicted, MASK_VOLUME}:
        return "ml", 1e-3
    return {"year": "years"}.get(unit, unit), 1.0


def _agreement_rows(agreement: Agreement, ages: Ages) -> list[tuple[str, str]]:
    counts = ages.counts()
    optional = (
        ("Scans left out: age not known", counts["n_age_unknown"]),
        ("Scans left out: the age is a lower bound, such as 89+", counts["n_lower_bound"]),
        ("Scans compared with an age that is not of their session", counts["n_not_of_session"]),
    )
    return [
        ("Scans compared (n)", f"{agreement.n:,}"),
        *((what, f"{count:,}") for what, count in optional if count),
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


def _not_compared(ages: Ages) -> str:
    """Return why no scan can be compared."""
    if np.isnan(ages.predicted).all():
        return "The model does not predict age."
    if np.isnan(ages.chronological).all():
        return "No chronological ages are known."
    if ages.lower_bound[np.isfinite(ages.chronological)].all():
        return "All known chronological ages are lower bounds, such as 89+, which are not compared."
    return "No scan has both a predicted and a known chronological age that is not a lower bound."


def _shown(cohort: Cohort) -> list[int]:
    """Return the places of all scans or, where there are too many for a page, of those with flags first."""
    places = list(range(len(cohort.members)))
    if len(places) > _MAX_ROWS:
        places.sort(key=lambda place: not cohort.members[place].flags)
    return places[:_MAX_ROWS]


def _table_columns(cohort: Cohort) -> tuple[str, ...]:
    known = np.isfinite(cohort.values(KNOWN_AGE)).any()
    first, rest = cohort.predicted[:1], cohort.predicted[1:]
    return (*first, *((KNOWN_AGE, AGE_GAP) if known else ()), *rest, MASK_VOLUME)


def _head(cohort: Cohort, column: str) -> tuple[str, str, str]:
    unit = _unit(cohort, column)[0]
    about = str(cohort.columns.get(column, {}).get("Description", ""))
    return _title(cohort, column), "" if unit in {"1", "arbitrary"} else unit, about


def _cells(cohort: Cohort, column: str, places: Sequence[int]) -> list[tuple[str, str, bool]]:
    """Return text, title and whether out of range for some scans of a column."""
    unit, factor = _unit(cohort, column)
    values, low, high = (cohort.recorded(column + end) * factor for end in ("", "_lower95", "_upper95"))
    if column == AGE_GAP:
        values = cohort.ages.gap  # the tables have none to a lower bound, of which the report shows the limit
    form = {"ml": ",.0f", "years": "+.1f" if column == AGE_GAP else ".1f"}.get(unit, ".2f")
    cells = [
        _cell(values[place], (low[place], high[place]), form, column in _marked(cohort.members[place]))
        for place in places
    ]
    if column not in _SIGN_OF_BOUND:
        return cells
    return [_limited(cell, column, cohort.members[p]) for p, cell in zip(places, cells, strict=True)]


def _marked(member: Member) -> tuple[str, ...]:
    """Return the columns whose numbers are shown in red."""
    return *member.out_of_range, *member.left_out


def _limited(cell: tuple[str, str, bool], column: str, member: Member) -> tuple[str, str, bool]:
    """Return the cell of an age or gap with what limits it."""
    if not (remarks := member.age_remarks):
        return cell
    levels = dictionary_column(AGE_REMARKS)["Levels"]
    sign = _SIGN_OF_BOUND[column] if "lower_bound" in remarks and cell[0] != _UNKNOWN else ""
    return sign + cell[0], "; ".join(levels[name] for name in remarks), cell[2]


def _cell(value: float, limits: tuple[float, float], form: str, outside: bool) -> tuple[str, str, bool]:
    if np.isnan(value):
        return _UNKNOWN, "not known", outside
    if form == ",.0f" and abs(value) < 100:
        form = ",.1f"
    low, high = (f"{limit:{form}}" for limit in limits)
    title = "" if np.isnan(limits).any() else f"95% interval over passes: {low} to {high}"
    return f"{value:{form}}", title, outside
