"""The columns of scans in the group report: which of which tables, under which heading, in which unit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.records.columns import (
    AGE_REMARKS,
    FLAG_COLUMNS,
    IDENTITY_COLUMNS,
    KNOWN_AGE,
    MASK_VOLUME,
    QUALITY_STATUS,
)
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.report.group_pack import ScanColumn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GroupTable", "Tables", "labels", "preferred", "scan_columns", "unit_of"]


class GroupTable(Protocol):
    """A table and the meaning of its columns."""

    @property
    def frame(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def columns(self) -> Mapping[str, Entry]: ...  # noqa: D102
    @property
    def about(self) -> Mapping[str, object]: ...  # noqa: D102


Tables = Mapping[str, GroupTable]

_PER_SCAN = {  # heading by table, in the order of the report
    "predictions": "Predictions",
    "agegap": "Age gap",
    "quality": "Quality",
    "outliers": "Outliers",
    "components": "Components and clusters",
    "clusters": "Components and clusters",
    "morphometry": "Volumes",
    "centiles": "Centiles",
    "readouts": "Readouts",
    "covariates": "Dataset",
    "harmonised": "Harmonised",
}
_OWN_MEANING = ("harmonised", "covariates")  # tables whose columns may have names of those of others
_FEATURE = re.compile(r"f\d{3,}")
_PARTS = ("_sd", "_lower95", "_upper95", "_confidence", "_z")
_IN_RANGE = "_in_range"
_CODED = ("flags", AGE_REMARKS)
_NOT_SHOWN = {"views", "readout_notes", "centile_notes"}
_IN_MILLILITRES = ("predictions", "morphometry", "harmonised")


def labels(tables: Tables) -> list[str]:
    """Return the name of each scan: that of its image, without suffix."""
    frame = tables["predictions"].frame
    names = (scan_stem(PurePosixPath(path if isinstance(path, str) else "").name) for path in frame["scan"])
    return [name or str(person) for name, person in zip(names, frame["participant_id"], strict=True)]


def scan_columns(tables: Tables, links: Mapping[str, str]) -> list[ScanColumn]:
    """Return the columns of scans, in the order of the table of predictions.

    Parameters
    ----------
    tables
        By name; that of predictions is there, one row per scan.
    links
        Page of a participant relative to the report, by ``participant_id``.
    """
    columns = [*_identity(tables, links), *_findings(tables), *_changes(tables)]
    taken = {column.name for column in columns}
    made = []
    for name, group in _PER_SCAN.items():
        if name not in tables:
            continue
        frame = _aligned(tables, tables[name].frame)
        for column in _chosen(name, frame):
            key = f"{name}:{column}" if name in _OWN_MEANING and column in taken else column
            if key not in taken:
                taken.add(key)
                made.append(_column(key, name, group, frame, column, tables[name].columns.get(column, {})))
    rank = {
        group: place for place, group in enumerate(["Scan", *dict.fromkeys(_PER_SCAN.values()), "Change"])
    }
    return sorted([*columns, *made], key=lambda column: rank[column.group])


def preferred(tables: Tables) -> npt.NDArray[np.bool_]:
    """Return the scans with a judgement other than ok or with a finding, shape (n,)."""
    judged = tables["predictions"].frame[QUALITY_STATUS]
    found = [judged.ne("ok"), *(column.values.notna() for column in _findings(tables))]
    flags: npt.NDArray[np.bool_] = np.stack([one.to_numpy(dtype=bool) for one in found]).max(axis=0)
    return flags


def unit_of(entry: Entry, *, is_volume: bool) -> tuple[str, float]:
    """Return the unit in which people read a column, and the factor to it.

    >>> unit_of({"Units": "mm^3"}, is_volume=True), unit_of({"Units": "year"}, is_volume=False)
    (('ml', 0.001), ('years', 1.0))
    """
    unit = str(entry.get("Units", ""))
    if unit == "mm^3" and is_volume:
        return "ml", 1e-3
    known = {"year": "years", "1": "", "arbitrary": "", "mm^3": "mm³", "percent": "%", "count": ""}
    return known.get(unit, unit.replace("^3", "³")), 1.0


def _identity(tables: Tables, links: Mapping[str, str]) -> Iterator[ScanColumn]:
    import pandas as pd

    frame, known = tables["predictions"].frame, tables["predictions"].columns
    for name in IDENTITY_COLUMNS[:2]:
        entry = known.get(name, {})
        title, about = str(entry.get("LongName", name)), str(entry.get("Description", ""))
        yield ScanColumn(name, title, "", about, "Scan", frame[name], is_name=True)
    own = pd.Series(labels(tables), dtype=object)
    yield ScanColumn("label", "Scan", "", "Name of the scan", "Scan", own, is_name=True)
    pages = frame["participant_id"].map(lambda name: links.get(str(name)))
    yield ScanColumn("link", "Report", "", "", "Scan", pages, is_name=True)


def _aligned(tables: Tables, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table in the order of the scans, empty ones where it has none."""
    scans = tables["predictions"].frame["scan"]
    if frame["scan"].equals(scans):
        return frame
    return frame.drop_duplicates("scan").set_index("scan").reindex(scans.to_list()).reset_index()


