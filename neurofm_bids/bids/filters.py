"""Which scans are selected by labels and by the filters of a BIDS filter file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, starmap
from pathlib import Path
from typing import Any

from neurofm_bids.bids.entities import EXTENSIONS, SUFFIXES, described
from neurofm_bids.bids.problems import Problem, option_problem
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import read_json

__all__ = ["Selector", "read_filter_file", "selector"]

_ENTITIES = {
    "subject": "sub",
    "session": "ses",
    "task": "task",
    "acquisition": "acq",
    "ceagent": "ce",
    "reconstruction": "rec",
    "run": "run",
    "echo": "echo",
    "flip": "flip",
    "inv": "inv",
    "mt": "mt",
    "part": "part",
    "chunk": "chunk",
    "suffix": "suffix",
    "extension": "extension",
}
# What all raw T1w images have in common; other values select nothing.
_ALWAYS: dict[str, tuple[str | None, ...]] = {
    "suffix": SUFFIXES,
    "extension": tuple(extension[1:] for extension in EXTENSIONS),
    "datatype": ("anat",),
    **dict.fromkeys(("space", "desc", "res", "resolution", "den", "label", "atlas"), (None,)),
}
_EXAMPLE = 'Use a file such as {"t1w": {"acquisition": "mprage"}}.'
_QUERY = re.compile(r"<?Query\.(\w+)(: ?\d+)?>?", re.IGNORECASE)  # as in the filter files of fMRIPrep
_LABEL = re.compile(r"[A-Za-z0-9+]+")
_QUERIES = {"NONE": None, "ANY": "*", "REQUIRED": "*", "OPTIONAL": [None, "*"]}
# As in the filter files of fMRIPrep and related programs; all but t1w are for other images.
_SECTIONS = ("t1w", "t2w", "pdw", "flair", "bold", "sbref", "fmap", "roi", "dwi", "asl", "m0scan", "pet")


def read_filter_file(path: Path) -> tuple[tuple[str, Any], ...]:
    """Return the filters of the ``t1w`` section of a BIDS filter file, sorted by entity.

    A filter is a label, a number, null (the entity is absent), ``"*"`` (any label) or a list of these, with
    which queries of pybids (``Query.NONE``, ``Query.ANY`` and so on) are replaced; labels have no prefix.

    Raises
    ------
    NeuroFMError
        The file cannot be read, is not JSON or has a key twice, a section or filter has an unknown name, or a
        filter a value of another type, or one that no label can be.
    """
    try:
        sections = read_json(path, unique_keys=True)
        filters = _section(sections)
    except (OSError, ValueError) as error:
        what, fix = option_problem(path, error, "filter file", "--bids-filter-file", _EXAMPLE)
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    problems = [*map(_section_problem, sections), *starmap(_filter_problem, filters.items())]
    for problem in problems:
        if problem:
            raise NeuroFMError(problem[0], where=path, fix=problem[1], code=Exit.USAGE)
    return tuple(sorted((key, _resolved(key, value)) for key, value in filters.items() if key in _ENTITIES))


def _section(filters: Any) -> dict[str, Any]:
    section = filters.get("t1w", {}) if isinstance(filters, dict) else None
    if not isinstance(section, dict):
        raise ValueError("the file and its section t1w must be JSON objects")
    return section


def _section_problem(name: str) -> Problem | None:
    if name in _SECTIONS:
        return None
    likely = get_close_matches(name.lower(), _SECTIONS, 1) or _SECTIONS
    return f"unknown section {name}", f"Did you mean {likely[0]}?"


def _filter_problem(key: str, value: Any) -> Problem | None:
    if key not in _ENTITIES and key not in _ALWAYS:
        likely = get_close_matches(key.lower(), _ENTITIES, 1)
        known = f"Did you mean {likely[0]}?" if likely else f"Known filters are {', '.join(_ENTITIES)}."
        return f"unknown filter {key}", known
    options = value if isinstance(value, list) else [value]
    unusable = [option for option in options if not _is_usable(key, option)] if options else [value]
    if unusable:
        return (
            f"the filter {key} has a value that cannot be used: {json.dumps(unusable[0])[:50]}",
            f'Use a label, a number, null, "*", Query.{", Query.".join(_QUERIES)} or a list of these. '
            "Labels are letters, digits and +.",
        )
    only = _ALWAYS.get(key)
    if only is None or any(_matches(name, _resolved(key, value)) for name in only):
        return None
    if only == (None,):
        return f"the filter {key} excludes raw images, the only ones processed", "Remove the filter."
    return f"the filter {key} excludes {' and '.join(map(str, only))}, the only ones processed", "Remove it."


def _is_usable(key: str, option: Any) -> bool:
    """Tell whether a filter can match an image: its labels are letters, digits and +."""
    if option is None or option == "*":
        return True
    if not isinstance(option, str):
        return type(option) is int and option >= 0
    query = _QUERY.fullmatch(option)
    if query or key in _ALWAYS:
        return query is None or query[1].upper() in _QUERIES
    return _LABEL.fullmatch(_resolved(key, option)) is not None


def _resolved(key: str, value: Any) -> Any:
    """Return a filter with null, "*" and lists of these in place of queries, and labels without prefix."""
    if isinstance(value, list):
        options = [_resolved(key, option) for option in value]
        return list(chain.from_iterable(o if isinstance(o, list) else [o] for o in options))
    if not isinstance(value, str):
        return value
    query = _QUERY.fullmatch(value)
    if query:
        return _QUERIES[query[1].upper()]
    return value.removeprefix("." if key == "extension" else f"{_ENTITIES.get(key)}-")


@dataclass(frozen=True)
class Selector:
    """Which scans are selected.

    Parameters
    ----------
    participants, sessions
        Labels without prefix; empty for all.
    filters
        As :func:`read_filter_file` returns them.
    """

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    filters: tuple[tuple[str, Any], ...] = ()

    def __call__(self, subject: str, name: str) -> bool:
        """Tell whether a scan is selected, from the name of its image or the stem of its outputs.

        A stem has no extension, and is selected whatever the filter of extensions.

        >>> Selector(filters=(("run", 2),))("01", "sub-01_run-02_T1w.nii")
        True
        """
        return (not self.participants or subject in self.participants) and self._matches(described(name))

    def has_session(self, session: str) -> bool:
        """Tell whether labels and the filter of sessions select a session.

        >>> Selector(sessions=("a",)).has_session("b")
        False
        """
        wanted = [value for key, value in self.filters if key == "session"]
        return (not self.sessions or session in self.sessions) and all(_matches(session, w) for w in wanted)

    def asks_for(self, key: str, label: str) -> bool:
        """Tell whether a filter names a label of an entity, or any, and does not accept its absence as well.

        >>> Selector(filters=(("part", [None, "*"]), ("echo", [None, 2]))).asks_for("part", "phase")
        False
        >>> Selector(filters=(("part", "*"), ("echo", [None, 2]))).asks_for("echo", "02")
        True
        """
        asked = [wanted if isinstance(wanted, list) else [wanted] for of, wanted in self.filters if of == key]
        return any(
            _matches(label, option)
            for options in asked
            for option in options
            if option != "*" or None not in options
        )

    def _matches(self, image: Mapping[str, str]) -> bool:
        if self.sessions and image.get("ses") not in self.sessions:
            return False
        return all(
            _matches(image.get(_ENTITIES[key]), wanted)
            for key, wanted in self.filters
            if key != "extension" or key in image
        )


def selector(selection: Selection) -> Selector:
    """Return which scans the options select.

    Raises
    ------
    NeuroFMError
        As :func:`read_filter_file`.

    Examples
    --------
    >>> selector(Selection(session_label=("a",)))("01", "sub-01_ses-b_T1w.nii")
    False
    """
    filters = read_filter_file(selection.bids_filter_file) if selection.bids_filter_file else ()
    return Selector(selection.participant_label, selection.session_label, filters)


def _matches(value: str | None, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_matches(value, option) for option in wanted)
    if wanted == "*":
        return value is not None
    if wanted is None:
        return value is None
    return value is not None and _same(value, str(wanted))


def _same(value: str, wanted: str) -> bool:
    return value == wanted or (
        value.isdecimal() and wanted.isdecimal() and value.lstrip("0") == wanted.lstrip("0")
    )
