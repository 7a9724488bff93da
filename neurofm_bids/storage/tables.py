"""Tables of tab-separated values that the program writes: cells that no spreadsheet evaluates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from neurofm_bids.storage.text import read_text

__all__ = ["cell", "read_tsv", "table_text"]

# Characters that end a line or a cell in some program, beyond the white space of str.split().
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# In a spreadsheet these start a formula, also in full width. A quotation mark would open a quoted cell that
# takes in the cells and rows after it, or hides a formula.
_STARTS = tuple('=+-@"\uff1d\uff0b\uff0d\uff20')
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def cell(value: object, digits: int = 10) -> str:
    r"""Return a value as one cell of a TSV file that a spreadsheet displays and never evaluates.

    None, NaN and empty text become ``n/a``. In text, tabs, line ends and other control characters become
    spaces, runs of spaces become one, and bytes of a file name that are not UTF-8 become ``?``. Text that
    begins like a formula or a quoted cell is preceded by an apostrophe, unless it is a plain number.

    >>> [cell(value) for value in (None, True, 1180321.0, 0.1, "=1+1", "-12.5", "a\tb\n", "")]
    ['n/a', 'true', '1180321', '0.1', "'=1+1", '-12.5', 'a b', 'n/a']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "n/a" if math.isnan(value) else f"{value:.{digits}g}"
    if hasattr(value, "item"):
        return cell(value.item(), digits)  # of numpy
    return "n/a" if value is None else _text(str(value))


def _text(text: str) -> str:
    known = text.encode(errors="replace").decode()
    line = " ".join(_BREAKS.sub(" ", known).split())
    if line.startswith(_STARTS) and not _NUMBER.fullmatch(line):
        return f"'{line}"
    return line or "n/a"


def table_text(columns: Iterable[str], rows: Iterable[Iterable[object]], digits: int = 10) -> str:
    r"""Return a table as TSV, with this number of significant digits.

    >>> table_text(["a", "b"], [[1, None]])
    'a\tb\n1\tn/a\n'
    """
    return "".join("\t".join(cell(value, digits) for value in row) + "\n" for row in chain([columns], rows))


def read_tsv(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Return the columns of a table and its rows as texts by column.

    For the tables that this program writes: quotation marks have no meaning, rows may be too short or too
    long, bytes that are not UTF-8 are replaced. Tables of datasets have :mod:`neurofm_bids.bids.tables`.

    Raises
    ------
    OSError
        As :func:`neurofm_bids.storage.text.read_text`.
    """
    text = read_text(path, errors="replace")
    head, *lines = [line.split("\t") for line in re.split(r"\r\n|\r|\n", text)]
    columns = [name.strip() for name in head]
    rows = [
        dict.fromkeys(columns, "") | {k: v.strip() for k, v in zip(columns, line, strict=False) if k}
        for line in lines
        if any(line)
    ]
    return columns, rows
