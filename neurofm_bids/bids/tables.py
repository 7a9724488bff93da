"""Tables of a dataset, read as a person reads them; what is not certain is left out, with a warning."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from neurofm_bids.bids.problems import file_problem
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.tables import cell
from neurofm_bids.storage.text import read_bytes, some_of

__all__ = ["ByLabel", "Row", "is_known", "label_of", "listed", "read_table", "unpadded"]

_log = logging.getLogger(__name__)

Row = dict[str, str]
_T = TypeVar("_T")
_Lines = list[tuple[int, list[str]]]  # the cells of lines, with the number of each line in its file

_PREFIXES = {"participant_id": "sub-", "session_id": "ses-", "filename": ""}  # of the labels in key columns
_SESSION_NAMES = ("session", "ses")  # of a column that tells the rows of a participant apart
_MISSING = {"", "n/a", "na", "nan", "<na>", "#n/a"}  # as written by people, R, pandas and spreadsheets
_SEPARATORS = "\t,; "


class ByLabel(Generic[_T]):
    """What a table says of each label, found without regard to zero padding where that is unique.

    Parameters
    ----------
    values
        By label, without prefix.
    """

    def __init__(self, values: Mapping[str, _T]) -> None:
        self._values = values
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
        return self._values.get(label, self._values[alike[0]] if len(alike) == 1 else None)


def unpadded(label: str) -> str:
    """Return a label without leading zeros in its numbers.

    >>> unpadded("01"), unpadded("CON007b00"), unpadded("100")
    ('1', 'CON7b0', '100')
    """
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", label)


def is_known(value: str) -> bool:
    """Tell whether a cell has a value."""
    return value.lower() not in _MISSING


def label_of(key: str, text: str) -> str:
    """Return the label in a key column; an image is known by its name, whether compressed or not.

    >>> label_of("participant_id", "sub-01"), label_of("filename", "a/b.nii.gz")
    ('01', 'b.nii')
    """
    if key == "filename":
        return PurePosixPath(text).name.removesuffix(".gz")
    return text.removeprefix(_PREFIXES[key]) if is_known(text) else ""


def listed(names: Sequence[str]) -> str:
    """Return the first of many names in one phrase that is fit for a log.

    >>> listed(["a", "b"]), listed("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    return some_of(names, lambda name: cell(name)[:50])


def read_table(path: Path, *keys: str) -> dict[tuple[str, ...], Row]:
    """Return the rows of a table by the labels in its key columns, of which the first must be there.

    The table may be written by hand or by other programs: with tabs, commas, semicolons or blanks between its
    cells, in UTF-8, UTF-16 or Windows-1252, with quotation marks, row names (R) and any kind of line end.
    Rows with the same labels and columns with the same name are merged; where they differ there is no value.
    All that is left out is named in a warning. A table that does not exist or cannot be used is empty.

    Parameters
    ----------
    keys
        Names of columns in lower case: ``participant_id``, ``session_id``, ``filename``. Where participants
        are repeated, a column ``session`` or ``ses`` takes the place of ``session_id``.
    """
    if not os.path.lexists(path):
        return {}
    try:
        return _merged(_sheet(path, keys[0]), keys)
    except NeuroFMError as error:
        _log.warning("%s: its values are not used. %s", error.reason, error.fix)
        return {}


@dataclass(frozen=True)
class _Sheet:
    """The cells of a table: names of columns, equal ones spelled alike, and as many cells in each line."""

    name: str
    columns: list[str]
    lines: _Lines

    def has(self, name: str) -> bool:
        return any(column.lower() == name for column in self.columns)

    def labels(self, name: str, key: str) -> list[set[str]]:
        """Return the labels that each line has in the columns of this name."""
        places = [place for place, column in enumerate(self.columns) if column.lower() == name]
        return [{label_of(key, cells[place]) for place in places} - {""} for _, cells in self.lines]


def _merged(sheet: _Sheet, keys: Sequence[str]) -> dict[tuple[str, ...], Row]:
    """Return the rows by label; where rows of one label differ, the cell is ``n/a``."""
    table: dict[tuple[str, ...], Row] = {}
    differing: dict[str, dict[str, Row]] = {}
    unclear = []
    columns = [sheet.labels(_name(sheet, key, keys[0]), key) for key in keys]
    for (number, cells), *found in zip(sheet.lines, *columns, strict=True):
        key = tuple(next(iter(labels), "") for labels in found)
        if any(len(labels) > 1 for labels in found):
            unclear.append(number)
        elif key[0]:
            row = table.setdefault(key, {})
            for name in _add(row, zip(sheet.columns, cells, strict=True)):
                differing.setdefault(name, {})[" ".join(key).strip()] = row
    _warn_of_lines(sheet.name, unclear, "two columns for one label, which differ")
    for name, rows in differing.items():
        text = "%s has several values of %s for %s: none is used. Fix the table."
        _log.warning(text, sheet.name, cell(name), listed(list(rows)))
        for row in rows.values():
            row[name] = "n/a"
    return table


def _name(sheet: _Sheet, key: str, first: str) -> str:
    """Return the name that a key column has in a table."""
    labels = [label for one in sheet.labels(first, first) for label in one]
    if key != "session_id" or sheet.has(key) or len(set(labels)) == len(labels):
        return key
    return next(filter(sheet.has, _SESSION_NAMES), key)


def _add(row: Row, cells: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Add the cells of a line to a row; yield the columns that have another value there."""
    for name, value in cells:
        if not name or name.lower() in _PREFIXES:
            continue
        known = row.setdefault(name, value)
        if not is_known(known):
            row[name] = value
        elif is_known(value) and value != known:
            yield name


def _warn_of_lines(name: str, numbers: Sequence[int], why: str) -> None:
    if numbers:
        lines = f"line{'s' * (len(numbers) > 1)} {listed([str(number) for number in numbers])}"
        _log.warning("%s, %s: %s. Not used: fix the table.", name, lines, why)


def _sheet(path: Path, key: str) -> _Sheet:
    """Return the cells of a table; raise NeuroFMError if it cannot be used."""
    text = re.sub(r"\r\n?", "\n", _text(path))
    separator, columns = _head(path, text, key)
    lines = [(number, cells) for number, cells in _split(text, separator) if any(cells)][1:]
    place, width = columns.index(key), len(columns)
    if lines and all(len(cells) == width + 1 and cells[place + 1].startswith("sub-") for _, cells in lines):
        lines = [(number, cells[1:]) for number, cells in lines]  # names of rows, as R writes them
    if separator == " ":  # a cell that is missing would move the others into its column
        _warn_of_lines(path.name, [n for n, c in lines if len(c) < width], "fewer cells than columns")
        lines = [(number, cells) for number, cells in lines if len(cells) >= width]
    long = [number for number, cells in lines if any(cells[width:])]
    _warn_of_lines(path.name, long, "more cells than columns")
    padding = [""] * width
    return _Sheet(path.name, columns, [(n, [*c, *padding][:width]) for n, c in lines if not any(c[width:])])


def _head(path: Path, text: str, key: str) -> tuple[str, list[str]]:
    """Return what separates the cells of a table, and the names of its columns, with one spelling of each."""
    line = next((line for line in text.split("\n") if line.strip()), "")
    for separator in _SEPARATORS:
        spelled = {"": "", **{name: name for name in _PREFIXES}}
        columns = [spelled.setdefault(name.lower(), name) for name in _cells(line, separator)]
        if key in columns:
            return separator, columns
    raise NeuroFMError(f"{path.name} has no column {key}", fix="Add the column.")


def _split(text: str, separator: str) -> _Lines:
    """Return the cells of each line; quotation marks count where they are paired."""
    try:
        lines = [(number, cells) for number, cells in _read(io.StringIO(text), separator)]
        if not any("\n" in c and separator in c for _, cells in lines for c in cells):
            return lines
    except csv.Error:
        pass
    return [(number, _cells(line, separator)) for number, line in enumerate(text.split("\n"), 1)]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next((cells for _, cells in _read([line], separator)), [])
    except csv.Error:
        return [cell.strip() for cell in line.split(separator)]


def _read(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=separator == " ")
    for cells in reader:
        yield reader.line_num, [cell.strip() for cell in cells]


def _text(path: Path) -> str:
    """Return the text of a table, with a warning if its encoding is assumed."""
    what, fix = file_problem(path, "table") or ("", "Check the file.")
    try:
        content = b"" if what else read_bytes(path)
    except OSError as error:
        what = str(error.strerror)
    if what:
        raise NeuroFMError(f"{path.name} cannot be read ({what})", fix=fix)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(content[: error.start + 1].splitlines())
        _log.warning("%s, line %d: not UTF-8. The table is read as Windows-1252 (Latin-1).", path.name, line)
        return content.decode("cp1252", "replace")
