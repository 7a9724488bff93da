"""Data dictionaries of a dataset: the JSON files beside its tables that say what the columns mean."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from neurofm_bids.bids.demographics import UNITS, Definition, years_per_unit
from neurofm_bids.bids.sidecars import read_sidecar
from neurofm_bids.errors import NeuroFMError

__all__ = ["DataDictionaries"]

_log = logging.getLogger(__name__)

_RANGES = frozenset(("min", "max", "minimum", "maximum", "mean", "median", "sd", "range"))  # no levels

_KEYS = {"LongName": str, "Description": str, "Units": str, "Levels": dict}
_PATTERNS = (
    "phenotype/[!.]*.json",
    "participants.json",
    "sessions.json",
    "sub-*/sub-*_sessions.json",
    "scans.json",
    "sub-*/sub-*_scans.json",
    "sub-*/ses-*/sub-*_scans.json",
)  # of columns with the same name, the last one's entry is used
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
        for pattern in _PATTERNS:
            for path in sorted(self._root.glob(pattern)):
                prefix = f"{path.stem}." if pattern.startswith("phenotype") else ""
                columns |= {
                    f"{prefix}{name}": {
                        k: entry[k] for k, kind in _KEYS.items() if isinstance(entry.get(k), kind)
                    }
                    for name, entry in (self._read(path) or {}).items()
                }
        return columns

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
        known = {column.lower(): entry for column, entry in entries.items()}
        return {
            column: _units(name, known[column]) | _levels(known[column])
            for column in _DEMOGRAPHIC & known.keys()
        }


def _read(path: Path) -> _Entries | None:
    """Return the columns in a file; none if there is no file, and None if it cannot be used."""
    if not os.path.lexists(path):
        return {}
    try:
        return {name: entry for name, entry in read_sidecar(path).items() if isinstance(entry, dict)}
    except NeuroFMError as error:
        _log.warning("%s", error)
        return None


def _units(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    units = entry.get("Units")
    if units in (None, "", "n/a"):
        return {}
    years = years_per_unit(str(units))
    if years is None:
        text = "%s gives age in %.50r, which is not a known unit: these ages are not used. Use %s, as in %s."
        _log.warning(text, name, units, UNITS, '{"age": {"Units": "year"}}')
    return {"Units": years}


def _levels(entry: Mapping[str, Any]) -> dict[str, Any]:
    levels = entry.get("Levels")
    if not isinstance(levels, dict):
        return {}
    texts = {key: str(v.get("Description", "") if isinstance(v, dict) else v) for key, v in levels.items()}
    # such as {"male": 1}
    swapped = {text: key for key, text in texts.items() if text.isdecimal() and key.lower() not in _RANGES}
    return {"Levels": {**swapped, **texts}}
