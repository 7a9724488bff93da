"""Columns that settings and arguments name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import nearest, some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_columns", "check_columns_of", "column_of"]


def check_columns(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise if a column does not exist.

    Raises
    ------
    NeuroFMError
        The message names the column that is most like it.
    """
    for name in names:
        if name not in known:
            raise _missing(f"the tables have no column {name!r}", name, sorted(known), where)


def check_columns_of(table: pd.DataFrame, *names: str) -> None:
    """Raise if a table lacks a column.

    Raises
    ------
    NeuroFMError
        The message names the column that is most like it.
    """
    for name in names:
        if name not in table.columns:
            raise _missing(f"the table has no column {name!r}", name, list(map(str, table.columns)))


def column_of(table: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of a table.

    Raises
    ------
    NeuroFMError
        There is none of this name.
    """
    check_columns_of(table, name)
    return table[name]


def _missing(what: str, name: str, known: list[str], where: str = "") -> NeuroFMError:
    fix = nearest(name, known).rstrip() or f"Columns are {some_of(sorted(known))}."
    return NeuroFMError(what, where=where, fix=fix, code=Exit.USAGE)
