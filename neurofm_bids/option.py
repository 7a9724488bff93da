"""Options of the command line as fields of frozen dataclasses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

__all__ = ["Option", "memory_gb", "option", "options_of", "whole_number"]


@dataclass(frozen=True)
class Option:
    """Everything that is declared about one option of the command line.

    Parameters
    ----------
    flags
        Spellings, the one used in the settings file first.
    help
        One sentence.
    convert
        Turns the text into the value; it raises ValueError, and its name describes what it takes.
    default_text
        The default in words, where it is not a plain value.
    detect
        Returns the default, where it depends on the machine.
    many
        Takes several labels.
    counts
        A switch whose repetitions are counted.
    unit
        Unit of the value, written after the number in a settings file.
    section
        Heading in the help.
    changes_results
        Scans processed under another value are processed again.
    """

    flags: tuple[str, ...]
    help: str
    section: str
    convert: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    default_text: str = ""
    detect: Callable[[], Any] | None = None
    many: bool = False
    counts: bool = False
    unit: str = ""
    changes_results: bool = False

    def show_default(self, default: Any) -> str:
        """Return the default for help and documentation; empty for switches and where there is none."""
        return self.default_text or ("" if isinstance(default, bool) or not default else str(default))

    def from_toml(self, value: Any, default: Any) -> Any:
        """Return the value of an entry of a settings file.

        Raises
        ------
        ValueError
            It is not a valid value.
        """
        if isinstance(default, bool) or self.counts:
            allowed = bool if isinstance(default, bool) else int
            if not isinstance(value, allowed):
                raise ValueError(value)
            return value
        if self.many:
            return [str(item) for item in (value if isinstance(value, list) else [value])]
        converted = self.convert(str(value))
        if self.choices and converted not in self.choices:
            raise ValueError(value)
        return converted

    def to_toml(self, value: Any) -> str:
        """Return a value as an entry of a settings file."""
        if self.many:
            plain: Any = [str(item) for item in value]
        elif isinstance(value, bool | int | float) and not self.unit:
            plain = value
        else:
            plain = f"{value.absolute() if isinstance(value, Path) else value}{self.unit}"
        return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def option(*flags: str, default: Any, section: str, **about: Any) -> Any:
    """Return a dataclass field that is an option of the command line, see :class:`Option`."""
    return field(default=default, metadata={"option": Option(flags, section=section, **about)})


def options_of(group: type) -> Iterator[tuple[Field[Any], Option]]:
    """Yield the fields of a group of settings that are options, with their declarations."""
    for item in fields(group):
        if "option" in item.metadata:
            yield item, item.metadata["option"]


def memory_gb(text: str) -> float:
    """Read an amount of memory in GB; a bare number means MB, as in fMRIPrep.

    Examples
    --------
    >>> memory_gb("8000"), memory_gb("8GB"), memory_gb("1.5T")
    (8.0, 8.0, 1500.0)
    """
    digits = text.upper().rstrip("B")
    scale = {"K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3}.get(digits[-1:])
    number = float(digits[:-1] if scale else digits) * (scale or 1e-3)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def whole_number(highest: int | None = None) -> Callable[[str], int]:
    """Return a converter of texts to whole numbers from 1 to ``highest``.

    >>> whole_number(64)("8")
    8
    """

    def convert(text: str) -> int:
        number = int(text)
        if number < 1 or (highest is not None and number > highest):
            raise ValueError(text)
        return number

    convert.__name__ = f"number (1 to {highest})" if highest else "positive number"
    return convert
