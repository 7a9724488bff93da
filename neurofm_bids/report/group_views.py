"""Tables of the cohort as the group report prints them: few digits, titles of columns, links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.report.group_columns import GroupTable, unit_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "Cell", "Head", "View", "number_text", "view"]

MOST_ROWS = 300
_NAMES_OF_SCANS = ("scan", "other_scan", "neighbour")
_UNITS = "units"
_NAMES_OF_COLUMNS = ("measure", "column", "outcome")
_CHANGE, _DRIFT = "reliable_change_index", "is_drift"
_UNKNOWN = "n/a"
_SEPARATOR = re.compile(r";(?=\S)")


@dataclass(frozen=True)
class Head:
    """A column: title, unit, meaning, whether it has numbers."""

    title: str
    unit: str = ""
    about: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Cell:
    """A text, where it leads, what it says to whom asks, whether it is a value outside its range."""

    text: str
    link: str = ""
    about: str = ""
    is_outside: bool = False


@dataclass(frozen=True)
class View:
    """The first rows of a table, how many it has, its name among the outputs, and what it is."""

    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    file: str
    about: str = ""


def view(
    name: str,
    table: GroupTable,
    links: Mapping[str, str],
    titles: Mapping[str, str],
) -> View:
    """Return what is printed of a table.

    Parameters
    ----------
    name
        Of the table.
    links
        Page of a participant relative to the report, by ``participant_id``.
    titles
        Of columns of scans, by their name, for cells that name one.
    """
    frame = _ordered(table.frame)
    names = [str(column) for column in frame.columns if frame[column].notna().any()]
    if "scan" in names:
        names = [one for one in names if one not in {"participant_id", "session_id"}]
    shown = frame[names].head(MOST_ROWS)
    levels = [table.columns.get(column, {}).get("Levels", {}) for column in names]
    body = tuple(
        tuple(
            _cell(column, value, links, titles, meanings)
            for column, value, meanings in zip(names, row, levels, strict=True)
        )
        for row in shown.itertuples(index=False, name=None)
    )
    heads = tuple(_head(column, table, shown[column]) for column in names)
    return View(heads, body, len(frame), name, str(table.about.get("Description", "")))


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the largest changes first, or with what drifts first, by p-value."""
    if {_DRIFT, "p"} <= set(frame.columns):
        return frame.sort_values([_DRIFT, "p"], ascending=[False, True], kind="stable")
    if _CHANGE not in frame:
        return frame
    sizes = frame[_CHANGE].astype(float).abs()
    return frame.loc[sizes.sort_values(ascending=False, kind="stable").index]


def _head(column: str, table: GroupTable, values: pd.Series) -> Head:
    entry = table.columns.get(column, {})
    unit = unit_of(entry, is_volume=False)[0]
    is_number = bool((values.map(_is_number) | values.isna()).all())
    return Head(str(entry.get("LongName", column)), unit, str(entry.get("Description", "")), is_number)


def _cell(
    column: str,
    value: object,
    links: Mapping[str, str],
    titles: Mapping[str, str],
    levels: Mapping[str, str],
) -> Cell:
    text = _text(value)
    if column in _NAMES_OF_SCANS and text != _UNKNOWN:
        text = scan_stem(PurePosixPath(text).name)
        return Cell(text, links.get(text.split("_")[0], ""))
    if column == _UNITS:
        return Cell(unit_of({"Units": text}, is_volume=False)[0])
    if column == "participant_id":
        return Cell(text, links.get(text, ""))
    if column in _NAMES_OF_COLUMNS:
        return Cell(titles.get(text, text), about=text)
    if text in levels:
        return Cell(text.replace("_", " "), about=str(levels[text]))
    return Cell(_SEPARATOR.sub("; ", text))


def _text(value: object) -> str:
    import pandas as pd

    if pd.isna(value):
        return _UNKNOWN
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number_text(float(value)) if _is_number(value) else str(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def number_text(value: float) -> str:
    """Return a number with about four digits.

    >>> [number_text(value) for value in (12.0, 1234567.8, 0.123456, 0.00001234, 12.3456, -0.0)]
    ['12', '1,234,568', '0.1235', '1.23e-05', '12.35', '0']
    """
    if np.isnan(value):
        return _UNKNOWN
    if value == round(value) or abs(value) >= 1e4:
        return f"{value + 0.0:,.0f}"
    return f"{value:.2e}" if abs(value) < 1e-4 else f"{value:,.4g}"
