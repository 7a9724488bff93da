"""The judgements and flags of a cohort as the group report shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.columns import QUALITY_REASONS, QUALITY_STATUS
from neurofm_bids.records.judgement import STATUSES

__all__ = ["count_flags", "count_statuses", "scans_to_check"]


def count_statuses(cohort: Cohort) -> list[tuple[str, int]]:
    """Return how many scans have each status."""
    counts = Counter(member.flag_cells[QUALITY_STATUS] for member in cohort.members)
    return [(status, counts[status]) for status in STATUSES]


def scans_to_check(cohort: Cohort, checks: Sequence[str | None]) -> list[tuple[Member, str, str]]:
    """Return the scans that failed, need a look or stand out in the cohort, each with status and reason."""
    rows = []
    for member, check in zip(cohort.members, checks or [None] * len(cohort.members), strict=True):
        status = str(member.flag_cells[QUALITY_STATUS])
        why = [member.flag_cells[QUALITY_REASONS]] if status != "ok" else []
        why += [f"In the cohort: {check}."] if check else []
        if why:
            rows.append((member, status, " ".join(str(text) for text in why if text)))
    return sorted(rows, key=lambda row: -STATUSES.index(row[1]))


def count_flags(members: Iterable[Member]) -> list[tuple[str, str, int]]:
    """Return name, severity and number of scans of each flag, the most frequent first."""
    counts = Counter(
        key for member in members for key in {(flag.name, flag.severity) for flag in member.flags}
    )
    return sorted(((*key, count) for key, count in counts.items()), key=lambda item: (-item[2], item[:2]))
