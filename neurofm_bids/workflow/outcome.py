"""What became of one scan: its outputs written, or why not."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.derivatives import write_bytes, write_json, write_text
from neurofm_bids.bids.scans import Scan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.workflow.graph import FAILURE, STEPS, step_folder
from neurofm_bids.workflow.plan import Job
from neurofm_bids.workflow.record import features_table, predictions_record, sidecar_record
from neurofm_bids.workflow.runlog import Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neurofm_bids.model.encoder import Encoding

__all__ = ["finish_scan", "is_cut_short", "preprocessing_failure", "read_grid"]


def is_cut_short(work: Path, index: int) -> bool:
    """Tell whether the scan number ``index`` neither failed nor came to its end."""
    failed = any((step_folder(work, index, step) / FAILURE).is_file() for step in STEPS)
    return not failed and not _is_preprocessed(work, index)


def _is_preprocessed(work: Path, index: int) -> bool:
    return (step_folder(work, index, STEPS[-1]) / "grid.svg").is_file()


def preprocessing_failure(scan: Scan, work: Path, index: int, said: str = "") -> Failure | None:
    """Return why preprocessing failed, or None; ``said`` are nipype's words, for the crash file."""
    for step in STEPS:
        path = step_folder(work, index, step) / FAILURE
        if path.is_file():
            record = json.loads(path.read_text())
            trace = "" if record["expected"] else record["traceback"]
            return _scan_failure(scan, step, record["reason"], record["fix"], trace)
    if not _is_preprocessed(work, index):
        reason = "preprocessing left no outputs"
        return _scan_failure(scan, "preprocess", reason, "Please report this with the crash file.", said)
    return None


def _scan_failure(scan: Scan, step: str, reason: str, fix: str, trace: str = "") -> Failure:
    return Failure(str(scan.relative), scan.subject, scan.stem, step, reason, fix, trace)


def read_grid(work: Path, index: int) -> NDArray[np.float32]:
    """Return the model-grid volume of the scan number ``index``."""
    import numpy as np

    from neurofm_bids.workflow.images import read_image

    return np.asarray(read_image(step_folder(work, index, "grid") / "grid.nii").dataobj, dtype=np.float32)


def finish_scan(
    job: Job, scan: Scan, work: Path, index: int, encoding: Encoding | Exception
) -> Failure | None:
    """Write the outputs of one encoded scan; return why if it was not encoded or that fails."""
    try:
        if isinstance(encoding, Exception):
            raise encoding
        _write_scan(job, scan, work, index, encoding)
    except NeuroFMError as error:
        return _scan_failure(scan, "encode", error.reason, error.fix)
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        reason = f"{type(error).__name__}: {error}"
        return _scan_failure(scan, "encode", reason, "Please report this with the crash file.", trace)
    return None


def _write_scan(job: Job, scan: Scan, work: Path, index: int, encoding: Encoding) -> None:
    from neurofm_bids.workflow.images import write_derivative_images

    folders = {s: step_folder(work, index, s) for s in STEPS}
    measures = _measures(folders)
    measures["zscore"] = {"mean": encoding.zscore_mean, "sd": encoding.zscore_sd}
    write_derivative_images(job.config, job.out, scan, folders, measures)
    for name in ("mask", "registration", "grid"):
        write_bytes(job.out.figure(scan, name), (folders["figures"] / f"{name}.svg").read_bytes())
    participant = job.participants.get(scan.subject)
    record = predictions_record(scan, job.spec, job.weights_sha256, encoding, participant, measures)
    sidecar = sidecar_record(scan, job.out, job.config, job.spec, job.weights_sha256, measures)
    job.out.sidecar(scan).unlink(missing_ok=True)  # not done until the new one stands
    write_json(job.out.predictions(scan), record)
    write_text(job.out.features(scan), features_table(encoding.features))
    write_json(job.out.sidecar(scan), sidecar)


def _measures(folders: dict[str, Path]) -> dict[str, Any]:
    measures: dict[str, Any] = {}
    for step in ("brain", "bias", "register", "grid"):
        measures |= json.loads((folders[step] / "measures.json").read_text())
    measures |= json.loads((folders["grid"] / "quality.json").read_text())
    return measures
