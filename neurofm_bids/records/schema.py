"""Typed records as frozen dataclasses with one mapping to and from JSON, and a JSON Schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_pascal
from pydantic.json_schema import GenerateJsonSchema

from neurofm_bids.errors import NeuroFMError

__all__ = ["RECORD", "from_json", "from_text", "json_schema", "to_json", "to_text"]

_SPELLINGS = {"uri": "URI", "sd": "SD", "weights_sha256": "WeightsSHA256"}


def _key(name: str) -> str:
    return _SPELLINGS.get(name, to_pascal(name))


RECORD = ConfigDict(
    alias_generator=_key,
    populate_by_name=True,
    allow_inf_nan=False,
    extra="forbid",
    json_schema_serialization_defaults_required=True,  # a file holds every field
)
_DIGITS = 7
_PLAIN = {"missing": "is absent", "unexpected_keyword_argument": "is unknown"}
_Record = TypeVar("_Record")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def to_json(record: Any) -> dict[str, Any]:
    """Return a record as plain values with the keys of its JSON file, numbers to seven significant digits."""
    values: dict[str, Any] = _rounded(_adapter(type(record)).dump_python(record, mode="json", by_alias=True))
    return values


def from_json(kind: type[_Record], values: Any) -> _Record:
    """Return the record that plain values describe; no value is converted, such as text to a number.

    Raises
    ------
    NeuroFMError
        A value is absent, unknown, of another type, or not finite; the message names its key.
    """
    try:
        record: _Record = _adapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or kind.__name__
        reason = f"{key} {_PLAIN[first['type']]}" if first["type"] in _PLAIN else f"{key}: {first['msg']}"
        raise NeuroFMError(f"the record cannot be used ({reason})") from error
    return record


def to_text(value: Any, kind: Any) -> str:
    """Return a record, or a collection of records, as exact text that :func:`from_text` reads back."""
    return _adapter(kind).dump_json(value, by_alias=True).decode()


def from_text(kind: Any, text: str) -> Any:
    """Return what :func:`to_text` wrote."""
    return _adapter(kind).validate_json(text)


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the files that hold a record.

    The descriptions of its properties are those of the parameters in the docstrings of the records.
    """
    schema: dict[str, Any] = _adapter(kind).json_schema(schema_generator=_Untitled, mode="serialization")
    for definition in (schema, *schema.get("$defs", {}).values()):
        _describe(definition)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles of properties, which only repeat their keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _describe(definition: dict[str, Any]) -> None:
    text, _, parameters = (
        definition["description"].replace("``", "").partition("\n\nParameters\n----------\n")
    )
    definition["description"] = " ".join(text.split())
    for names, about in re.findall(r"^(\S.*)\n((?: +.*\n?)+)", parameters, re.MULTILINE):
        for name in names.split(", "):
            definition["properties"][_key(name)]["description"] = " ".join(about.split())


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
