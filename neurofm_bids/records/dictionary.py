"""What each column of the group tables means: LongName, Description, Units, Levels."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = [
    "Entry",
    "column",
    "features",
    "quality",
    "quality_names",
    "target",
    "target_column",
    "target_names",
]

Entry = dict[str, Any]

_KEYS = ("LongName", "Description", "Units", "Levels")


@cache
def _dictionary() -> dict[str, dict[str, Any]]:
    text = files("neurofm_bids").joinpath("data/dictionary.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


def column(name: str) -> Entry:
    """Return the entry of a column that every dataset has.

    >>> column("age_gap_years")["Units"]
    'year'
    """
    return dict(_dictionary()["columns"][name])


def features(names: Sequence[str]) -> dict[str, Entry]:
    """Return one entry per feature."""
    entry = _dictionary()["feature"]
    return {name: {**entry, "LongName": f"{entry['LongName']} {int(name[1:])}"} for name in names}


def target_names(recorded: Mapping[str, Any]) -> list[str]:
    """Order the names of the targets: those of the dictionary first, then the others by name."""
    known = [name for name in _dictionary()["targets"] if name in recorded]
    return known + sorted(set(recorded) - set(known))


def target_column(name: str) -> str:
    """Return the column of a target's value.

    >>> target_column("age"), target_column("hand grip")
    ('predicted_age_years', 'predicted_hand_grip')
    """
    known = _dictionary()["targets"].get(name)
    return str(known["Column"]) if known else f"predicted_{_safe(name)}"


def target(name: str, recorded: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the entries of a target's columns: its value, then ``_sd``, ``_lower95``, ...

    Parameters
    ----------
    name
        Name of the target in the predictions record.
    recorded
        What a record says of it; used for targets that the dictionary does not know.
    """
    known = _dictionary()["targets"].get(name)
    about = known or {"LongName": f"Predicted {name}", "Description": "Prediction of the model", **recorded}
    value = {key: about[key] for key in _KEYS if about.get(key)}
    value.setdefault("Units", "arbitrary")
    if recorded.get("Range"):
        low, high = recorded["Range"]
        value["Description"] += f". Supported range: {low:g} to {high:g}"
    entries = {target_column(name): value}
    for part, entry in _dictionary()["parts"].items():
        units = {} if "Levels" in entry else {"Units": value["Units"]}
        long_name = f"{value['LongName']}, {entry['LongName']}"
        entries[f"{target_column(name)}_{part}"] = {**entry, **units, "LongName": long_name}
    return entries


def quality_names(recorded: Sequence[str]) -> list[str]:
    """Order the names of quality measures: those of the dictionary first, then the others by name."""
    known = [name for name in _dictionary()["quality"] if name in recorded]
    return known + sorted(set(recorded) - set(known))


def quality(name: str) -> tuple[str, Entry]:
    """Return the column of a quality measure and its entry.

    >>> quality("odd name")[0]
    'odd_name'
    """
    known = _dictionary()["quality"].get(name)
    long_name = _safe(name).replace("_", " ")
    unknown = {
        "LongName": long_name[:1].upper() + long_name[1:],
        "Description": f"Quality measure {_safe(name)} as recorded with the scan",
        "Units": "arbitrary",
    }
    return _safe(name), dict(known or unknown)


def _safe(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_") or "unnamed"
