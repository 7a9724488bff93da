"""Patterns of the file ``.bidsignore`` of a dataset, as in ``.gitignore``."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.storage.text import read_text

__all__ = ["read_bidsignore"]

_log = logging.getLogger(__name__)

_NAME = ".bidsignore"
_WILD = re.compile(r"(\A\*\*/|/\*\*/|/\*\*\Z|\*+|\?|\[[!^]?\]?[^]]*\]|\\.)")
_REGEX = {"**/": "(?:.*/)?", "/**/": "/(?:.*/)?", "/**": "/.+", "?": "[^/]"}


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    ignores: bool
    folders_only: bool


def read_bidsignore(root: Path) -> Callable[[str], bool]:
    """Return a function that tells whether a file, given by its path in the dataset, is to be ignored.

    The last pattern that matches a path decides; what lies in an ignored folder is ignored. A file that
    cannot be read, and a line that is not a pattern, are named in a warning.
    """
    rules = list(_rules(root / _NAME))
    if not rules:
        return lambda path: False
    folders: dict[str, bool] = {"": False}

    def is_ignored(path: str, is_folder: bool = False) -> bool:
        parent = path.rpartition("/")[0]
        if parent not in folders:
            folders[parent] = is_ignored(parent, is_folder=True)
        return folders[parent] or _last(rules, path, is_folder)

    return is_ignored


def _last(rules: list[_Rule], path: str, is_folder: bool) -> bool:
    applicable = (rule for rule in reversed(rules) if is_folder or not rule.folders_only)
    return next((rule.ignores for rule in applicable if rule.pattern.fullmatch(path)), False)


def _rules(path: Path) -> Iterator[_Rule]:
    if not os.path.lexists(path):
        return
    try:
        lines = read_text(path).splitlines()
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read and is not honored (%s)", path, error)
        return
    for line in filter(None, (re.sub(r"(?<!\\)\s+$", "", line) for line in lines)):
        if line.startswith("#"):
            continue
        body = line.removeprefix("!")
        try:
            yield _Rule(re.compile(_regex(body)), not line.startswith("!"), body.endswith("/"))
        except re.error:
            _log.warning("%s: %s is not a pattern and is not honored", path, line)


def _regex(body: str) -> str:
    """Return the regular expression of a pattern; one without a slash matches at any depth."""
    plain = body.strip("/")
    anywhere = "" if "/" in body.rstrip("/") else "(?:.*/)?"
    return anywhere + "".join(map(_part, _WILD.split(plain)))


def _part(text: str) -> str:
    if text.startswith("["):
        return "[^" + text[2:] if text[1] in "!^" else text
    if text.startswith("\\"):
        return re.escape(text[1:])
    return _REGEX.get(text) or ("[^/]*" if text and not text.strip("*") else re.escape(text))
