"""One scan's outputs: read, checked, and reduced to what the tables need."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from sys import intern
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.records import Common, FlagRecord, Predicted, Reading, Row
from neurofm_bids.storage.atomic import file_version

__all__ = ["ENDINGS", "read_scan", "stem_of"]

ENDINGS = ("features.tsv", "features.json", "predictions.json")

_TRIES = 3
_FIX = "Run the participant level again for this scan."


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
    """Read the features, predictions and provenance of one scan, all of one run of the participant level.

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
    sidecar = folder / f"{stem}_desc-{label}_features.json"
    for _ in range(_TRIES):
        before = file_version(sidecar)
        reading = _read_once(folder, stem, label)
        if (
            file_version(sidecar) == before
        ):  # a run that does the scan again removes it first and writes it last
            return reading
    raise NeuroFMError("the scan is just being written", where=stem, fix="Run the group level again later.")


def _read_once(folder: Path, stem: str, label: str) -> Reading:
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
