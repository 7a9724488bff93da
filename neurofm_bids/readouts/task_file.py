"""Files of tasks: TOML with a strict schema, whose errors say where."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from neurofm_bids.bids.problems import option_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.assembly import columns_of
from neurofm_bids.readouts.columns import nearest, text_of
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.readouts.task_rules import broken_rules, broken_rules_of_times
from neurofm_bids.readouts.toml_places import Place, Places, find_places
from neurofm_bids.storage.text import read_text, some_of

__all__ = ["TaskFile", "read_tasks", "tasks_from"]

_TABLE = "task"
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True)
class TaskFile:
    """The tasks of a file.

    Parameters
    ----------
    path
        Of the file.
    tasks
        In their order.
    places
        Where keys and texts stand.
    """

    path: Path
    tasks: tuple[Task, ...]
    places: Places

    def check_columns(self, known: Collection[str]) -> None:
        """Raise if a task names a column that does not exist.

        Parameters
        ----------
        known
            Columns of the tables of the dataset.

        Raises
        ------
        NeuroFMError
            The message names the place, and the column that is most like it.
        """
        for number, task in enumerate(self.tasks):
            for column, key in columns_of(task).items():
                if column not in known:
                    place = self.places.of(_TABLE, number, key, text=column)
                    if key in {"exclude", "times"}:
                        place = self._inner(number, key, column)
                    raise _error(
                        self.path,
                        place,
                        f"the tables of the dataset have no column {column!r}",
                        f"task {task.name}, key {key}",
                        f"{nearest(column, known)}Columns are {some_of(sorted(known))}.",
                    )

    def _inner(self, number: int, key: str, column: str) -> Place:
        """Return the place of a column in a table of a task: as a key, or as a text of some key there."""
        inner = self.places.of(_TABLE, number, key, column)
        if inner != self.places.of(_TABLE, number, key):
            return inner
        names = [field.name for field in fields(Times)]
        texts = (self.places.of(_TABLE, number, key, name, text=column) for name in names)
        keys = {self.places.of(_TABLE, number, key, name) for name in names}
        return next(
            (place for place in texts if place not in keys), self.places.of(_TABLE, number, key, text=column)
        )


def read_tasks(path: Path) -> TaskFile:
    """Return the tasks of a file.

    Raises
    ------
    NeuroFMError
        The file cannot be read or is not TOML (exit code 64), or a task is not valid (65); the message names
        line, column, task and key.
    """
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        what, fix = option_problem(path, error, "file of tasks", "--readouts", "It must be UTF-8 text.")
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    return tasks_from(text, path)


def tasks_from(text: str, path: Path) -> TaskFile:
    """Return the tasks of the text of a file, with the errors of :func:`read_tasks`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, place = _syntax(str(error), text)
        raise _error(path, place, f"not valid TOML: {what}", "", "Fix it.", Exit.USAGE) from error
    places = find_places(text)
    reader = _Reader(path, places)
    reader.check_keys(content, [_TABLE], (), "the file")
    tables = content.get(_TABLE, [])
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        what = "the file has no tasks"
        raise _error(path, places.of(_TABLE), what, "", "Begin each with a line [[task]].")
    tasks = tuple(reader.task(number, table) for number, table in enumerate(tables))
    names = [task.name.lower() for task in tasks]
    for number, name in enumerate(names):
        if (first := names.index(name)) < number:
            where = f"task {number + 1}, key name"
            what = f"the name {tasks[number].name!r} is that of task {first + 1}"
            raise _error(path, places.of(_TABLE, number, "name"), what, where, "Choose another name.")
    return TaskFile(path, tasks, places)


