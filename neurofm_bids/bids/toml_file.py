"""TOML files that options name, read into frozen records; errors say where in the file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from neurofm_bids.bids.problems import option_problem
from neurofm_bids.bids.sheets import text_of
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import nearest, read_text
from neurofm_bids.storage.toml_places import Place, Places, find_places

__all__ = ["Broken", "Key", "Rules", "TomlFile", "parse_toml", "read_toml"]

Key = tuple[str | int, ...]
Broken = tuple[str, str, str]  # the key, empty for the table; what is wrong; what to do
Rules = Callable[[type, Mapping[str, Any]], Iterable[Broken]]
_Record = TypeVar("_Record")

_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True)
class TomlFile:
    """The content of a file, and the places of its keys and texts.

    Parameters
    ----------
    path
        Of the file.
    content
        As the parser of Python returns it.
    places
        Where keys and texts stand.
    """

    path: Path
    content: Mapping[str, Any]
    places: Places

    def error(self, place: Place, what: str, of: str, fix: str, code: Exit = Exit.DATA) -> NeuroFMError:
        """Return an error at a place, in the part of the file that ``of`` names."""
        return _error(self.path, place, what, of, fix, code)

    def check_keys(self, table: Mapping[str, Any], known: Sequence[str], key: Key, of: str) -> None:
        """Raise if a table has keys other than the known ones.

        Raises
        ------
        NeuroFMError
            The message names the place, and the key that is most like it.
        """
        for name in table:
            if name not in known:
                fix = f"{nearest(name, known)}Known keys are {', '.join(known)}."
                raise self.error(self.places.of(*key, name), f"unknown key {name!r}", of, fix)

    def record(
        self, kind: type[_Record], table: Mapping[str, Any], key: Key, of: str, rules: Rules
    ) -> _Record:
        """Return a table as a record: a dataclass whose fields are texts, numbers, truth values or records.

        Parameters
        ----------
        key
            Of the table.
        of
            Its name in messages.
        rules
            Yields which rules the values of a record by field break.

        Raises
        ------
        NeuroFMError
            A key is unknown or absent, or a value is of another type or breaks a rule.
        """
        known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self.check_keys(table, known, key, of)
        for field in fields(kind):  # type: ignore[arg-type]
            if field.default is MISSING and field.default_factory is MISSING and field.name not in table:
                raise self.error(self.places.of(*key), f"the key {field.name} is absent", of, "Add the key.")
        hints = get_type_hints(kind)
        values = {
            name: self._value(hints[name], value, (*key, name), of, rules) for name, value in table.items()
        }
        for name, what, fix in rules(kind, values):
            where = f"{of}, key {name}" if name else of
            raise self._bad((*key, name) if name else key, what, where, fix)
        return kind(**values)

    def _value(self, hint: Any, value: Any, key: Key, of: str, rules: Rules) -> Any:
        where = f"{of}, key {key[-1]}"
        if inner := next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None):
            if isinstance(value, dict):
                return self.record(inner, value, key, where, rules)  # type: ignore[arg-type]
            raise self._bad(key, "not a table", where, f"Write it as a table, such as [{key[0]}.{key[-1]}].")
        if hint is bool:
            if isinstance(value, bool):
                return value
            raise self._bad(key, f"{value!r} is neither true nor false", where, "Use true or false.")
        return self._of_text(str(hint), value, key, where)

    def _of_text(self, hint: str, value: Any, key: Key, where: str) -> Any:
        if "Mapping" in hint:
            is_number = "float" in hint
            read = partial(self._numbers, "float") if is_number else self._texts
            if isinstance(value, dict):
                return {name: read(one, (*key, name), where) for name, one in value.items()}
            example = "{brain_mm3 = 5000}" if is_number else '{group = ["x"]}'
            what = "not a table of columns and values"
            raise self._bad(key, what, where, f"Write {example}, for example.")
        if "int" in hint or "float" in hint:
            return self._numbers(hint, value, key, where)
        return self._texts(value, key, where) if "tuple" in hint else self._text(value, key, where)

    def _numbers(self, hint: str, value: Any, key: Key, where: str) -> Any:
        """Return a number, or a list of numbers as a tuple, whole ones where the type says so."""
        items, is_list = value if isinstance(value, list) else [value], "tuple" in hint
        wanted, number = ("whole number", int) if "int" in hint else ("number", int | float)
        if all(isinstance(one, number) and not isinstance(one, bool) for one in items):
            with suppress(OverflowError):
                numbers = tuple(one if "int" in hint else float(one) for one in items)
                if is_list or not isinstance(value, list):
                    return numbers if is_list else numbers[0]
        what, example = (f"a list of {wanted}s", "[2, 5]") if is_list else (f"a {wanted}", "5")
        raise self._bad(key, f"not {what}", where, f"Write {example}, for example.")

    def _texts(self, value: Any, key: Key, where: str) -> tuple[str, ...]:
        return tuple(self._text(one, key, where) for one in (value if isinstance(value, list) else [value]))

    def _text(self, value: Any, key: Key, where: str) -> str:
        """Return a text; a number or truth value is one as in a table."""
        text = text_of(value) if isinstance(value, str | int | float) else ""
        if text or (value == "" and key[-1] in {"description", "units"}):
            return text
        raise self._bad(key, f"{value!r} is not a text", where, 'Write it in quotation marks, such as "age".')

    def _bad(self, key: Key, what: str, of: str, fix: str) -> NeuroFMError:
        return self.error(self.places.of(*key), what, of, fix)


def read_toml(path: Path, what: str, flag: str) -> TomlFile:
    """Return the content of a file that an option names.

    Parameters
    ----------
    what, flag
        What the file is, and the option.

    Raises
    ------
    NeuroFMError
        The file cannot be read or is not TOML (exit code 64).
    """
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        problem, fix = option_problem(path, error, what, flag, "It must be UTF-8 text.")
        raise NeuroFMError(problem, where=path, fix=fix, code=Exit.USAGE) from error
    return parse_toml(text, path)


def parse_toml(text: str, path: Path) -> TomlFile:
    """Return the content of the text of a file, with the errors of :func:`read_toml`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, place = _syntax(str(error), text)
        raise _error(path, place, f"not valid TOML: {what}", "", "Fix it.", Exit.USAGE) from error
    return TomlFile(path, content, find_places(text))


def _syntax(message: str, text: str) -> tuple[str, Place]:
    match = _SYNTAX.fullmatch(message)
    if match is None:
        return message, Place(1, 1)
    if match[2] is None:
        return match[1], Place(text.count("\n") + 1, len(text) - text.rfind("\n"))
    return match[1], Place(int(match[2]), int(match[3]))


def _error(path: Path, place: Place, what: str, of: str, fix: str, code: Exit) -> NeuroFMError:
    return NeuroFMError(what, where=", ".join(filter(None, (str(path), str(place), of))), fix=fix, code=code)
