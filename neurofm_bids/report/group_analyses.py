"""The tables of analyses that the group report prints: their sections, titles and parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neurofm_bids.records.dictionary import Entry
from neurofm_bids.report.group_columns import GroupTable, Tables
from neurofm_bids.report.group_views import View, view

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Part", "PrintedAnalysis", "printed_analyses"]

_SECTIONS = {
    "findings": ("review",),
    "quality": ("drift",),
    "age": ("associations",),
    "embedding": ("clusterstability", "clusterprofile"),
    "sites": ("sites",),
    "change": ("mixedmodel", "change"),
}
_TITLES = {
    "review": "Findings across scans",
    "drift": "Drift",
    "associations": "Associations of the age gap",
    "clusterstability": "Stability of the clusters",
    "clusterprofile": "What distinguishes the clusters",
    "sites": "Differences between sites",
    "mixedmodel": "Change over the cohort",
    "change": "Change of each participant",
}
_IN_REMARKS = {"drift": "drift", "associations": "association"}  # words of remarks on what was not tested
_NOT_TESTED = "Nothing could be tested."
_KIND, _RECOGNITION = "kind", "balanced_accuracy"


@dataclass(frozen=True)
class Part:
    """Rows of a table with a heading of their own, if any, and whether they are folded away at first."""

    view: View
    heading: str = ""
    is_folded: bool = False


@dataclass(frozen=True)
class PrintedAnalysis:
    """A table as it is printed; without rows it has no parts, and ``empty`` says why."""

    name: str
    title: str
    about: str
    parts: tuple[Part, ...]
    total: int
    empty: str


@dataclass(frozen=True)
class _Rows:
    frame: pd.DataFrame
    columns: Mapping[str, Entry]
    about: Mapping[str, object] = field(default_factory=dict)


def printed_analyses(
    tables: Tables, pages: Mapping[str, str], remarks: Sequence[str]
) -> dict[str, list[PrintedAnalysis]]:
    """Return the tables of the analyses that are printed, by section.

    Parameters
    ----------
    tables
        By name; those of analyses that were not done are missing.
    pages
        Page of a participant relative to the report, by ``participant_id``.
    remarks
        Sentences on what analyses did not do, and why.
    """
    entries = [item for table in tables.values() for item in table.columns.items()]
    titles = {name: str(entry.get("LongName", name)) for name, entry in entries}
    return {
        section: [_printed(name, tables[name], pages, titles, remarks) for name in names if name in tables]
        for section, names in _SECTIONS.items()
    }


def _printed(
    name: str,
    table: GroupTable,
    pages: Mapping[str, str],
    titles: Mapping[str, str],
    remarks: Sequence[str],
) -> PrintedAnalysis:
    parts = tuple(
        Part(view(name, _Rows(frame, table.columns), pages, titles), heading, is_folded)
        for heading, frame, is_folded in _parts(name, table.frame)
    )
    about = str(table.about.get("Description", ""))
    return PrintedAnalysis(name, _TITLES[name], about, parts, len(table.frame), _empty(name, remarks))


def _empty(name: str, remarks: Sequence[str]) -> str:
    """Return what stands in place of a table without rows: what was not tested, or that none was found."""
    if name == "review":
        return "None."
    word = _IN_REMARKS.get(name)
    return " ".join(one for one in remarks if word and word in one.lower()) or _NOT_TESTED


def _parts(name: str, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, bool]]:
    """Yield heading, rows and whether they are folded away: features last, which are many without names."""
    if not len(frame):
        return
    if name != "sites" or not {_KIND, _RECOGNITION} <= set(frame.columns):
        yield "", frame, False
        return
    frame = _stages_together(frame)
    is_whole, kind = frame[_RECOGNITION].notna(), frame[_KIND]
    for heading, chosen, is_folded in (
        ("All features and all measures", is_whole, False),
        ("Measures", ~is_whole & (kind != "features"), False),
        ("Features", ~is_whole & (kind == "features"), True),
    ):
        if chosen.any():
            yield heading, frame[chosen].drop(columns=_KIND), is_folded


def _stages_together(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of one measure one after the other, before and after harmonisation."""
    import pandas as pd

    places = pd.Series(pd.factorize(frame["measure"])[0], index=frame.index)
    return frame.loc[places.sort_values(kind="stable").index]
