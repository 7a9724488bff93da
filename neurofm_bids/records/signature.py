"""Records in files that hold a digest of themselves, so that a change of the file is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from neurofm_bids.records.schema import from_json, to_json

__all__ = ["is_unchanged", "signed"]

_KEY = "Digest"
_Record = TypeVar("_Record")


def signed(record: _Record) -> _Record:
    """Return a record as its file has it: numbers to seven digits, and the SHA-256 of its other fields."""
    values = to_json(record)
    return from_json(type(record), {**values, _KEY: _digest(values)})


def is_unchanged(values: Any) -> bool:
    """Tell whether the plain values of a file are those that were signed.

    >>> is_unchanged({"A": 1, "Digest": "0"})
    False
    """
    return isinstance(values, dict) and values.get(_KEY) == _digest(values)


def _digest(values: Mapping[str, Any]) -> str:
    others = {key: value for key, value in values.items() if key != _KEY}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()
