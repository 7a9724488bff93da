"""Participants that labels and conditions on columns name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import printable, some_of

__all__ = ["named_participants"]


def named_participants(
    named: Sequence[str],
    subjects: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    what: str,
    where: str,
) -> set[str]:
    """Return the labels of the participants that labels and conditions name, without ``sub-``.

    A condition names all participants who have the value at any of their scans.

    Parameters
    ----------
    named
        Labels, with or without ``sub-``, and conditions ``COLUMN=VALUE``; each adds participants.
    subjects
        Label of the participant of each of n scans, without ``sub-``.
    columns
        n values by column, as written; empty where none is known.
    what
        What these participants are, for messages, such as ``participants of the reference``.
    where
        The option or key that names them.

    Raises
    ------
    NeuroFMError
        A participant, a column or a value does not exist.

    >>> columns = {"group": ["x", "y", ""]}
    >>> sorted(named_participants(["b", "group=x"], ["a", "b", "c"], columns, "those", "--who"))
    ['a', 'b']
    """
    existing = set(subjects)
    given = {text: text.removeprefix("sub-") for text in named}
    labels = {label for text, label in given.items() if label in existing or "=" not in text}
    if absent := sorted(labels - existing):
        raise NeuroFMError(
            f"{what} have no scan in the tables: {some_of(absent, printable)}",
            fix=f"Process them first, or check {where}.",
            code=Exit.NOTHING_SELECTED,
        )
    for text, label in given.items():
        if label not in existing:
            column, _, value = text.partition("=")
            labels |= _having(column, value, subjects, columns, where)
    return labels


def _having(
    column: str, value: str, subjects: Sequence[str], columns: Mapping[str, Sequence[str]], where: str
) -> set[str]:
    cells = columns.get(column, ())
    found = {subject for subject, cell in zip(subjects, cells, strict=False) if cell == value}
    if found:
        return found
    values = list(dict.fromkeys(cell for cell in cells if cell))
    there = f"its values are {some_of(values)}" if values else f"columns are {some_of(list(columns))}"
    raise NeuroFMError(
        f"no participant has {column}={value} in the tables of the dataset ({there})",
        where=where,
        fix="Check column and value.",
        code=Exit.NOTHING_SELECTED,
    )
