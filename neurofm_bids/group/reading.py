"""Reading the outputs of scans, all of one run of the participant level, and the lists of failed scans."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.filters import selector
from neurofm_bids.bids.names import FAILED, LOGS, T1W, Derivatives, t1w_stem
from neurofm_bids.bids.problems import folder_problem
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.config import Selection
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.atomic import file_version
from neurofm_bids.storage.tables import read_tsv
from neurofm_bids.storage.text import printable, read_json

__all__ = ["read_failures", "read_scan"]

_log = logging.getLogger(__name__)

_TRIES = 3
_FIX = "Run the participant level again for this scan."
_Features = npt.NDArray[np.float32]


def read_scan(out: Derivatives, stored: StoredScan) -> tuple[ScanRecord, _Features]:
    """Return record and features of one scan, both of one run of the participant level.

    Raises
    ------
    NeuroFMError
        A file is absent, unreadable, not finite, or does not belong to the others.
    """
    sidecar = out.path(stored, "sidecar")
    for _ in range(_TRIES):
        before = file_version(sidecar)
        record, features = _read_once(out, stored)
        if file_version(sidecar) == before:  # it is removed first and written last
            return record, features
    raise NeuroFMError("the scan is being written", where=stored.stem, fix="Run the group level again later.")


def read_failures(out_dir: Path, bids_dir: Path, selection: Selection) -> dict[str, str]:
    """Return why selected scans failed in the latest run, by stem, and why folders were closed, by path.

    Parameters
    ----------
    bids_dir
        The dataset: images that are not there any more do not count.
    selection
        Only its participants count for a folder: it may hold scans of any session.
    """
    is_selected, has_selected = selector(selection), selector(Selection(selection.participant_label))
    reasons: dict[str, str] = {}
    for path in sorted(out_dir.glob(f"{LOGS}/*/{FAILED}"), reverse=True):
        for row in _rows(path):
            scan = PurePosixPath(row.get("scan", ""))
            subject, is_image = "".join(scan.parts[:1]).removeprefix("sub-"), bool(T1W.search(scan.name))
            name, counts = (t1w_stem(scan.name), is_selected) if is_image else (str(scan), has_selected)
            if counts(subject, name) and _is_there(bids_dir, scan, is_image=is_image):
                step, reason = row.get("step") or "a step", row.get("reason") or "no reason given"
                reasons.setdefault(name, f"failed in {step}: {reason}")
    return reasons


def _is_there(bids_dir: Path, scan: PurePosixPath, *, is_image: bool) -> bool:
    """Tell whether the image of a failed scan still exists, or a folder is still closed."""
    path = bids_dir
    for part in scan.parts:
        path /= part if os.path.lexists(path / part) else _name_written_as(part, path)
    return os.path.lexists(path) and (is_image or folder_problem(path) is not None)


def _name_written_as(text: str, folder: Path) -> str:
    """Return the name in a folder of which this is the printable form, or the text itself."""
    try:
        return next((path.name for path in folder.iterdir() if printable(path.name) == text), text)
    except OSError:
        return text


def _rows(path: Path) -> Sequence[Mapping[str, str]]:
    try:
        return read_tsv(path)[1]
    except (OSError, ValueError):
        _log.warning("A list of failed scans cannot be read and is ignored: %s", path)
        return []


def _read_once(out: Derivatives, stored: StoredScan) -> tuple[ScanRecord, _Features]:
    paths = {name: out.path(stored, name) for name in ("features", "sidecar", "predictions")}
    for path in paths.values():
        if not path.is_file():
            raise NeuroFMError("a file is missing", where=path.name, fix=_FIX)
    sidecar, values = _json(paths["sidecar"]), _json(paths["predictions"])
    try:
        record = ScanRecord.from_dict(values)
        _check(stored, out.label, record)
        if not isinstance(sidecar, dict) or sidecar.get("NeuroFM") != values["Provenance"]:
            raise NeuroFMError("features and predictions come from different runs")
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=stored.stem, fix=_FIX) from error
    return record, _features(paths["features"])


def _check(stored: StoredScan, label: str, record: ScanRecord) -> None:
    """Raise if a record does not belong to its place."""
    scan, model = record.scan, record.provenance.model
    if (scan.subject, scan.session, scan.stem) != (stored.subject, stored.session, stored.stem):
        raise NeuroFMError(f"the record is of another scan ({scan.stem})")
    if not f"{stored.stem}_".startswith(_prefix(stored)):
        raise NeuroFMError("the files are in the folder of another participant or session")
    if model.label != label:
        raise NeuroFMError(f"the record belongs to the model {model.label}")


def _prefix(stored: StoredScan) -> str:
    return f"sub-{stored.subject}_" + (f"ses-{stored.session}_" if stored.session else "")


def _features(path: Path) -> _Features:
    try:
        columns, rows = read_tsv(path)
        if len(rows) != 1 or tuple(columns) != feature_columns(len(columns)) or "" in rows[0].values():
            raise ValueError("the table does not have exactly one row with the columns f000, f001, ...")
        values = np.array(list(rows[0].values()), dtype=np.float32)
        if not np.isfinite(values).all():
            raise ValueError("a feature is not finite")
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    return values


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> NeuroFMError:
    words = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    text = "invalid JSON: " * isinstance(error, json.JSONDecodeError) + " ".join(words.split())
    return NeuroFMError(f"a file cannot be used ({text})", where=path.name, fix=_FIX)
