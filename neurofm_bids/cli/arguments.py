"""Command-line parsers, made from groups of settings whose fields are options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import Option, options_by_section

__all__ = ["Commands", "Parser", "add_command", "add_options", "safetensors_path"]

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse has no public name


_ABSENT = "the following arguments are required"
_FIRST = "Give them first: an option that takes several values takes all words after it. "
_ALIKE = 0.8  # of option names, so that --low-mem is not taken for --mem


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors carry exit code 64, and whose result has what was given only.

    Names of options may be written with underscores instead of hyphens, as in other BIDS Apps.
    """

    def __init__(self, **about: Any) -> None:
        super().__init__(argument_default=argparse.SUPPRESS, **about)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, of which none may be unknown."""
        given = _hyphenated(sys.argv[1:] if args is None else args)
        values, unknown = super().parse_known_args(given, namespace)
        if unknown:
            self._refuse(f"unrecognized arguments: {' '.join(unknown)}", self._nearest(unknown))
        return values, []

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the usage."""
        self._refuse(message, _FIRST if message.startswith(_ABSENT) else "")

    def _refuse(self, message: str, advice: str = "") -> NoReturn:
        raise NeuroFMError(message, fix=f"{advice}See {self.prog} --help.", code=Exit.USAGE)

    def _nearest(self, unknown: Sequence[str]) -> str:
        """Return a question with the options that unknown ones were most likely meant to be."""
        names = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        options = [flag for flag in self._option_string_actions if flag.startswith("--")]
        likely = [flag for name in names for flag in get_close_matches(name, options, 1, _ALIKE)]
        return f"Did you mean {', '.join(dict.fromkeys(likely))}? " if likely else ""


def _hyphenated(arguments: Sequence[str]) -> list[str]:
    """Return arguments with hyphens instead of underscores in the names of long options.

    >>> _hyphenated(["--work_dir", "a_b", "--mem_mb=8_000", "--", "--a_b"])
    ['--work-dir', 'a_b', '--mem-mb=8_000', '--', '--a_b']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parts = [text.partition("=") if text.startswith("--") else (text, "", "") for text in arguments[:end]]
    names = [name.replace("_", "-") if name.startswith("--") else name for name, *_ in parts]
    return [*(name + "".join(rest) for name, (_, *rest) in zip(names, parts, strict=True)), *arguments[end:]]


def add_command(
    commands: Commands, name: str, about: str, run: Callable[[Mapping[str, Any]], Exit], *groups: type
) -> Parser:
    """Add a command with the options of some groups of settings; ``run`` gets the values by field name."""
    parser = commands.add_parser(name, help=about)
    for group in groups:
        add_options(parser, group)
    parser.set_defaults(run=run)
    return parser


def add_options(parser: Parser, group: type, *names: str) -> dict[str, argparse._ArgumentGroup]:
    """Add the options of a group of settings to a parser, all or those named, and return its new sections."""
    sections: dict[str, argparse._ArgumentGroup] = {}
    for section, item, option in options_by_section(group):
        if names and item.name not in names:
            continue
        if section and section not in sections:
            sections[section] = parser.add_argument_group(section)
        place = sections.get(section, parser)
        place.add_argument(*(option.flags or [item.name]), **_about(item.name, item.default, option))
    return sections


def _about(name: str, default: Any, option: Option) -> dict[str, Any]:
    """Return what argparse needs to know of an option, or of a positional argument."""
    about: dict[str, Any] = {"help": option.describe(default).replace("%", "%%")}
    if option.flags:
        about |= {"dest": name, "required": default is MISSING and not option.detect}
    elif default is not MISSING:
        about["nargs"] = "?"
    if isinstance(default, bool):
        return about | {"action": "store_true"}
    if option.counts:
        return about | {"action": "count"}
    if option.many:
        about["nargs"] = "+"
    if option.bare:
        about |= {"nargs": "*", "action": _Labels, "const": list(option.bare)}
    return about | {
        "type": _converter(option.convert),
        "metavar": option.metavar or None,
        "choices": option.choices or None,
    }


class _Labels(argparse.Action):
    """Stores labels, or what is meant where none are given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, values or self.const)


def _converter(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a converter whose errors say what a text is not."""
    name = {"int": "whole number", "float": "number"}.get(convert.__name__, convert.__name__)

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name}") from error

    return converted


def safetensors_path(text: str) -> Path:
    """Return the path of a file to write, whose name must end in ``.safetensors``."""
    if not text.endswith(".safetensors"):
        raise NeuroFMError(
            "the name must end in .safetensors", where=text, fix="Rename the target.", code=Exit.USAGE
        )
    return Path(text)
