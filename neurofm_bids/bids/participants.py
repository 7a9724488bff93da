"""Participants that labels and conditions on columns name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import nearest, printable, some_of

__all__ = ["conditions", "named_participants"]


def named_participants(
    named: Sequence[str],
    subjects: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    what: str,
    where: str,
    code: Exit = Exit.NOTHING_SELECTED,
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
    code
        Exit code of the errors.

    Raises
    ------
    NeuroFMError
        A participant, a column or a value does not exist.

    >>> columns = {"group": ["x", "y", ""]}
    >>> sorted(named_participants(["b", "group=x"], ["a", "b", "c"], columns, "those", "--who"))
    ['a', 'b']
    """
    existing = set(subjects)
    labels = {text.removeprefix("sub-") for text in named if _is_label(text, existing)}
    if absent := sorted(labels - existing):
        raise NeuroFMError(
            f"{what} have no scan in the tables: {some_of(absent, printable)}",
            where=where,
            fix=f"{nearest(absent[0], existing)}Process them first, or check the label.",
            code=code,
        )
    for column, value in conditions(named, existing):
        labels |= _having(column, value, subjects, columns, where, code)
    return labels


def conditions(named: Sequence[str], subjects: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield column and value of each condition ``COLUMN=VALUE``.

    Parameters
    ----------
    named
        Labels, with or without ``sub-``, and conditions.
    subjects
        Labels of participants that exist, without ``sub-``: no condition is named so.

    >>> list(conditions(["03", "group=x", "a=b"], ["a=b"]))
    [('group', 'x')]
    """
    existing = set(subjects)
    for text in named:
        if not _is_label(text, existing):
            column, _, value = text.removeprefix("sub-").partition("=")
            yield column, value


def _is_label(text: str, existing: Collection[str]) -> bool:
    return "=" not in text or text.removeprefix("sub-") in existing


def _having(
    column: str,
    value: str,
    subjects: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    where: str,
    code: Exit,
) -> set[str]:
    cells = columns.get(column, ())
    found = {subject for subject, cell in zip(subjects, cells, strict=False) if cell == value}
    if found:
        return found
    values = list(dict.fromkeys(cell for cell in cells if cell))
    there = f"its values are {some_of(values)}" if values else f"columns are {some_of(list(columns))}"
    if column in columns and not values:
        there = "the column has no values"
    likely = nearest(value, values) if column in columns else nearest(column, columns)
    raise NeuroFMError(
        f"no participant has {column}={value} in the tables of the dataset ({there})",
        where=where,
        fix=f"{likely}Check column and value.",
        code=code,
    )