class _Reader:
    """Turns the tables of a file into tasks."""

    def __init__(self, path: Path, places: Places) -> None:
        self._path, self._places = path, places

    def check_keys(
        self, table: Mapping[str, Any], known: Sequence[str], key: tuple[Any, ...], of: str
    ) -> None:
        for name in table:
            if name not in known:
                place = self._places.of(*key, name)
                fix = f"{nearest(name, known)}Known keys are {', '.join(known)}."
                raise _error(self._path, place, f"unknown key {name!r}", of, fix)

    def task(self, number: int, table: Mapping[str, Any]) -> Task:
        key = (_TABLE, number)
        title = table.get("name")
        of = f"task {title}" if isinstance(title, str) and title else f"task {number + 1}"
        values = self._values(Task, table, key, of)
        for name, what, fix in broken_rules(values):
            where = f"{of}, key {name}" if name else of
            raise self._bad((*key, name) if name else key, what, where, fix)
        return Task(**values)

    def _values(self, kind: type, table: Mapping[str, Any], key: tuple[Any, ...], of: str) -> dict[str, Any]:
        """Return the values of a record by field, of the types that it declares."""
        known = [field.name for field in fields(kind)]
        self.check_keys(table, known, key, of)
        hints = get_type_hints(kind)
        for field in fields(kind):
            if field.default is MISSING and field.default_factory is MISSING and field.name not in table:
                raise self._bad(key, f"the key {field.name} is absent", of, "Add the key.")
        return {
            name: self._value(hints[name], value, (*key, name), f"{of}, key {name}")
            for name, value in table.items()
        }

    def _value(self, hint: Any, value: Any, key: tuple[Any, ...], of: str) -> Any:
        if Times in (hint, *get_args(hint)):
            return self._times(value, key, of)
        if hint is bool:
            if isinstance(value, bool):
                return value
            raise self._bad(key, f"{value!r} is neither true nor false", of, "Use true or false.")
        text = str(hint)
        if "Mapping" in text:
            if isinstance(value, dict):
                return {name: self._texts(one, (*key, name), of) for name, one in value.items()}
            raise self._bad(
                key, "not a table of columns and values", of, 'Write {group = ["x"]}, for example.'
            )
        if "float" in text:
            return self._numbers(value, key, of)
        return self._texts(value, key, of) if "tuple" in text else self._text(value, key, of)

    def _times(self, value: Any, key: tuple[Any, ...], of: str) -> Times:
        if not isinstance(value, dict):
            raise self._bad(key, "not a table", of, "Write it as a table, such as [task.times].")
        values = self._values(Times, value, key, of)
        for name, what, fix in broken_rules_of_times(values):
            raise self._bad((*key, name), what, f"{of}, key {name}", fix)
        return Times(**values)

    def _numbers(self, value: Any, key: tuple[Any, ...], of: str) -> tuple[float, ...]:
        items = value if isinstance(value, list) else [value]
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in items):
            with suppress(OverflowError):
                return tuple(map(float, items))
        raise self._bad(key, "not a list of numbers", of, "Write [2, 5], for example.")

    def _texts(self, value: Any, key: tuple[Any, ...], of: str) -> tuple[str, ...]:
        return tuple(self._text(one, key, of) for one in (value if isinstance(value, list) else [value]))

    def _text(self, value: Any, key: tuple[Any, ...], of: str) -> str:
        """Return a text; a number or truth value is one as in a table."""
        text = text_of(value) if isinstance(value, str | int | float) else ""
        if text or (value == "" and key[-1] in {"description", "units"}):
            return text
        raise self._bad(key, f"{value!r} is not a text", of, 'Write it in quotation marks, such as "age".')

    def _bad(self, key: tuple[Any, ...], what: str, of: str, fix: str) -> NeuroFMError:
        return _error(self._path, self._places.of(*key), what, of, fix)


def _syntax(message: str, text: str) -> tuple[str, Place]:
    match = _SYNTAX.fullmatch(message)
    if match is None:
        return message, Place(1, 1)
    if match[2] is None:
        return match[1], Place(text.count("\n") + 1, len(text) - text.rfind("\n"))
    return match[1], Place(int(match[2]), int(match[3]))


def _error(path: Path, place: Place, what: str, of: str, fix: str, code: Exit = Exit.DATA) -> NeuroFMError:
    return NeuroFMError(what, where=", ".join(filter(None, (str(path), str(place), of))), fix=fix, code=code)
