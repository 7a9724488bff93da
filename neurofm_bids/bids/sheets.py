"""The cells of a table as people, spreadsheets, R and pandas write them."""

from __future__ import annotations

import csv
import io
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from neurofm_bids.bids.problems import file_problem
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.tables import cell
from neurofm_bids.storage.text import decoded, read_bytes, some_of

__all__ = ["KEYS", "Sheet", "is_known", "label_of", "listed", "read_sheet", "text_of", "warn_of_lines"]

_log = logging.getLogger(__name__)

_Lines = list[tuple[int, list[str]]]  # the cells of lines, with the number of each line in its file

_PREFIXES = {"participant_id": "sub-", "session_id": "ses-", "filename": ""}  # of the labels in key columns
KEYS = frozenset(_PREFIXES)  # names of columns that hold labels
_MISSING = {"", "n/a", "na", "nan", "<na>", "#n/a"}  # as written by people, R, pandas and spreadsheets
_SEPARATORS = "\t,; "


def is_known(value: str) -> bool:
    """Tell whether a cell has a value."""
    return value.lower() not in _MISSING


def text_of(value: Any) -> str:
    """Return a cell as text, empty if it is not known; whole numbers have no decimal point.

    >>> text_of(1.0), text_of("F"), text_of(None), text_of("n/a"), text_of(float("nan"))
    ('1', 'F', '', '', '')
    """
    value = value.item() if hasattr(value, "item") else value  # of numpy
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{float(value):.15g}"
    text = str(value).strip()
    return text if is_known(text) else ""


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


@dataclass(frozen=True)
class Sheet:
    """The cells of a table: names of columns, equal ones spelled alike, and as many cells in each line."""

    name: str
    columns: list[str]
    lines: _Lines

    def has(self, name: str) -> bool:
        """Tell whether there is a column of this name, which is in lower case."""
        return any(column.lower() == name for column in self.columns)

    def cells(self, name: str) -> list[list[str]]:
        """Return the cells that each line has in the columns of this name."""
        places = [place for place, column in enumerate(self.columns) if column.lower() == name]
        return [[cells[place] for place in places] for _, cells in self.lines]

    def labels(self, name: str, key: str) -> list[set[str]]:
        """Return the labels that each line has in the columns of this name, which hold those of a key."""
        return [{label_of(key, text) for text in cells} - {""} for cells in self.cells(name)]


def read_sheet(path: Path, key: str) -> Sheet:
    """Return the cells of a table.

    Parameters
    ----------
    key
        The column that must be there.

    Raises
    ------
    NeuroFMError
        It cannot be read, or has no such column.
    """
    text = re.sub(r"\r\n?", "\n", _text(path))
    text = re.sub(r"\A(?:[ \t]*#.*\n)+", lambda comments: "\n" * comments[0].count("\n"), text)
    separator, columns = _head(path, text, key)
    lines = [(number, cells) for number, cells in _split(text, separator) if any(cells)][1:]
    place, width = columns.index(key), len(columns)
    if lines and all(len(cells) == width + 1 and cells[place + 1].startswith("sub-") for _, cells in lines):
        lines = [(number, cells[1:]) for number, cells in lines]  # names of rows, as R writes them
    if separator == " ":  # a cell that is missing would move the others into its column
        warn_of_lines(path.name, [n for n, c in lines if len(c) < width], "fewer cells than columns")
        lines = [(number, cells) for number, cells in lines if len(cells) >= width]
    long = [number for number, cells in lines if any(cells[width:])]
    warn_of_lines(path.name, long, "more cells than columns")
    padding = [""] * width
    return Sheet(path.name, columns, [(n, [*c, *padding][:width]) for n, c in lines if not any(c[width:])])


def warn_of_lines(name: str, numbers: Sequence[int], why: str) -> None:
    """Log that some lines of a table are not used."""
    if numbers:
        lines = f"line{'s' * (len(numbers) > 1)} {listed([str(number) for number in numbers])}"
        _log.warning("%s, %s: %s. Not used: fix the table.", name, lines, why)


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
    text, line = decoded(content)
    if line:
        _log.warning("%s, line %d: not UTF-8. The table is read as Windows-1252 (Latin-1).", path.name, line)
    return text
