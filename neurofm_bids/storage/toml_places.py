"""Where keys and texts stand in a TOML document, which the parser of Python does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Place", "Places", "find_places"]

Key = tuple[str | int, ...]

_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_HEADER = re.compile(r"\[(\[)?[ \t]*(.*?)[ \t]*\](?(1)\])")
_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
_BARE = re.compile(r"[^\s,\[\]{}#=]+")


@dataclass(frozen=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return both in words."""
        return f"line {self.line}, column {self.column}"


class Places:
    """The places in one document.

    Parameters
    ----------
    keys
        Of each table and key; items of arrays of tables have their number in the key, from 0.
    values
        Of each text and number in the value of a key.
    """

    def __init__(self, keys: Mapping[Key, Place], values: Mapping[Key, Mapping[str, Place]]) -> None:
        self._keys, self._values = keys, values

    def of(self, *key: str | int, text: str | None = None) -> Place:
        """Return where a text stands in the value of a key, or else the key, or the nearest table above."""
        for length in range(len(key), 0, -1):
            if text is not None and text in self._values.get(key[:length], {}):
                return self._values[key[:length]][text]
        for length in range(len(key), 0, -1):
            if key[:length] in self._keys:
                return self._keys[key[:length]]
        return Place(1, 1)


def find_places(text: str) -> Places:
    """Return the places in a TOML document that the parser accepts."""
    keys: dict[Key, Place] = {}
    values: dict[Key, dict[str, Place]] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for start, statement in _statements(text):
        here = _place(text, start)
        if header := _HEADER.match(statement):
            table = _numbered(_parts(header[2]), counts, is_item=bool(header[1]))
            keys.setdefault(table, here)
            continue
        name = _key_length(statement)
        key = (*table, *_parts(statement[:name]))
        keys[key] = here
        values[key] = {
            value: _place(text, start + name + place) for place, value in _tokens(statement[name:])
        }
    return Places(keys, values)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the headers and the keys with their values, with the place of their first character."""
    place = 0
    while place < len(text):
        if text[place] in " \t\r\n":
            place += 1
        elif text[place] == "#":
            place = _end_of_line(text, place)
        else:
            end = _end_of_statement(text, place)
            yield place, text[place:end]
            place = end


def _end_of_statement(text: str, place: int) -> int:
    is_header, depth = text[place] == "[", 0
    while place < len(text):
        if string := _STRING.match(text, place):
            place = string.end()
            continue
        character = text[place]
        if character == "#" and depth:
            place = _end_of_line(text, place)
            continue
        if character == "#" or (character == "\n" and (is_header or not depth)):
            break
        depth += (character in "[{") - (character in "]}")
        place += 1
    return place


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _key_length(statement: str) -> int:
    """Return the length of the key of a statement, which ends at the equals sign."""
    place = 0
    while place < len(statement) and statement[place] != "=":
        part = _PART.match(statement, place)
        place = part.end() if part else place + 1
    return place


def _parts(key: str) -> tuple[str, ...]:
    return tuple(_plain(part) for part in _PART.findall(key))


def _plain(token: str) -> str:
    """Return the text of a string as the parser reads it; other tokens are as they stand."""
    return str(tomllib.loads(f"value = {token}")["value"]) if token[:1] in "\"'" else token


def _numbered(parts: tuple[str, ...], counts: dict[Key, int], *, is_item: bool) -> Key:
    """Return the key of a table, with the numbers of the items of arrays it is in."""
    key: Key = ()
    for place, part in enumerate(parts):
        key = (*key, part)
        if is_item and place == len(parts) - 1:
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            key = (*key, counts[key])
    return key


def _tokens(value: str) -> Iterator[tuple[int, str]]:
    """Yield the texts and numbers in a value, with their places."""
    place = 0
    while place < len(value):
        if value[place] == "#":
            place = _end_of_line(value, place)
        elif match := _STRING.match(value, place) or _BARE.match(value, place):
            yield place, _plain(match[0])
            place = match.end()
        else:
            place += 1


def _place(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