def _chosen(table: str, frame: pd.DataFrame) -> Iterator[str]:
    for column in map(str, frame.columns):
        if column in IDENTITY_COLUMNS or column in _NOT_SHOWN or column.endswith(_PARTS):
            continue
        if table == "harmonised" and _FEATURE.fullmatch(column):
            continue
        if table == "covariates" or table in {"predictions", "quality"} or column not in FLAG_COLUMNS:
            yield column


def _column(key: str, table: str, group: str, frame: pd.DataFrame, column: str, entry: Entry) -> ScanColumn:
    is_volume = column == MASK_VOLUME or table in _IN_MILLILITRES
    unit, factor = unit_of(entry, is_volume=is_volume)
    title, about = str(entry.get("LongName", column)), str(entry.get("Description", ""))
    title += ", harmonised" if key.startswith("harmonised:") and column != "site" else ""
    bound = AGE_REMARKS if column == KNOWN_AGE and AGE_REMARKS in frame else ""
    within = _range_column(frame, column)
    is_coded = column in _CODED and table not in _OWN_MEANING
    return ScanColumn(key, title, unit, about, group, frame[column], factor, within, bound, is_coded=is_coded)


def _range_column(frame: pd.DataFrame, column: str) -> str:
    """Return the name of the column that tells whether a prediction is in its range.

    >>> import pandas as pd
    >>> frame = pd.DataFrame(columns=["predicted_age_years", "predicted_age_years_in_range", "views"])
    >>> _range_column(frame, "predicted_age_years"), _range_column(frame, "views")
    ('predicted_age_years_in_range', '')
    """
    name = column + _IN_RANGE
    return name if name in frame.columns else ""


def _findings(tables: Tables) -> Iterator[ScanColumn]:
    """Yield the kinds of findings of each scan."""
    if "review" not in tables:
        return
    found = tables["review"].frame
    kinds: dict[str, dict[str, None]] = {}
    for scan, kind in zip(found["scan"], found["kind"], strict=True):
        kinds.setdefault(str(scan), {})[str(kind).replace("_", " ")] = None
    texts = {scan: "; ".join(names) for scan, names in kinds.items()}
    values = tables["predictions"].frame["scan"].map(lambda scan: texts.get(str(scan)))
    about = "Kinds of findings in the list to review"
    yield ScanColumn("findings", "Findings", "", about, "Quality", values)


def _changes(tables: Tables) -> Iterator[ScanColumn]:
    """Yield the change per year of each measure, of every scan of a participant."""
    if "change" not in tables or "change_per_year" not in tables["change"].frame:
        return
    table, people = tables["change"], tables["predictions"].frame["participant_id"]
    known = {str(name): entry for one in tables.values() for name, entry in one.columns.items()}
    for measure, rows in table.frame.groupby("measure", sort=False):
        entry = known.get(str(measure), {})
        unit, factor = unit_of(entry, is_volume=str(measure).endswith("_mm3"))
        values = people.map(dict(zip(rows["participant_id"], rows["change_per_year"], strict=True)))
        title = f"Change of {str(entry.get('LongName', measure)).lower()}"
        about = f"Change per year of {measure}, of the participant"
        yield ScanColumn(
            f"change:{measure}",
            title,
            f"{unit or '1'} per year",
            about,
            "Change",
            values,
            factor,
            is_personal=True,
        )
