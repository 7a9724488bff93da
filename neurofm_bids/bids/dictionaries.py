"""Data dictionaries of a dataset: the JSON files beside its tables that say what the columns mean."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from neurofm_bids.bids.demographics import UNITS, Definition, years_per_unit
from neurofm_bids.bids.entities import is_hidden
from neurofm_bids.bids.sidecars import read_sidecar
from neurofm_bids.errors import NeuroFMError

__all__ = ["DataDictionaries"]

_log = logging.getLogger(__name__)

_RANGES = {"min", "max", "minimum", "maximum", "lowest", "highest", "youngest", "oldest"}  # no levels
_RANGES |= {"mean", "median", "sd", "std", "range", "n", "count"}

_KEYS = {"LongName": str, "Description": str, "Units": str, "Levels": dict}
_SPELLED = {key.lower(): key for key in _KEYS} | {"unit": "Units", "level": "Levels"}
_MISSING = (None, "", "n/a")
_NAMED_UNIT = re.compile(
    r"(?<!\d)(?<!\d[ -])\b(years|months|weeks|days)\b|\bin (year|month|week|day)\b(?! of\b)"
    r"|[(\[](y|yrs?|year|mos?|month|wks?|week|d|day)\.?[)\]]"
)  # of an age; not the day of a scan, nor 30 days before it
_PHENOTYPE = "phenotype"
_DEMOGRAPHIC = {"age", "sex", "gender"}
_OPEN = 64  # dictionaries kept: those at the root are asked for again and again

_Entries = Mapping[str, Mapping[str, Any]]


class DataDictionaries:
    """The data dictionaries of a dataset; each is read when it is needed.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    """

    def __init__(self, bids_dir: Path) -> None:
        self._root = bids_dir
        self._read = lru_cache(maxsize=_OPEN)(_read)
        self._demographics = lru_cache(maxsize=_OPEN)(self._read_demographics)

    def columns(self) -> dict[str, dict[str, Any]]:
        """Return LongName, Description, Units and Levels by column; phenotypes as ``<file>.<column>``."""
        columns: dict[str, dict[str, Any]] = {}
        for path in self._paths():
            prefix = f"{path.stem}." if path.parent.name == _PHENOTYPE else ""
            columns |= {
                f"{prefix}{name}": {
                    k: entry[k] for k, kind in _KEYS.items() if isinstance(entry.get(k), kind)
                }
                for name, entry in (self._read(path) or {}).items()
            }
        return columns

    def _paths(self) -> Iterator[Path]:
        """Yield the data dictionaries; of columns with the same name, the last one's entry is used."""
        own: dict[str, list[Path]] = {"_sessions.json": [], "_scans.json": []}
        of_sessions: list[Path] = []
        for folder in sorted(self._root.glob("sub-*")):
            names = _names(folder)
            for ending, paths in own.items():
                paths += [folder / n for n in names if n.startswith("sub-") and n.endswith(ending)]
            for session in (folder / name for name in names if name.startswith("ses-")):
                of_sessions += sorted(session.glob("sub-*_scans.json"))
        phenotype = sorted((self._root / _PHENOTYPE).glob("*.json"))
        yield from (path for path in phenotype if not is_hidden(path.name))
        yield from (self._root / "participants.json", self._root / "sessions.json", *own["_sessions.json"])
        yield from (self._root / "scans.json", *own["_scans.json"], *of_sessions)

    def definition(self, *names: str) -> Definition:
        """Return what some files say of age and sex, of those that do the last one.

        Parameters
        ----------
        names
            Paths in the dataset, the farthest from the images first.
        """
        merged: dict[str, dict[str, Any]] = {}
        for name in names:
            for column, entry in self._demographics(name).items():
                merged.setdefault(column, {}).update(entry)
        levels = {column: entry.get("Levels", {}) for column, entry in merged.items()}
        return Definition(merged.get("age", {}).get("Units", 1.0), levels)

    def _read_demographics(self, name: str) -> dict[str, dict[str, Any]]:
        """Return years per unit of age, and levels of age and sex as texts, as far as a file has them."""
        entries = self._read(self._root / name)
        if entries is None:  # ages may be in months, for all that is known
            return {"age": {"Units": None}}
        known = {column.strip().lower(): entry for column, entry in entries.items()}
        return {
            column: (_units(name, known[column]) if column == "age" else {}) | _levels(known[column])
            for column in _DEMOGRAPHIC & known.keys()
        }


def _read(path: Path) -> _Entries | None:
    """Return the columns in a file; none if there is no file, and None if it cannot be used."""
    if not os.path.lexists(path):
        return {}
    try:
        return {name: _entry(entry) for name, entry in read_sidecar(path).items() if isinstance(entry, dict)}
    except NeuroFMError as error:
        _log.warning("%s", error)
        return None


def _entry(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file has of a column or level, with keys as in BIDS; a value under its own key counts."""
    keys = sorted(written, key=_KEYS.__contains__)
    spelled = {key: _SPELLED.get(re.sub(r"[ _]", "", key).lower(), key) for key in keys}
    return {spelled[key]: written[key] for key in keys if written[key] not in _MISSING}


def _units(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return years per unit, and None for a unit that is not known or that only the description names."""
    units = entry.get("Units")
    if units is None:
        return _described_units(name, entry)
    years = years_per_unit(str(units))
    if years is None:
        text = "%s gives age in %.50r, which is not a known unit: these ages are not used. Use %s, as in %s."
        _log.warning(text, name, units, UNITS, '{"age": {"Units": "year"}}')
    return {"Units": years}


def _described_units(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    texts = [str(entry.get(key, "")) for key in ("LongName", "Description")]
    named = _NAMED_UNIT.search(". ".join(texts).lower().replace("(s)", "s").replace("_", " "))
    unit = next(filter(None, named.groups()), "year") if named else "year"
    if years_per_unit(unit) == 1:
        return {}
    text = "%s: the description of age names %s, and there are no Units: these ages are not used. Add %s."
    _log.warning(text, name, unit, json.dumps({"age": {"Units": unit}}))
    return {"Units": None}


def _levels(entry: Mapping[str, Any]) -> dict[str, Any]:
    levels = entry.get("Levels")
    if not isinstance(levels, dict):
        return {}
    described = {k: v if isinstance(v, dict) else {"Description": v} for k, v in levels.items()}
    texts = {key: str(_entry(level).get("Description", "")) for key, level in described.items()}
    # such as {"male": 1}
    swapped = {text: key for key, text in texts.items() if text.isdecimal() and key.lower() not in _RANGES}
    return {"Levels": {**swapped, **texts}}


def _names(folder: Path) -> list[str]:
    """Return the sorted names in a folder; none if it is not one that can be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 -- fast
    except OSError:
        return []
