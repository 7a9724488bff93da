"""Files of records that hold a digest of themselves, given by an option: read and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from neurofm_bids.bids.problems import option_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.schema import from_json
from neurofm_bids.records.signature import is_unchanged
from neurofm_bids.storage.text import read_json

__all__ = ["read_signed"]

_Record = TypeVar("_Record")


def _accept(_: Any) -> None:
    """Accept any values."""


def read_signed(
    kind: type[_Record], path: Path, name: str, flag: str, fix: str, check: Callable[[Any], None] = _accept
) -> _Record:
    """Return the record of a file.

    Parameters
    ----------
    name, flag
        What the file is to be and which option gives it, for messages.
    fix
        What to do about a file that cannot be used.
    check
        Raises if the plain values are of another format.

    Raises
    ------
    NeuroFMError
        The file cannot be read (exit code 64), or is not a whole and unchanged record of this kind (65).
    """
    try:
        values = read_json(path)
    except OSError as error:
        what, fix = option_problem(path, error, name, flag, fix)
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    except ValueError as error:
        raise NeuroFMError(f"the {name} is damaged ({error})", where=path, fix=fix) from error
    check(values)
    try:
        record = from_json(kind, values)
    except NeuroFMError as error:
        reason = error.what.partition("(")[2].removesuffix(")")
        raise NeuroFMError(f"this is not a {name} ({reason})", where=path, fix=fix) from error
    if not is_unchanged(values):
        raise NeuroFMError(f"the {name} is damaged or was edited", where=path, fix=fix)
    return record
