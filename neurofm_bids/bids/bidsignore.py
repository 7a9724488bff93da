"""Patterns of the file ``.bidsignore`` of a dataset, as in ``.gitignore``."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from itertools import pairwise
from pathlib import Path

from neurofm_bids.bids.problems import fetch_problem
from neurofm_bids.storage.text import read_text

__all__ = ["read_bidsignore"]

_log = logging.getLogger(__name__)

_ANY = re.compile("")  # any number of folders
_BRACKET = re.compile(r"\[[!^]?\]?(?:\[:[^\]]*:\]|[^\]])*\]")
_CLASS = re.compile(r"\[:([^\]]*):\]")
_CLASSES = {
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "alpha": "A-Za-z",
    "alnum": "A-Za-z0-9",
    "xdigit": "0-9A-Fa-f",
    "blank": " \t",
    "space": " \t\n\r\f\v",
}


@dataclass(frozen=True)
class _Rule:
    """A line: one pattern for each part of a path."""

    parts: tuple[re.Pattern[str], ...]
    ignores: bool
    folders_only: bool


def read_bidsignore(root: Path) -> Callable[[str], bool]:
    r"""Return a function that tells whether a file, given by its path in the dataset, is to be ignored.

    The last pattern that matches a path decides; what lies in an ignored folder is ignored. A file that
    cannot be read is named in a warning, and so is a line with another escape than ``\#`` and ``\!``, or with
    a class of characters that is not known.
    """
    rules = [rule for line in _lines(root / ".bidsignore") if (rule := _rule(line))][::-1]
    folders = {"": False}

    def is_ignored(path: str, is_folder: bool = False) -> bool:
        parent = path.rpartition("/")[0]
        if parent not in folders:
            folders[parent] = is_ignored(parent, is_folder=True)
        parts = path.split("/")
        applicable = (rule for rule in rules if is_folder or not rule.folders_only)
        last = next((rule.ignores for rule in applicable if _matches(rule.parts, parts)), False)
        return folders[parent] or last

    return is_ignored


def _lines(path: Path) -> Iterator[str]:
    lines, problem = [], None
    try:
        if os.path.lexists(path):
            problem = fetch_problem(path, "the file ")
            lines = read_text(path).splitlines()
    except (OSError, ValueError) as error:
        problem = problem or (f"it cannot be read ({error})", "Check the file.")
    if problem:
        _log.warning("%s is not honored: %s. %s", path, *problem)
        return
    for line in (line.rstrip() for line in lines if line.strip() and not line.startswith("#")):
        if unknown := _unknown(line):
            _log.warning("%s: the %s in %.50r is not known, so the line is not honored.", path, unknown, line)
        else:
            yield line


def _unknown(line: str) -> str:
    """Return what makes a line impossible to honor, if anything."""
    if "\\" in re.sub(r"\A\\(?=[#!])", "", line):
        return "escape"
    classes = {name for bracket in _BRACKET.findall(line) for name in _CLASS.findall(bracket)}
    return "class of characters" if classes - _CLASSES.keys() else ""


def _rule(line: str) -> _Rule | None:
    """Return what a line says: a pattern without a slash matches at any depth, with an empty name never."""
    body = line.removeprefix("!").removeprefix("\\")
    path = body.removesuffix("/")
    names = ["**" if re.fullmatch(r"\*\*+", name) else name for name in path.removeprefix("/").split("/")]
    if not all(names):
        return None
    anywhere = [] if "/" in path else ["**"]
    named = [name for before, name in pairwise(["", *anywhere, *names]) if not before == name == "**"]
    parts = [_ANY if name == "**" else re.compile(translate(_plain(name))) for name in named]
    return _Rule(tuple(parts), not line.startswith("!"), body.endswith("/"))


def _plain(name: str) -> str:
    """Return the pattern of a name as :mod:`fnmatch` has it, which knows neither ``[^`` nor classes."""
    plain = _BRACKET.sub(lambda bracket: _CLASS.sub(lambda of: _CLASSES[of[1]], bracket[0]), name)
    return plain.replace("[^", "[!")


def _matches(pattern: Sequence[re.Pattern[str]], parts: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] is _ANY:
        least = int(len(pattern) == 1)  # what lies in a folder, not the folder itself
        return any(_matches(pattern[1:], parts[start:]) for start in range(least, len(parts) + 1))
    return pattern[0].match(parts[0]) is not None and _matches(pattern[1:], parts[1:])
