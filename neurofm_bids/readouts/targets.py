"""The target of a task as numbers, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.columns import PERSON, as_number, numbers
from neurofm_bids.readouts.survival import check_times
from neurofm_bids.readouts.task import Kind, Task
from neurofm_bids.storage.text import nearest, some_of

__all__ = ["CODERS", "Target", "code_target"]

_Values = npt.NDArray[np.float64]
_MANY = 20  # classes


@dataclass(frozen=True)
class Target:
    """A target as numbers.

    Parameters
    ----------
    values
        Shape (n,) or (n, k); NaN where it is not known or does not count.
    classes
        Names of the classes, by their numbers; empty for values.
    outcomes
        Names of the numbers in the last column that are counted: classes, or events of the kind
        time-to-event.
    reasons
        Why each row cannot be used, empty if it can; no rows if all reasons are the same.
    shown
        Values of each row that messages show.
    """

    values: _Values
    classes: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


def code_target(task: Task, column: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Target:
    """Return the target of a task as numbers.

    Parameters
    ----------
    column
        Of the target, texts of the scans that are not excluded; empty where not known.
    columns
        All columns that the task names, for targets of several.

    Raises
    ------
    NeuroFMError
        Values are not those that the kind needs.
    """
    return CODERS[task.kind](task, column, columns)


def _value(task: Task, column: Sequence[str], _: Mapping[str, Sequence[str]]) -> Target:
    values = numbers(column)
    if values is None:
        odd = [text for text in dict.fromkeys(column) if text and as_number(text) is None]
        raise _refused(task, f"has values that are not numbers ({some_of(odd)})", "Use another kind.")
    return Target(values)


def _binary(task: Task, column: Sequence[str], _: Mapping[str, Sequence[str]]) -> Target:
    classes = task.classes or _classes_of(column)
    if len(classes) != 2:
        fix = "Check the column, and whether people of both classes are among those that take part."
        if len(classes) > 2:
            fix = "List the two that count in classes, or use the kind multiclass."
        raise _refused(task, f"has {len(classes)} values, not 2 ({some_of(classes)})", fix)
    if task.positive not in classes:
        fix = f"{nearest(task.positive or '', classes)}Set positive to {' or '.join(map(repr, classes))}."
        raise _refused(task, f"has no value that is the positive class {task.positive!r}", fix)
    other = next(text for text in classes if text != task.positive)
    return _coded(task, column, (other, task.positive))


def _multiclass(task: Task, column: Sequence[str], _: Mapping[str, Sequence[str]]) -> Target:
    classes = task.classes or _classes_of(column)
    if not 2 <= len(classes) <= _MANY:
        fix = f"List 2 to {_MANY} in classes, or use the kind regression."
        raise _refused(task, f"has {len(classes)} values", fix)
    return _coded(task, column, classes)


def _ordinal(task: Task, column: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Target:
    if not task.classes and numbers(column) is None:
        fix = "List them in classes, in increasing order."
        raise _refused(task, f"has texts, whose order is not known ({some_of(_classes_of(column))})", fix)
    return _multiclass(task, column, columns)


def _classes_of(column: Sequence[str]) -> tuple[str, ...]:
    """Return the values there are, numbers by size and before texts."""
    known = {text for text in column if text}
    return tuple(sorted(known, key=lambda text: (as_number(text) is None, as_number(text) or 0.0, text)))


def _coded(task: Task, column: Sequence[str], classes: Sequence[str]) -> Target:
    known = _classes_of(column)
    if absent := [text for text in classes if text not in known]:
        likely = nearest(absent[0], [text for text in known if text not in classes])
        fix = f"{likely}Values are {some_of(known)}."
        raise _refused(task, f"has no value {absent[0]!r}, which is one of classes", fix)
    places = {text: float(place) for place, text in enumerate(classes)}
    values = np.array([places.get(text, np.nan) for text in column])
    return Target(values, tuple(classes), tuple(classes))


def _times(task: Task, column: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Target:
    """Return entry, exit and event, shape (n, 3)."""
    if task.times is None:
        raise _refused(task, "has no times", "Add times to the task: columns of time and events.")
    names = (task.times.time, task.times.entry)
    if leaks := [name for name in names if name in task.covariates]:
        fix = "Remove it from the covariates of the task."
        raise _refused(task, f"has a time that is a covariate ({leaks[0]})", fix)
    people = columns.get(PERSON) or [f"row {row}" for row in range(len(column))]
    entry = columns[task.times.entry] if task.times.entry else None
    found = check_times(people, task.times, columns[task.times.time], column, entry, target=task.target)
    values = np.full((len(column), 3), np.nan)
    values[found.rows] = found.times.target
    outcomes = ("censored", task.times.event, *filter(None, (task.times.competing,)))
    return Target(values, outcomes=outcomes, reasons=found.reasons, shown=found.shown)


def _refused(task: Task, what: str, fix: str) -> NeuroFMError:
    return NeuroFMError(f"the target {task.target} {what}", where=f"task {task.name}", fix=fix)


# By kind: a new one is a line here and in neurofm_bids.readouts.kinds.
CODERS: dict[Kind, Callable[[Task, Sequence[str], Mapping[str, Sequence[str]]], Target]] = {
    "regression": _value,
    "binary": _binary,
    "multiclass": _multiclass,
    "ordinal": _ordinal,
    "time-to-event": _times,
}
