"""Options of the command line as fields of frozen dataclasses."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

__all__ = [
    "Option",
    "WholeNumber",
    "arguments_of",
    "make",
    "memory_gb",
    "option",
    "options_by_section",
    "options_in_use",
    "options_of",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """Everything that is declared about one option of the command line.

    Parameters
    ----------
    flags
        Spellings, the one used in the settings file first; none for a positional argument.
    help
        One sentence.
    convert
        Turns the text into the value; it raises ValueError, and its name describes what it takes.
    default_text
        The default in words, where it is not a plain value.
    detect
        Returns the default, where it depends on the machine or the environment.
    many
        Takes several labels.
    bare
        The labels that are meant if none follow; by default one at least must.
    counts
        A switch whose repetitions are counted.
    unit
        Unit of the value, written after the number in a settings file.
    section
        Heading in the help, of this option and those after it; before the first it is the general one.
    writes
        Its value is a file or folder that the run makes; other paths exist before.
    changes_results
        Scans processed under another value are processed again.
    """

    flags: tuple[str, ...]
    help: str
    section: str = ""
    convert: Callable[[str], Any] = str
    choices: tuple[Any, ...] = ()
    metavar: str = ""
    default_text: str = ""
    detect: Callable[[], Any] | None = None
    many: bool = False
    bare: tuple[str, ...] = ()
    counts: bool = False
    unit: str = ""
    writes: bool = False
    changes_results: bool = False

    def show_default(self, default: Any) -> str:
        """Return the default for help and documentation; empty for switches and where there is none."""
        plain = default and default is not MISSING and not isinstance(default, bool)
        return self.default_text or (str(default) if plain else "")

    def describe(self, default: Any) -> str:
        """Return the help, with the default where there is one to show."""
        shown = self.show_default(default)
        return f"{self.help} (default: {shown})" if shown else self.help

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
            return [self.convert(str(item)) for item in (value if isinstance(value, list) else [value])]
        converted = self.convert(str(value))
        if self.choices and converted not in self.choices:
            raise ValueError(value)
        return converted

    def arguments(self, value: Any) -> list[str]:
        """Return a value as words of the command line."""
        flag = self.flags[0]
        if isinstance(value, bool):
            return [flag] * value
        if self.counts:
            return [flag] * int(value)
        if self.many:
            return [flag, *map(str, value)]
        return [f"{flag}={value}{self.unit}"]

    def to_toml(self, value: Any) -> str:
        """Return a value as an entry of a settings file."""
        if self.many:
            plain: Any = [str(item) for item in value]
        elif isinstance(value, bool | int | float) and not self.unit:
            plain = value
        else:
            plain = f"{value}{self.unit}"
        return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def option(*flags: str, default: Any = MISSING, **about: Any) -> Any:
    """Return a dataclass field that is an option of the command line, see :class:`Option`."""
    return field(default=default, metadata={"option": Option(flags, **about)})


def options_of(group: type) -> Iterator[tuple[Field[Any], Option]]:
    """Yield the fields of a group of settings that are options, with their declarations."""
    for item in fields(group):
        if "option" in item.metadata:
            yield item, item.metadata["option"]


def options_in_use(group: Any) -> dict[str, str]:
    """Return the options that have a value, by flag, as on the command line, shortened."""
    texts = {
        declared.flags[0]: f"{declared.flags[0]} {' '.join(map(str, value)) if declared.many else value}"
        for item, declared in options_of(type(group))
        if (value := getattr(group, item.name)) and value is not True
    }
    return {flag: text if len(text) <= 200 else f"{text[:200]}..." for flag, text in texts.items()}


def arguments_of(group: Any, without: Collection[str] = (), always: Collection[str] = ()) -> list[str]:
    """Return the options of a group of settings that differ from their defaults, as on the command line.

    Parameters
    ----------
    without
        Names of fields that are left out.
    always
        Names of fields that are written although they have their default.
    """
    arguments: list[str] = []
    for item, declared in options_of(type(group)):
        value = getattr(group, item.name)
        if (value != item.default or item.name in always) and item.name not in without:
            arguments += declared.arguments(value)
    return arguments


def options_by_section(group: type) -> Iterator[tuple[str, Field[Any], Option]]:
    """Yield the options of a group of settings, each with the heading it belongs under."""
    section = ""
    for item, declared in options_of(group):
        section = declared.section or section
        yield section, item, declared


def make(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return a group of settings with the given values by field name, and defaults for the others."""
    detected = {f.name: o.detect() for f, o in options_of(kind) if o.detect and f.name not in given}
    names = [f.name for f in fields(kind) if f.name in given]  # type: ignore[arg-type]
    values = {name: given[name] for name in names}
    return kind(**detected, **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


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


memory_gb.__name__ = "size such as 8GB"


@dataclass(frozen=True)
class WholeNumber:
    """Converts texts to whole numbers in a range, and raises ValueError for others.

    >>> WholeNumber(highest=64)("8")
    8
    """

    lowest: int = 1
    highest: int | None = None

    def __call__(self, text: str) -> int:
        """Return the number that a text is."""
        number = int(text)
        if number < self.lowest or (self.highest is not None and number > self.highest):
            raise ValueError(text)
        return number

    @property
    def __name__(self) -> str:
        """What it takes, in words."""
        limits = f"from {self.lowest} to {self.highest}" if self.highest else f"of {self.lowest} or more"
        return f"whole number {limits}"
