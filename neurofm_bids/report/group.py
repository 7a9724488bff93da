"""The group report: one HTML file about all scans of a cohort, from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import IDENTITY_COLUMNS
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.report.assets import (
    PLOTS,
    group_policy,
    group_script,
    plots_code,
    plots_licence,
)
from neurofm_bids.report.fitted_tasks import FittedTasks, fitted_context
from neurofm_bids.report.group_analyses import printed_analyses
from neurofm_bids.report.group_columns import GroupTable, Tables, labels, preferred, scan_columns
from neurofm_bids.report.group_pack import pack
from neurofm_bids.report.group_plots import plots_of
from neurofm_bids.report.group_quality import count_flags, count_statuses, scans_to_check
from neurofm_bids.report.group_scans import main_columns, scans_view
from neurofm_bids.report.group_statistics import (
    age_rows,
    centile_view,
    not_compared,
    summary_view,
    volume_columns,
)
from neurofm_bids.report.group_views import MOST_ROWS
from neurofm_bids.report.render import render

__all__ = ["render_group_report"]


def render_group_report(
    tables: Tables,
    cohort: Cohort,
    links: Mapping[str, str],
    command: str = "",
    files: Sequence[str] = (),
    fitted: FittedTasks | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Return the report as HTML, one page that needs no other file; equal tables give equal pages.

    Parameters
    ----------
    tables
        By name in ``bids.names.GROUP_OUTPUTS``; those of predictions, quality and statistics are there, with
        at least one scan.
    cohort
        Which model the scans are of, which are missing, what to warn of.
    links
        Page of a participant relative to the report, by label, where there is one.
    command
        The command line, if known.
    files
        Names of the files beside the report.
    fitted
        The tasks that were fitted, if any.
    remarks
        Sentences on what analyses did not do, and why.
    """
    pages = {f"sub-{subject}": link for subject, link in links.items()}
    context = {
        "cohort": cohort,
        "command": command,
        "files": files,
        "has_pages": bool(pages),
        "max_rows": MOST_ROWS,
        "analyses": printed_analyses(tables, pages, remarks),
        "remarks": remarks,
    }
    context |= _facts(tables, cohort) | _printed(tables, pages) | _interactive(tables, pages)
    return render("group.html.j2", context | fitted_context(fitted))


def _facts(tables: Tables, cohort: Cohort) -> dict[str, Any]:
    assert cohort.made is not None
    quality = tables["quality"].frame
    versions = {**cohort.made.software, "NeuroFM-BIDS (group level)": __version__}
    return {
        "model": cohort.made.model,
        "n_scans": len(quality),
        "n_participants": quality["participant_id"].nunique(),
        "n_flagged": int((quality["n_flags"] > 0).sum()),
        "n_serious": int((quality["n_serious_flags"] > 0).sum()),
        "n_left_out": int((~cohort.included).sum()),
        "n_features": cohort.features.shape[1],
        "judged": count_statuses(quality),
        "versions": sorted(versions.items(), key=lambda item: item[0].lower()),
        "policy": group_policy(),
        "script": group_script(),
        "library_code": plots_code(),
        "library": PLOTS,
        "library_licence": plots_licence(),
    }


def _printed(tables: Tables, pages: Mapping[str, str]) -> dict[str, Any]:
    """Return what is printed in tables."""
    predictions, quality = tables["predictions"], tables["quality"]
    statistics = tables["statistics"].frame
    known: dict[str, Entry] = {**quality.columns, **predictions.columns}
    measures = list(statistics["measure"].unique())
    predicted = [name for name in measures if name in predictions.frame]
    ages = age_rows(statistics)
    return {
        "predictions_view": summary_view(statistics, known, predicted),
        "metrics_view": summary_view(statistics, known, [name for name in measures if name not in predicted]),
        "agreement_rows": ages,
        "not_compared": "" if ages else not_compared(predictions.frame),
        "n_compared": _count(statistics),
        "explained": _explained(statistics),
        "to_check": scans_to_check(quality.frame, labels(tables), pages),
        "flag_counts": count_flags(quality.frame),
        "centiles_view": centile_view(tables["centiles"]) if "centiles" in tables else None,
        "scans_view": scans_view(tables, pages),
    }


def _count(statistics: Any) -> int:
    own = statistics[(statistics["measure"] == "age_agreement") & (statistics["statistic"] == "mae")]
    return int(own["n"].iloc[0]) if len(own) else 0


def _explained(statistics: Any) -> list[str]:
    """Return the shares of the variance of the components, as they are written."""
    own = statistics[statistics["statistic"] == "explained_variance"]
    return [f"{100 * float(value):.0f}%" for value in own["value"]]


def _interactive(tables: Tables, pages: Mapping[str, str]) -> dict[str, Any]:
    """Return the packed scans and which plots are drawn of them."""
    from markupsafe import Markup

    predictions = tables["predictions"].frame
    columns = scan_columns(tables, pages)
    packed = pack(columns, preferred(tables), [str(scan) for scan in predictions["scan"]])
    groups: dict[str, list[str]] = {}
    for column in columns:
        if column.name in packed.numbers:
            groups.setdefault(column.group, []).append(column.name)
    has_sessions = predictions["participant_id"].duplicated().any()
    return {
        "packed": Markup(packed.text),  # base64
        "n_packed": packed.places.size,
        "too_many_levels": packed.left_out,
        "plots": plots_of(packed.names, groups, has_sessions=bool(has_sessions)),
        "heat": _heat(tables, packed.names),
        "scan_columns": main_columns(predictions),
    }


def _heat(tables: Tables, names: Sequence[str]) -> list[str]:
    centiles: GroupTable | None = tables.get("centiles")
    columns = volume_columns(centiles) if centiles else []
    return [name for name in columns if name in names and name not in IDENTITY_COLUMNS]
