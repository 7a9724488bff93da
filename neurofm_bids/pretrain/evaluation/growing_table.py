"""A table on disk that grows by a row at a time, so that long measurements resume after an interruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.atomic import write_text
from neurofm_bids.storage.tables import read_tsv, table_text

__all__ = ["GrowingTable"]

_DIGITS = 7


class GrowingTable:
    """Rows of a TSV file by the text in their first column.

    Parameters
    ----------
    path
        The file; it is made with the first row. A last row that an interruption cut off is dropped.
    columns
        Names of the columns, the key first.

    Raises
    ------
    NeuroFMError
        The file has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, tuple(columns)
        self.rows: dict[str, dict[str, str]] = {}
        if path.is_file():
            self._read()

    def _read(self) -> None:
        text = self.path.read_text()
        if not text.endswith("\n"):
            write_text(self.path, text[: text.rfind("\n") + 1])
        found, rows = read_tsv(self.path)
        if tuple(found) != self.columns:
            raise NeuroFMError("the table has other columns", where=self.path, fix="Use a new folder.")
        self.rows = {row[self.columns[0]]: row for row in rows}

    def append(self, row: Mapping[str, object]) -> None:
        """Add a row with a value for each column."""
        text = table_text(self.columns, [[row[name] for name in self.columns]], _DIGITS)
        head, line = text.splitlines(keepends=True)
        if not self.rows:
            write_text(self.path, head)
        with self.path.open("a") as stream:
            stream.write(line)
        values = line.rstrip("\n").split("\t")
        self.rows[values[0]] = dict(zip(self.columns, values, strict=True))
