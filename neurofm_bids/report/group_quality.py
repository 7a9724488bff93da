"""The judgements and flags of a cohort as the group report shows them, from the table of quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from neurofm_bids.records.columns import QUALITY_REASONS, QUALITY_STATUS
from neurofm_bids.records.judgement import STATUSES
from neurofm_bids.report.group_views import Cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["count_flags", "count_statuses", "scans_to_check"]

_CHECK = "group_check"


def count_statuses(quality: pd.DataFrame) -> list[tuple[str, int]]:
    """Return how many scans have each status."""
    counts = Counter(quality[QUALITY_STATUS])
    return [(status, counts[status]) for status in STATUSES]


def scans_to_check(
    quality: pd.DataFrame, names: list[str], links: Mapping[str, str]
) -> list[tuple[Cell, str, str]]:
    """Return the scans that failed, need a look or stand out in the cohort, each with status and reason.

    Parameters
    ----------
    quality
        The table, n rows.
    names
        Of the n scans.
    links
        Page of a participant relative to the report, by ``participant_id``.
    """
    checks = quality[_CHECK] if _CHECK in quality else [None] * len(quality)
    columns = (quality["participant_id"], quality[QUALITY_STATUS], quality[QUALITY_REASONS], checks)
    rows = []
    for name, person, status, reasons, check in zip(names, *columns, strict=True):
        why = [reasons] if status != "ok" and _has(reasons) else []
        why += [f"In the cohort: {check}."] if _has(check) else []
        if status != "ok" or why:
            text = " ".join(map(str, why)).replace("mm^3", "mm³")
            rows.append((Cell(name, links.get(str(person), "")), str(status), text))
    return sorted(rows, key=lambda row: -STATUSES.index(row[1]))


def count_flags(quality: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Return the name of each flag, how many scans have it and how many of them fail; most frequent first."""
    counts: Counter[str] = Counter()
    failing: Counter[str] = Counter()
    for flags, status in zip(quality["flags"], quality[QUALITY_STATUS], strict=True):
        names = set(str(flags).split(";")) if _has(flags) else set()
        counts.update(names)
        failing.update(names if status == "fail" else ())
    return sorted(
        ((name, n, failing[name]) for name, n in counts.items()), key=lambda item: (-item[1], item[0])
    )


def _has(cell: object) -> bool:
    return isinstance(cell, str) and cell not in {"", "n/a"}
