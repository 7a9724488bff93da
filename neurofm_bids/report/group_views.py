"""Tables of the cohort as the group report prints them: few digits, titles of columns, links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_NAMES_OF_SCANS = ("scan", "other_scan")
_UNKNOWN = "n/a"


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
    """The first rows of a table, and how many it has; ``file`` is the name of its table among the outputs."""

    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    file: str


def view(
    name: str,
    table: GroupTable,
    links: Mapping[str, str],
    *,
    leave_out: Sequence[str] = (),
    rows: pd.DataFrame | None = None,
) -> View:
    """Return what is printed of a table.

    Parameters
    ----------
    name
        Of the table.
    links
        Page of a participant relative to the report, by ``participant_id``.
    leave_out
        Columns that are not printed; columns without any value are not, either.
    rows
        The rows to print, all if not given.
    """
    frame = table.frame if rows is None else rows
    names = [
        str(column) for column in frame.columns if column not in leave_out and frame[column].notna().any()
    ]
    if "scan" in names and "participant_id" in names:
        names = [one for one in names if one not in {"participant_id", "session_id"}]
    pages = [links.get(str(one), "") for one in frame.get("participant_id", [""] * len(frame))]
    shown = frame[names].head(MOST_ROWS)
    body = tuple(
        tuple(_cell(column, value, page) for column, value in zip(names, row, strict=True))
        for row, page in zip(shown.itertuples(index=False, name=None), pages, strict=False)
    )
    heads = tuple(_head(column, table, shown[column]) for column in names)
    return View(heads, body, len(frame), name)


def _head(column: str, table: GroupTable, values: pd.Series) -> Head:
    entry = table.columns.get(column, {})
    unit = unit_of(entry, is_volume=False)[0]
    is_number = bool(values.map(lambda cell: _is_number(cell) or cell is None).all())
    return Head(str(entry.get("LongName", column)), unit, str(entry.get("Description", "")), is_number)


def _cell(column: str, value: object, page: str) -> Cell:
    text = _text(value)
    if column in _NAMES_OF_SCANS and text != _UNKNOWN:
        text = scan_stem(PurePosixPath(text).name)
    return Cell(text, page if column in {"scan", "participant_id"} else "")


def _text(value: object) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
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
