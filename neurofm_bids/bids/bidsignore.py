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


@dataclass(frozen=True)
class _Rule:
    """A line: one pattern for each part of a path."""

    parts: tuple[re.Pattern[str], ...]
    ignores: bool
    folders_only: bool


def read_bidsignore(root: Path) -> Callable[[str], bool]:
    r"""Return a function that tells whether a file, given by its path in the dataset, is to be ignored.

    The last pattern that matches a path decides; what lies in an ignored folder is ignored. A file that
    cannot be read is named in a warning. Other escapes than ``\#`` and ``\!``, and classes of characters such
    as ``[[:digit:]]``, are not known.
    """
    rules = [_rule(line) for line in _lines(root / ".bidsignore")][::-1]
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
        elif line.strip("!/") and "//" not in line:  # no file has such a path
            yield line


def _unknown(line: str) -> str:
    """Return what a line has that is not known, or nothing."""
    if "\\" in line.removeprefix("\\"):
        return "escape"
    return "class of characters" * ("[[:" in line)


def _rule(line: str) -> _Rule:
    """Return what a line says; a pattern without a slash matches at any depth."""
    body = line.removeprefix("!").removeprefix("\\")
    names = [name for name in body.split("/") if name]
    anywhere = [] if "/" in body.rstrip("/") else ["**"]
    named = [name for before, name in pairwise(["", *anywhere, *names]) if not before == name == "**"]
    parts = [_ANY if name == "**" else re.compile(translate(name.replace("[^", "[!"))) for name in named]
    return _Rule(tuple(parts), not line.startswith("!"), body.endswith("/"))


def _matches(pattern: Sequence[re.Pattern[str]], parts: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] is _ANY:
        least = int(len(pattern) == 1)  # what lies in a folder, not the folder itself
        return any(_matches(pattern[1:], parts[start:]) for start in range(least, len(parts) + 1))
    return pattern[0].match(parts[0]) is not None and _matches(pattern[1:], parts[1:])
