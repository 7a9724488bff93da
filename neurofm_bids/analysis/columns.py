"""Columns that settings name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import nearest, some_of

__all__ = ["check_columns"]


def check_columns(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise if a column does not exist.

    Raises
    ------
    NeuroFMError
        The message names the column that is most like it.
    """
    for name in names:
        if name not in known:
            raise NeuroFMError(
                f"the tables have no column {name!r}",
                where=where,
                fix=nearest(name, known).rstrip() or f"Columns are {some_of(sorted(known))}.",
                code=Exit.USAGE,
            )
