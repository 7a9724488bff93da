"""One scan's outputs: read, checked, and reduced to what the tables need."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from sys import intern
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import NeuroFMError

__all__ = ["ENDINGS", "Common", "FlagRecord", "Predicted", "Reading", "Row", "read_scan", "stem_of"]

ENDINGS = ("features.tsv", "features.json", "predictions.json")

_FIX = "Run the participant level again for this scan."


@dataclass(frozen=True, slots=True)
class Predicted:
    """One prediction of one scan, in the units of its target.

    ``sd`` and the 95 % interval describe repeatability over views of the same scan, not accuracy; they
    are None where there was one view.
    """

    value: float
    sd: float | None
    lower95: float | None
    upper95: float | None
    in_range: bool | None


@dataclass(frozen=True, slots=True)
class FlagRecord:
    """One flag raised for a scan; severity is ``warning`` or ``serious``."""

    name: str
    message: str
    severity: str


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one scan.

    Parameters
    ----------
    stem
        File name of the T1w without its suffix, such as ``sub-01_ses-x_run-1``.
    subject, session
        Labels without ``sub-`` and ``ses-``.
    scan
        Path of the T1w in its dataset.
    predictions
        By name of the target.
    age_years, age_gap_years, sex
        From participants.tsv; the gap is predicted minus chronological age, not bias-corrected.
    measured, quality
        By name; None where a measure could not be had.
    flags
        Quality and range flags.
    views
        How many views of the scan were averaged.
    weights_sha256, parameters_hash, version
        What the outputs were made with.
    """

    stem: str
    subject: str
    session: str | None
    scan: str
    predictions: Mapping[str, Predicted]
    age_years: float | None
    age_gap_years: float | None
    sex: str | None
    measured: Mapping[str, float | None]
    quality: Mapping[str, float | None]
    flags: tuple[FlagRecord, ...]
    views: int | None
    weights_sha256: str
    parameters_hash: str
    version: str


