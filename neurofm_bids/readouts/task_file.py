"""Files of tasks: TOML with a strict schema, whose errors say where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from neurofm_bids.bids.toml_file import Broken, TomlFile, parse_toml, read_toml
from neurofm_bids.readouts.assembly import columns_of
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.readouts.task_rules import broken_rules, broken_rules_of_times
from neurofm_bids.storage.text import nearest, some_of
from neurofm_bids.storage.toml_places import Place

__all__ = ["TaskFile", "read_tasks", "tasks_from"]

_TABLE = "task"


@dataclass(frozen=True)
class TaskFile:
    """The tasks of a file.

    Parameters
    ----------
    file
        Its content.
    tasks
        In their order.
    """

    file: TomlFile
    tasks: tuple[Task, ...]

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
                    place = self.file.places.of(_TABLE, number, key, text=column)
                    if key in {"exclude", "times"}:
                        place = self._inner(number, key, column)
                    raise self.file.error(
                        place,
                        f"the tables of the dataset have no column {column!r}",
                        f"task {task.name}, key {key}",
                        f"{nearest(column, known)}Columns are {some_of(sorted(known))}.",
                    )

    def _inner(self, number: int, key: str, column: str) -> Place:
        """Return the place of a column in a table of a task: as a key, or as a text of some key there."""
        places = self.file.places
        inner = places.of(_TABLE, number, key, column)
        if inner != places.of(_TABLE, number, key):
            return inner
        names = [field.name for field in fields(Times)]
        texts = (places.of(_TABLE, number, key, name, text=column) for name in names)
        keys = {places.of(_TABLE, number, key, name) for name in names}
        return next(
            (place for place in texts if place not in keys), places.of(_TABLE, number, key, text=column)
        )


def read_tasks(path: Path) -> TaskFile:
    """Return the tasks of a file.

    Raises
    ------
    NeuroFMError
        The file cannot be read or is not TOML (exit code 64), or a task is not valid (65); the message names
        line, column, task and key.
    """
    return _tasks(read_toml(path, "file of tasks", "--readouts"))


def tasks_from(text: str, path: Path) -> TaskFile:
    """Return the tasks of the text of a file, with the errors of :func:`read_tasks`."""
    return _tasks(parse_toml(text, path))


def _tasks(file: TomlFile) -> TaskFile:
    file.check_keys(file.content, [_TABLE], (), "the file")
    tables = file.content.get(_TABLE, [])
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        what = "the file has no tasks"
        raise file.error(file.places.of(_TABLE), what, "", "Begin each with a line [[task]].")
    tasks = tuple(
        file.record(Task, table, (_TABLE, number), _title(number, table), _broken)
        for number, table in enumerate(tables)
    )
    names = [task.name.lower() for task in tasks]
    for number, name in enumerate(names):
        if (first := names.index(name)) < number:
            where = f"task {number + 1}, key name"
            what = f"the name {tasks[number].name!r} is that of task {first + 1}"
            raise file.error(file.places.of(_TABLE, number, "name"), what, where, "Choose another name.")
    return TaskFile(file, tasks)


def _title(number: int, table: Mapping[str, Any]) -> str:
    title = table.get("name")
    return f"task {title}" if isinstance(title, str) and title else f"task {number + 1}"


def _broken(kind: type, values: Mapping[str, Any]) -> Iterable[Broken]:
    return broken_rules(values) if kind is Task else broken_rules_of_times(values)
