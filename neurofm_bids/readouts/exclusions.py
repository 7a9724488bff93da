"""The scans that a task excludes by the values of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import as_number
from neurofm_bids.readouts.task import Task
from neurofm_bids.storage.text import nearest, some_of

__all__ = ["excluded_rows"]


def excluded_rows(task: Task, columns: Mapping[str, Sequence[str]]) -> dict[int, str]:
    """Return the rows that a task excludes, each with the first reason; numbers are compared as numbers.

    Parameters
    ----------
    columns
        Texts by column, empty where a value is not known.

    Raises
    ------
    NeuroFMError
        A column has no value that is excluded: a misspelt one would leave no scan out.
    """
    rows: dict[int, str] = {}
    for name, values in task.exclude.items():
        column = columns[name]
        keys = {_key(text) for text in column if text}
        for value in values:
            if _key(value) not in keys:
                raise _refused(task, name, value, column)
        unwanted = set(map(_key, values))
        for row, text in enumerate(column):
            if text and _key(text) in unwanted:
                rows.setdefault(row, f"{name} is {text}")
    return rows


def _key(text: str) -> str | float:
    number = as_number(text)
    return text if number is None else number


def _refused(task: Task, name: str, value: str, column: Sequence[str]) -> NeuroFMError:
    known = sorted({text for text in column if text})
    values = f"Values are {some_of(known)}." if known else "The column has no values."
    return NeuroFMError(
        f"exclude names the value {value!r} of the column {name}, which no scan has",
        where=f"task {task.name}",
        fix=f"{nearest(value, known)}{values} Correct the value, or remove it.",
    )
