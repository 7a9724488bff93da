"""Reading the outputs of scans, all of one run of the participant level, and the lists of failed scans."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.names import FAILED, LOGS, T1W, Derivatives, t1w_stem
from neurofm_bids.bids.problems import folder_problem
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.atomic import file_version
from neurofm_bids.storage.tables import read_tsv
from neurofm_bids.storage.text import read_json

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


def read_failures(out_dir: Path, bids_dir: Path, is_selected: Callable[[str, str], bool]) -> dict[str, str]:
    """Return why selected scans failed in the latest run that lists them, and what to do, by stem.

    Parameters
    ----------
    bids_dir
        The dataset: images that are not there any more do not count.
    is_selected
        Tells from label of the participant and stem whether a scan is selected.
    """
    reasons: dict[str, str] = {}
    for path in sorted(out_dir.glob(f"{LOGS}/*/{FAILED}"), reverse=True):
        for row in _rows(path):
            scan = PurePosixPath(row.get("scan", ""))
            stem, subject = t1w_stem(scan.name), "".join(scan.parts[:1]).removeprefix("sub-")
            if stem and is_selected(subject, stem) and _is_there(bids_dir / scan):
                step, reason = row.get("step") or "a step", row.get("reason") or "no reason given"
                text = f"failed in {step}: {reason}"
                reasons.setdefault(stem, f"{text}. {fix}" if (fix := row.get("fix")) else text)
    return reasons


def _is_there(path: Path) -> bool:
    """Tell whether the image of a failed scan still exists, or a folder is still closed."""
    return os.path.lexists(path) and (T1W.search(path.name) is not None or folder_problem(path) is not None)


def _rows(path: Path) -> Sequence[Mapping[str, str]]:
    try:
        return read_tsv(path)[1]
    except (OSError, ValueError):
        _log.warning("A list of failed scans cannot be read and is ignored: %s", path)
        return []


def _read_once(out: Derivatives, stored: StoredScan) -> tuple[ScanRecord, _Features]:
    paths = {name: out.path(stored, name) for name in ("features", "sidecar", "predictions")}
    _check_files(paths.values())
    sidecar, values = _json(paths["sidecar"]), _json(paths["predictions"])
    try:
        record = ScanRecord.from_dict(values)
        _check(stored, out.label, record)
        if not isinstance(sidecar, dict) or sidecar.get("NeuroFM") != values["Provenance"]:
            raise NeuroFMError("features and predictions come from different runs")
        template = str(record.provenance.parameters.get("template", out.template))
        others = set(replace(out, template=template).required(stored, False)) - {*paths.values()}
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=stored.stem, fix=_FIX) from error
    _check_files(sorted(others))
    return record, _features(paths["features"])


def _check_files(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.is_file():
            raise NeuroFMError("a file is missing", where=path.name, fix=_FIX)
        if not path.stat().st_size:
            raise NeuroFMError("a file is empty", where=path.name, fix=_FIX)


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
        expected = [f"f{i:03d}" for i in range(len(columns))]
        if len(rows) != 1 or list(columns) != expected or "" in rows[0].values():
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
