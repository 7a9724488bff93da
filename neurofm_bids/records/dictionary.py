"""What each column of a table means: LongName, Description, Units, Levels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurofm_bids.records.prediction import Prediction
from neurofm_bids.storage.text import read_json

__all__ = [
    "Entry",
    "acquisition",
    "analysis_table",
    "asymmetry_column",
    "attribution",
    "centile_columns",
    "column",
    "confidence_column",
    "evaluation_columns",
    "feature",
    "metric",
    "metric_column",
    "morphometry",
    "prediction",
    "prediction_column",
    "readout",
    "readout_column",
    "readout_columns",
    "region_title",
    "volume_column",
]

Entry = dict[str, Any]

_SUFFIXES = {"year": "_years", "mm^3": "_mm3", "mm": "_mm"}


@cache
def _dictionary() -> dict[str, dict[str, Any]]:
    path = Path(str(files("neurofm_bids"))) / "data" / "dictionary.json"
    loaded: dict[str, dict[str, Any]] = read_json(path)
    return loaded


def column(name: str) -> Entry:
    """Return the entry of a column that every dataset has.

    >>> column("age_gap_years")["Units"]
    'year'
    """
    return dict(_dictionary()["columns"][name])


def feature(number: int) -> Entry:
    """Return the entry of one feature."""
    entry = _dictionary()["feature"]
    return {**entry, "LongName": f"{entry['LongName']} {number}"}


def acquisition(name: str) -> Entry:
    """Return the entry of an acquisition parameter.

    >>> acquisition("EchoTime")["Units"]
    's'
    """
    unknown = {"LongName": name, "Description": f"{name} in the metadata of the image"}
    return dict(_dictionary()["acquisition"].get(name, unknown))


@cache
def metric_column(name: str) -> str:
    """Return the column of an image quality metric.

    >>> metric_column("odd name")
    'odd_name'
    """
    return _safe(name)


def metric(name: str) -> Entry:
    """Return the entry of an image quality metric.

    >>> metric("rotation_degrees")["Units"]
    'degree'
    """
    words = _safe(name).replace("_", " ")
    unknown = {
        "LongName": words[:1].upper() + words[1:],
        "Description": f"Image quality metric {_safe(name)} as recorded with the scan",
        "Units": "arbitrary",
    }
    return dict(_dictionary()["quality"].get(name, unknown))


def readout_column(name: str, part: str = "") -> str:
    """Return the column of the score of a readout, or of what belongs to it.

    >>> readout_column("hand grip"), readout_column("raven", "centile")
    ('readout_hand_grip', 'readout_raven_centile')
    """
    return f"readout_{_safe(name)}{part and '_' + _safe(part)}"


def readout_columns() -> dict[str, Entry]:
    """Return the entries of the columns of a table of scores of one scan.

    >>> readout_columns()["centile"]["Units"]
    'percent'
    """
    return {name: dict(entry) for name, entry in _dictionary()["readouts"].items() if name != "class"}


def readout(title: str, part: str, units: str = "") -> Entry:
    """Return the entry of a column of scores of scans.

    Parameters
    ----------
    title
        What the readout is.
    part
        Key of the entry, such as ``value`` or ``centile``.
    units
        Of the entry if it has none.
    """
    entry = _dictionary()["readouts"][part]
    unit = {"Units": units} if units and "Units" not in entry else {}
    return {**entry, **unit, "LongName": f"{title}, {entry['LongName']}"}


def volume_column(name: str) -> str:
    """Return the column of the volume of a region.

    >>> volume_column("left_hippocampus")
    'left_hippocampus_mm3'
    """
    return f"{_safe(name)}_mm3"


def asymmetry_column(name: str) -> str:
    """Return the column of the asymmetry of a structure."""
    return f"{_safe(name)}_asymmetry"


def confidence_column(name: str) -> str:
    """Return the column of the confidence in the volume of a region."""
    return f"{_safe(name)}_confidence"


def morphometry(volumes: Iterable[str], structures: Iterable[str]) -> dict[str, Entry]:
    """Return the entries of the columns of volumes, asymmetries and confidence.

    >>> morphometry(["left_hippocampus"], [])["left_hippocampus_mm3"]["LongName"]
    'Left hippocampus, volume'
    """
    volumes = list(volumes)
    kinds = (
        ("volume", volume_column, volumes),
        ("asymmetry", asymmetry_column, structures),
        ("confidence", confidence_column, volumes),
    )
    return {column_of(name): _of_region(kind, name) for kind, column_of, names in kinds for name in names}


def _of_region(kind: str, name: str) -> Entry:
    entry = _dictionary()["morphometry"][kind]
    return {**entry, "LongName": f"{region_title(name)}, {entry['LongName']}"}


def centile_columns() -> dict[str, Entry]:
    """Return the entries of the columns of a table of centiles.

    >>> centile_columns()["z"]["Units"]
    '1'
    """
    return {name: dict(entry) for name, entry in _dictionary()["centiles"].items()}


def evaluation_columns() -> dict[str, Entry]:
    """Return the entries of the columns of the table of how well tasks can be read.

    >>> evaluation_columns()["people"]["Units"]
    'count'
    """
    return {name: dict(entry) for name, entry in _dictionary()["evaluation"].items()}


def analysis_table(name: str) -> tuple[str, dict[str, Entry]]:
    """Return what a table of an analysis of a cohort holds, and what its columns mean.

    Parameters
    ----------
    name
        In ``bids.names.GROUP_OUTPUTS``.
    """
    about = _dictionary()["analyses"][name]
    return about["Description"], {column: dict(entry) for column, entry in about["Columns"].items()}


def region_title(name: str) -> str:
    """Return the name of a region as people read it.

    >>> region_title("left_hippocampus"), region_title("csf")
    ('Left hippocampus', 'CSF')
    """
    words = _safe(name).replace("_", " ")
    return "CSF" if words == "csf" else words[:1].upper() + words[1:]


def attribution(name: str) -> Entry:
    """Return the entry of a column of the table of attributions by region.

    >>> attribution("share")["Units"]
    '1'
    """
    return dict(_dictionary()["attribution"][name])


def prediction_column(name: str, units: str, of_class: str | None = None) -> str:
    """Return the column of a predicted value.

    >>> prediction_column("age", "year"), prediction_column("sex", "1", "male")
    ('predicted_age_years', 'predicted_male_probability')
    """
    if of_class is not None:
        return f"predicted_{_safe(of_class)}_probability"
    return f"predicted_{_safe(name)}{_SUFFIXES.get(units, '')}"


def prediction(name: str, about: Prediction) -> dict[str, Entry]:
    """Return the entries of a prediction's columns: its value, then ``_sd``, ``_lower95``, ..."""
    column, (low, high) = prediction_column(name, about.units, about.of_class), about.range
    text = f"{about.description}. Supported range: {low:.10g} to {high:.10g}"
    entries = {column: {"LongName": about.long_name, "Description": text, "Units": about.units}}
    for part, entry in _dictionary()["parts"].items():
        unit = {} if "Levels" in entry else {"Units": about.units}
        entries[f"{column}_{part}"] = {**entry, **unit, "LongName": f"{about.long_name}, {entry['LongName']}"}
    return entries


def _safe(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_") or "unnamed"
