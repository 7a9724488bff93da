"""What a user asks for: labels, and the filters of a BIDS filter file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import read_json, read_text

__all__ = ["matches", "parse_labels", "read_filter_file"]

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
_NOT_FILTERED = {"datatype": "anat", "suffix": "T1w"}


def parse_labels(values: Sequence[str]) -> tuple[str, ...]:
    """Return labels without prefix from labels with or without it, or from files with one per line.

    Raises
    ------
    NeuroFMError
        A file cannot be read or holds no label: it must not stand for all participants.
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
        return [value]  # too long for a name, or not to be reached: no file then
    except ValueError as error:
        raise NeuroFMError(
            f"the file of labels cannot be read ({error})",
            where=path,
            fix="Save it as UTF-8.",
            code=Exit.USAGE,
        ) from error
    if not lines:
        raise NeuroFMError("the file holds no label", where=path, fix="Write one per line.", code=Exit.USAGE)
    return lines


def read_filter_file(path: Path) -> tuple[tuple[str, Any], ...]:
    """Return the filters of the ``t1w`` section of a BIDS filter file.

    Raises
    ------
    NeuroFMError
        The file is not JSON, or has a key that BIDS does not know.
    """
    try:
        filters = read_json(path).get("t1w", {})
        items = tuple(sorted(filters.items()))
    except (OSError, ValueError, AttributeError) as error:
        raise NeuroFMError(
            f"the filter file cannot be read ({error})", where=path, code=Exit.USAGE
        ) from error
    unknown = [key for key, _ in items if key not in _ENTITIES and key not in _NOT_FILTERED]
    if unknown:
        raise NeuroFMError(
            f"unknown filter {', '.join(unknown)}",
            where=path,
            fix=f"Known are {', '.join(_ENTITIES)}.",
            code=Exit.USAGE,
        )
    return tuple((key, value) for key, value in items if key in _ENTITIES)


def matches(entities: Mapping[str, str], sessions: Sequence[str], filters: Sequence[tuple[str, Any]]) -> bool:
    """Tell whether an image with these entities is asked for.

    >>> matches({"sub": "01", "run": "02"}, (), (("run", 2),))
    True
    """
    if sessions and entities.get("ses") not in sessions:
        return False
    return all(_matches(entities.get(_ENTITIES[key]), wanted) for key, wanted in filters)


def _matches(value: str | None, wanted: Any) -> bool:
    if wanted in {"*", "Query.ANY"} if isinstance(wanted, str) else False:
        return value is not None
    if wanted is None or wanted == "Query.NONE":
        return value is None
    options = wanted if isinstance(wanted, list) else [wanted]
    return value is not None and any(_same(value, str(option)) for option in options)


def _same(value: str, wanted: str) -> bool:
    wanted = re.sub(r"^(sub|ses)-", "", wanted)
    return value == wanted or (value.isdecimal() and wanted.isdecimal() and int(value) == int(wanted))