@dataclass(frozen=True, slots=True)
class Common:
    """What the scans of one model share: model, targets by name, package versions and settings."""

    model: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A row with its features, shape (d,), and what it shares with others."""

    row: Row
    features: npt.NDArray[np.float32]
    common: Common


def stem_of(scan: str) -> str:
    """Return the stem of a T1w path.

    >>> stem_of("sub-01/anat/sub-01_run-1_T1w.nii.gz")
    'sub-01_run-1'
    """
    name = PurePosixPath(scan).name
    for ending in (".gz", ".nii", "_T1w"):
        name = name.removesuffix(ending)
    return name


def read_scan(folder: Path, stem: str, label: str) -> Reading:
    """Read the features, predictions and provenance of one scan.

    Parameters
    ----------
    folder
        The scan's ``anat`` folder in the output tree.
    stem
        Stem of the scan.
    label
        Model label used in ``desc-``.

    Raises
    ------
    NeuroFMError
        A file is absent, unreadable, not finite, or does not belong to the others.
    """
    paths = {ending: folder / f"{stem}_desc-{label}_{ending}" for ending in ENDINGS}
    for path in paths.values():
        if not path.is_file():
            raise NeuroFMError("a file is missing", where=path.name, fix=_FIX)
    features = _guard(_features, paths["features.tsv"])
    sidecar = _guard(_json, paths["features.json"])
    record = _guard(_json, paths["predictions.json"])
    try:
        made = _mapping(sidecar, "NeuroFM")
        row = _row(stem, record, made)
        _check_place(folder, stem, label, record)
        common = Common(
            model=_mapping(record, "Model"),
            targets=_mapping(record, "Predictions"),
            software=_texts(made.get("Software")),
            parameters=made.get("Parameters") or {},
        )
        return Reading(row, features, common)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NeuroFMError(
            f"the outputs do not fit together ({_words(error)})", where=stem, fix=_FIX
        ) from error


def _guard(reader: Any, path: Path) -> Any:
    try:
        return reader(path)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise NeuroFMError(f"a file cannot be used ({_words(error)})", where=path.name, fix=_FIX) from error


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is absent"
    if isinstance(error, OSError):
        return error.strerror or "unreadable"
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg}"
    return " ".join(str(error).split())


def _features(path: Path) -> npt.NDArray[np.float32]:
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) != 2:
        msg = f"{len(lines)} lines instead of 2"
        raise ValueError(msg)
    names, cells = (line.split("\t") for line in lines)
    if len(names) != len(cells) or names != [f"f{i:03d}" for i in range(len(names))]:
        msg = "the columns are not f000 onwards with one value each"
        raise ValueError(msg)
    values = np.array(cells, dtype=np.float32)
    if not np.isfinite(values).all():
        msg = "a feature is not finite"
        raise ValueError(msg)
    return values


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    if not isinstance(value, dict):
        msg = "invalid JSON: not an object"
        raise ValueError(msg)
    return value


def _refuse(token: str) -> NoReturn:
    msg = f"{token} is not a finite number"
    raise ValueError(msg)


def _row(stem: str, record: Mapping[str, Any], made: Mapping[str, Any]) -> Row:
    predictions = _mapping(record, "Predictions")
    age = predictions.get("age", {})
    person = record.get("Participant") or {}
    scan = str(record["Scan"])
    session = record.get("Session")
    return Row(
        stem=stem,
        subject=str(record["Subject"]),
        session=None if session is None else str(session),
        scan=scan.split(":", 2)[2] if scan.startswith("bids:") else scan,
        predictions={intern(name): _predicted(name, value) for name, value in predictions.items()},
        age_years=_number("age", age.get("Chronological", person.get("age_years"))),
        age_gap_years=_number("age gap", age.get("Gap")),
        sex=person.get("sex"),
        measured=_numbers(record.get("Measured")),
        quality=_numbers(record.get("Quality")),
        flags=tuple(_flag(flag) for flag in record.get("Flags") or ()),
        views=record.get("Views"),
        weights_sha256=intern(_same_weights(_mapping(record, "Model"), made)),
        parameters_hash=intern(str(made["ParametersHash"])),
        version=intern(str(made["Version"])),
    )


def _same_weights(model: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    weights = str(model["WeightsSHA256"])
    if weights != str(made["WeightsSHA256"]):
        msg = "features and predictions come from different weights"
        raise ValueError(msg)
    return weights


def _check_place(folder: Path, stem: str, label: str, record: Mapping[str, Any]) -> None:
    subject, session = record["Subject"], record.get("Session")
    folders = [f"sub-{subject}", *([] if session is None else [f"ses-{session}"]), "anat"]
    if list(folder.parts[-len(folders) :]) != folders or not f"{stem}_".startswith(
        "_".join([*folders[:-1], ""])
    ):
        msg = "they lie in the folder of another participant or session"
        raise ValueError(msg)
    if stem_of(str(record["Scan"])) != stem:
        msg = f"the record names the scan {stem_of(str(record['Scan']))}"
        raise ValueError(msg)
    if record["Model"].get("Label", label) != label:
        msg = f"the record names the model {record['Model']['Label']}"
        raise ValueError(msg)


def _predicted(name: str, value: Mapping[str, Any]) -> Predicted:
    central = _number(name, value["Value"])
    if central is None:
        msg = f"{name} is not finite"
        raise ValueError(msg)
    lower, upper = value.get("Interval95") or (None, None)
    in_range = value.get("InRange")
    return Predicted(
        value=central,
        sd=_number(name, value.get("SD")),
        lower95=_number(name, lower),
        upper95=_number(name, upper),
        in_range=None if in_range is None else bool(in_range),
    )


def _flag(value: Mapping[str, Any]) -> FlagRecord:
    name, message = str(value["Name"]), str(value.get("Message", ""))
    return FlagRecord(intern(name), intern(message), intern(str(value.get("Severity", "warning"))))


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        msg = f"{name} is not a finite number"
        raise ValueError(msg)
    return float(value)


def _numbers(value: Any) -> dict[str, float | None]:
    return {intern(str(name)): _number(str(name), item) for name, item in (value or {}).items()}


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(item) for name, item in (value or {}).items()}


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value[key]
    if not isinstance(inner, dict):
        msg = f"{key} is not an object"
        raise ValueError(msg)
    return inner
