"""Options of the command line as fields of frozen dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

__all__ = ["Option", "memory_gb", "option", "options_of", "whole_number"]


@dataclass(frozen=True)
class Option:
    """What is said of one option of the command line.

    Parameters
    ----------
    flags
        Spellings, the one used in the settings file first.
    help
        One sentence; it may name the default where that is not a plain value.
    convert
        Turns the text into the value; it raises ValueError, and its name describes what it takes.
    many
        Takes several values.
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
    many: bool = False
    changes_results: bool = False


def option(*flags: str, default: Any, section: str, **about: Any) -> Any:
    """Return a dataclass field that is an option of the command line, see :class:`Option`."""
    return field(default=default, metadata={"option": Option(flags, section=section, **about)})


def options_of(group: type) -> Iterator[tuple[Field[Any], Option]]:
    """Yield the fields of a group of settings that are options, with what is said of each."""
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
