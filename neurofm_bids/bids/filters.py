"""Selection of scans: labels, and the filters of a BIDS filter file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import starmap
from pathlib import Path
from typing import Any

from neurofm_bids.bids.problems import Problem
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import read_json, read_text

__all__ = ["entities_of", "parse_labels", "read_filter_file", "selector"]

_ENTITIES = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "run": "run",
    "echo": "echo",
    "part": "part",
    "chunk": "chunk",
}
# As in the filter files of fMRIPrep and related programs; all but t1w are for other images.
_SECTIONS = ("t1w", "t2w", "pdw", "flair", "bold", "sbref", "fmap", "roi", "dwi", "asl", "m0scan", "pet")
_FIXED = {"datatype": "anat", "suffix": "T1w"}


def parse_labels(values: Sequence[str]) -> tuple[str, ...]:
    """Return labels without prefix from labels with or without it, or from files with one per line.

    Raises
    ------
    NeuroFMError
        A file cannot be read or contains no labels: it must not select all participants.
    """
    labels: list[str] = []
    for value in values:
        labels += [re.sub(r"^(sub|ses)-", "", line) for line in _lines(value)]
    return tuple(dict.fromkeys(labels))


def _lines(value: str) -> list[str]:
    path = Path(value)
    try:
        if not path.is_file():
            return [value]
        lines = read_text(path).split()
    except OSError:
        return [value]  # too long for a file name, or not accessible: a label
    except ValueError as error:
        raise NeuroFMError(
            f"the label file cannot be read ({error})",
            where=path,
            fix="Save it as UTF-8.",
            code=Exit.USAGE,
        ) from error
    if not lines:
        raise NeuroFMError(
            "the file contains no labels", where=path, fix="Write one label per line.", code=Exit.USAGE
        )
    return lines


def read_filter_file(path: Path) -> tuple[tuple[str, Any], ...]:
    """Return the filters of the ``t1w`` section of a BIDS filter file, sorted by entity.

    A filter is a label, a number, null (the entity is absent), ``"*"`` (any label) or a list of these.

    Raises
    ------
    NeuroFMError
        The file is not JSON, a section or filter has an unknown name, or a filter a value of another type.
    """
    try:
        sections = read_json(path)
        filters = _section(sections)
    except FileNotFoundError as error:
        raise NeuroFMError(
            "filter file not found", where=path, fix="Check --bids-filter-file.", code=Exit.USAGE
        ) from error
    except (OSError, ValueError) as error:
        raise NeuroFMError(
            f"the filter file cannot be read ({error})",
            where=path,
            fix='Use a file such as {"t1w": {"acquisition": "mprage"}}.',
            code=Exit.USAGE,
        ) from error
    problems = [*map(_section_problem, sections), *starmap(_filter_problem, filters.items())]
    for problem in problems:
        if problem:
            raise NeuroFMError(problem[0], where=path, fix=problem[1], code=Exit.USAGE)
    return tuple(sorted((key, value) for key, value in filters.items() if key in _ENTITIES))


def _section(filters: Any) -> dict[str, Any]:
    section = filters.get("t1w", {}) if isinstance(filters, dict) else None
    if not isinstance(section, dict):
        raise ValueError("the file and its section t1w must be JSON objects")
    return section


def _section_problem(name: str) -> Problem | None:
    if name in _SECTIONS:
        return None
    nearest = get_close_matches(name.lower(), _SECTIONS, 1) or _SECTIONS
    return f"unknown section {name}", f"Did you mean {nearest[0]}?"


def _filter_problem(key: str, value: Any) -> Problem | None:
    if key not in _ENTITIES and key not in _FIXED:
        return f"unknown filter {key}", f"Known filters are {', '.join(_ENTITIES)}."
    options = value if isinstance(value, list) else [value]
    if not all(option is None or type(option) in (str, int) for option in options):
        return (
            f"the filter {key} has a value that cannot be used",
            'Use a label, a number, null, "*" or a list.',
        )
    if key in _FIXED and not _matches(_FIXED[key], value):
        return f"the filter {key} excludes {_FIXED[key]}, the only one processed", "Remove the filter."
    return None


def selector(selection: Selection) -> Callable[[str, str], bool]:
    """Return a function that tells from label of the participant and stem whether a scan is selected.

    Raises
    ------
    NeuroFMError
        As :func:`read_filter_file`.

    Examples
    --------
    >>> selector(Selection(session_label=("a",)))("01", "sub-01_ses-b")
    False
    """
    filters = read_filter_file(selection.bids_filter_file) if selection.bids_filter_file else ()
    labels, sessions = selection.participant_label, selection.session_label

    def is_selected(subject: str, stem: str) -> bool:
        entities = entities_of(stem)
        if (labels and subject not in labels) or (sessions and entities.get("ses") not in sessions):
            return False
        return all(_matches(entities.get(_ENTITIES[key]), wanted) for key, wanted in filters)

    return is_selected


def entities_of(stem: str) -> dict[str, str]:
    """Return the key and value pairs in a name.

    >>> entities_of("sub-01_run-2")
    {'sub': '01', 'run': '2'}
    """
    return {key: value for key, _, value in (part.partition("-") for part in stem.split("_"))}


def _matches(value: str | None, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_matches(value, option) for option in wanted)
    if wanted in ("*", "Query.ANY"):
        return value is not None
    if wanted in (None, "Query.NONE"):
        return value is None
    return value is not None and _same(value, str(wanted))


def _same(value: str, wanted: str) -> bool:
    wanted = re.sub(r"^(sub|ses)-", "", wanted)
    return value == wanted or (value.isdecimal() and wanted.isdecimal() and int(value) == int(wanted))
