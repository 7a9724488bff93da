"""Tables of a dataset, read as a person reads them; what is not certain is left out, with a warning."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from neurofm_bids.bids.sheets import KEYS, Sheet, is_known, label_of, listed, read_sheet, warn_of_lines
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.tables import cell

__all__ = ["ByLabel", "Row", "read_table", "unpadded"]

_log = logging.getLogger(__name__)

Row = dict[str, str]
_T = TypeVar("_T")
_Sessions = Callable[[str], Counter[str]]

_SESSION_NAMES = ("session", "ses")  # of a column that may hold sessions, or their number


class ByLabel(Generic[_T]):
    """What a table says of each label, found without regard to zero padding where that is unique.

    Parameters
    ----------
    values
        By label, without prefix.

    Attributes
    ----------
    values
        The same.
    """

    def __init__(self, values: Mapping[str, _T]) -> None:
        self.values = values
        self._alike: dict[str, list[str]] = {}
        for label in values:
            self._alike.setdefault(unpadded(label), []).append(label)

    def get(self, label: str, labels: Counter[str]) -> _T | None:
        """Return the value of a label, or else of the only one that differs from it in zero padding.

        Parameters
        ----------
        labels
            Of the dataset, counted without zero padding: none may be mistaken for another.
        """
        plain = unpadded(label)
        alike = self._alike.get(plain, []) if labels[plain] < 2 else []
        return self.values.get(label, self.values[alike[0]] if len(alike) == 1 else None)


@lru_cache(maxsize=1024)  # the labels of a scan are asked for again and again
def unpadded(label: str) -> str:
    """Return a label without leading zeros in its numbers.

    >>> unpadded("01"), unpadded("CON007b00"), unpadded("100")
    ('1', 'CON7b0', '100')
    """
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", label)


def read_table(
    path: Path, *keys: str, sessions: _Sessions = lambda _: Counter()
) -> dict[tuple[str, ...], Row]:
    """Return the rows of a table by the labels in its key columns, of which the first must be there.

    The table may be written by hand or by other programs: with tabs, commas, semicolons or blanks between its
    cells, in UTF-8, UTF-16 or Windows-1252, with quotation marks, row names (R) and any kind of line end.
    Rows with the same labels and columns with the same name are merged; where they differ there is no value.
    All that is left out is named in a warning. A table that does not exist or cannot be used is empty.

    Parameters
    ----------
    keys
        Names of columns in lower case: ``participant_id``, ``session_id``, ``filename``. A column ``session``
        or ``ses`` takes the place of ``session_id`` where participants are repeated, or where its values are
        sessions of the participants and not their number.
    sessions
        Counts the sessions in the dataset of a participant, by label without zero padding.
    """
    if not os.path.lexists(path):
        return {}
    try:
        sheet = read_sheet(path, keys[0])
    except NeuroFMError as error:
        _log.warning("%s: its values are not used. %s", error.reason, error.fix)
        return {}
    if not sheet.lines:
        _log.warning("%s has no rows that can be used.", sheet.name)
    named = {"session_id": _session_column(sheet, keys[0], sessions)} if "session_id" in keys[1:] else {}
    return _merged(sheet, [(named.get(key, key), key) for key in keys])


def _merged(sheet: Sheet, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, ...], Row]:
    """Return the rows by label; where rows of one label differ, the cell is ``n/a``.

    Parameters
    ----------
    keys
        Name of each key column, and the key whose labels it holds.
    """
    table: dict[tuple[str, ...], Row] = {}
    differing: dict[str, dict[str, Row]] = {}
    unclear = []
    columns = [sheet.labels(name, key) for name, key in keys]
    for (number, cells), *found in zip(sheet.lines, *columns, strict=True):
        key = tuple(next(iter(labels), "") for labels in found)
        if any(len(labels) > 1 for labels in found):
            unclear.append(number)
        elif key[0]:
            row = table.setdefault(key, {})
            for name in _add(row, zip(sheet.columns, cells, strict=True)):
                differing.setdefault(name, {})[" ".join(key).strip()] = row
    warn_of_lines(sheet.name, unclear, "two columns for one label, which differ")
    for name, rows in differing.items():
        text = "%s has several values of %s for %s: none is used. Fix the table."
        _log.warning(text, sheet.name, cell(name), listed(list(rows)))
        for row in rows.values():
            row[name] = "n/a"
    return table


def _session_column(sheet: Sheet, first: str, sessions: _Sessions) -> str:
    """Return the name of the column that holds the sessions of the rows."""
    labels = [label for one in sheet.labels(first, first) for label in one]
    if not sheet.has("session_id"):
        for name in filter(sheet.has, _SESSION_NAMES):
            if len(set(labels)) < len(labels) or _has_sessions(sheet, name, first, sessions):
                return name
    return "session_id"


def _has_sessions(sheet: Sheet, name: str, first: str, sessions: _Sessions) -> bool:
    """Tell whether the values of a column are sessions of the participants; 1, 2 and so on may be counts."""
    rows = zip(sheet.labels(first, first), sheet.cells(name), strict=True)
    values = [(sessions(label), text) for labels, texts in rows for label in labels for text in texts]
    values = [(having, text) for having, text in values if having and is_known(text)]
    if all(text == str(having.total()) for having, text in values):
        return False
    return all(unpadded(label_of("session_id", text)) in having for having, text in values)


def _add(row: Row, cells: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Add the cells of a line to a row; yield the columns that have another value there."""
    for name, value in cells:
        if not name or name.lower() in KEYS:
            continue
        known = row.setdefault(name, value)
        if not is_known(known):
            row[name] = value
        elif is_known(value) and value != known:
            yield name
