"""Text and JSON of a dataset, read only from regular files of at most 256 MB."""

from __future__ import annotations

import codecs
import errno
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = ["decoded", "nearest", "printable", "read_bytes", "read_json", "read_text", "some_of"]

_MAX_BYTES = 2**28
_SHOWN = 5  # of many names
_SYNONYMS = {
    "sex": ("gender", "recorded_sex"),
    "gender": ("sex", "recorded_sex"),
    "age": ("chronological_age_years",),
}


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises
    ------
    OSError
        The file is missing, not a regular file (a pipe would block), too large, or not readable.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file")
    if status.st_size > _MAX_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return path.read_bytes()


def read_text(path: Path, *, errors: str = "strict") -> str:
    """Return the UTF-8 text of a regular file, without a byte-order mark.

    Raises
    ------
    OSError
        As :func:`read_bytes`.
    ValueError
        It is not UTF-8 and ``errors`` is ``strict``.
    """
    return read_bytes(path).decode("utf-8-sig", errors)


def decoded(content: bytes) -> tuple[str, int]:
    r"""Return text as spreadsheets and shells write it, and the first line that is not UTF-8, 0 if none.

    UTF-16 is known by its byte-order mark; what is not UTF-8 is read as Windows-1252.

    >>> decoded("a".encode("utf-16")), decoded(b"a\nK\xf6ln")
    (('a', 0), ('a\nKöln', 2))
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace"), 0
    try:
        return content.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        return content.decode("cp1252", "replace"), len(content[: error.start + 1].splitlines())


def read_json(path: Path, *, unique_keys: bool = False) -> Any:
    """Return the value of a JSON file.

    Parameters
    ----------
    unique_keys
        Refuse an object that has a key twice; otherwise the last one counts.

    Raises
    ------
    OSError
        As :func:`read_text`.
    ValueError
        It is not valid JSON, nested too deeply, or has a key twice.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique if unique_keys else None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"it has the key {repeated[0]} twice")
    return dict(pairs)


def printable(text: str) -> str:
    """Return text with bytes of file names that are not UTF-8 replaced, so that it can be written anywhere.

    >>> printable("sub-01")
    'sub-01'
    """
    return os.fsencode(text).decode("utf-8", "replace")


def some_of(names: Sequence[str], show: Callable[[str], str] = str) -> str:
    """Return the first of many names in one phrase.

    >>> some_of(["a", "b"]), some_of("abcdefg", str.upper)
    ('a, b', 'A, B, C, D, E and 2 more')
    """
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(show, names[:_SHOWN])) + more


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name that is most like another, empty if none is.

    >>> nearest("diagnose", ["diagnosis", "age"])
    "Did you mean 'diagnosis'? "
    >>> nearest("sex", ["gender", "set"])
    "Did you mean 'gender'? "
    """
    names = {text.lower(): text for text in known}
    same = [other for other in _SYNONYMS.get(name.lower(), ()) if other in names]
    alike = same or get_close_matches(name.lower(), names, 1, 0.6)
    return f"Did you mean {names[alike[0]]!r}? " if alike else ""
