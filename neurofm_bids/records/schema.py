"""Typed records as frozen dataclasses with one mapping to and from JSON, and a JSON Schema."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_pascal

from neurofm_bids.errors import NeuroFMError

__all__ = ["RECORD", "from_json", "json_schema", "to_json", "to_text"]

_SPELLINGS = {"uri": "URI", "sd": "SD", "weights_sha256": "WeightsSHA256"}


def _key(name: str) -> str:
    return _SPELLINGS.get(name, to_pascal(name))


RECORD = ConfigDict(alias_generator=_key, populate_by_name=True, allow_inf_nan=False)
_DIGITS = 7
_Record = TypeVar("_Record")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(record: Any, *, exact: bool = False) -> dict[str, Any]:
    """Return a record as plain values with the keys of its JSON file.

    Numbers have seven significant digits, unless they are wanted ``exact``.
    """
    values: dict[str, Any] = _adapter(type(record)).dump_python(record, mode="json", by_alias=True)
    return values if exact else _rounded(values)


def to_text(record: Any) -> str:
    """Return a record as the exact text that :func:`from_json` reads back."""
    return json.dumps(to_json(record, exact=True), sort_keys=True, allow_nan=False)


def from_json(kind: type[_Record], values: Any) -> _Record:
    """Return the record that plain values describe.

    Raises
    ------
    NeuroFMError
        A value is absent, has another type, or is not finite; the message names its key.
    """
    try:
        record: _Record = _adapter(kind).validate_python(values)
        return record
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or kind.__name__
        reason = f"{key} is absent" if first["type"] == "missing" else f"{key}: {first['msg']}"
        raise NeuroFMError(f"the record cannot be used ({reason})") from error


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the files that hold a record."""
    schema: dict[str, Any] = _adapter(kind).json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
