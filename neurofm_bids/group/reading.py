"""Reading the outputs of scans, all of one run of the participant level, and the lists of failed scans."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.names import FAILED, LOGS, TASKS
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError, with_fix
from neurofm_bids.group.presence import selected_images
from neurofm_bids.records.feature_table import read_features
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


def read_failures(out_dir: Path, bids_dir: Path, selector: Selector) -> dict[str, str]:
    """Return why selected scans failed in the latest run, by stem, and why folders were closed, by path.

    Parameters
    ----------
    bids_dir
        The dataset: images that a run would not select any more do not count.
    selector
        Only its participants count for a folder: it may hold scans of any session.
    """
    paths = _failure_lists(out_dir)
    rows = {row.get("scan", ""): row for path in paths for row in _rows(path)}
    names = selected_images(bids_dir, {scan.partition("/")[0] for scan in rows}, selector)
    return {names[scan]: _failure(row) for scan, row in rows.items() if scan in names}


def _failure_lists(out_dir: Path) -> list[Path]:
    """Return the lists of failed scans in the order of runs; those of tasks precede that of their run."""
    logs = out_dir / LOGS
    paths = [*logs.glob(f"*/{TASKS}/*/{FAILED}"), *logs.glob(f"*/{FAILED}")]
    return sorted(paths, key=lambda path: path.relative_to(logs).parts[0])


def _failure(row: Mapping[str, str]) -> str:
    text = f"failed in {row.get('step') or 'a step'}: {row.get('reason') or 'no reason given'}"
    return with_fix(text, row.get("fix", ""))


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
        required = replace(out, template=template).required(stored)
        others = set(required) - set(paths.values())
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=stored.stem, fix=_FIX) from error
    _check_files(sorted(others))
    try:
        return record, read_features(paths["features"])
    except (OSError, ValueError) as error:
        raise _unusable(paths["features"], error) from error


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


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> NeuroFMError:
    words = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    text = "invalid JSON: " * isinstance(error, json.JSONDecodeError) + " ".join(words.split())
    return NeuroFMError(f"a file cannot be used ({text})", where=path.name, fix=_FIX)
