"""Writing the outputs of one encoded scan, the sidecar last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.names import FIGURES
from neurofm_bids.participant.plan import ScanJob
from neurofm_bids.participant.record import features_table, predictions_record, sidecar_record
from neurofm_bids.storage.atomic import write_bytes, write_json, write_text

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding

__all__ = ["write_scan"]


def write_scan(job: ScanJob, steps: Path, encoding: Encoding) -> Path:
    """Write every output of one scan and return the path of its sidecar.

    The sidecar of an older run goes first and the new one comes last, so that a scan whose outputs are not
    all of one run is never taken as done.

    Parameters
    ----------
    job
        The scan.
    steps
        Folder that holds the folders of its steps.

    Raises
    ------
    NeuroFMError
        The output folder is full, read-only or gone.
    """
    from neurofm_bids.participant.images import write_derivative_images

    scan, out = job.scan, job.out
    out.check()
    out.forget(scan)
    measures = _measures(steps)
    measures["zscore"] = {"mean": encoding.zscore_mean, "sd": encoding.zscore_sd}
    folders = {name: steps / name for name in ("brain", "bias", "grid")}
    write_derivative_images(job.config, out, scan, folders, measures)
    for name in FIGURES:
        write_bytes(out.figure(scan, name), (steps / "figures" / f"{name}.svg").read_bytes())
    record = predictions_record(scan, job.spec, job.weights_sha256, encoding, job.participant, measures)
    image = json.loads((steps / "brain" / "image.json").read_text())
    sidecar = sidecar_record(scan, out, job.config, job.spec, job.weights_sha256, measures, image)
    write_json(out.predictions(scan), record)
    write_text(out.features(scan), features_table(encoding.features))
    write_json(out.sidecar(scan), sidecar)
    return out.sidecar(scan)


def _measures(steps: Path) -> dict[str, Any]:
    measures: dict[str, Any] = {}
    for step in ("brain", "bias", "register", "grid"):
        measures |= json.loads((steps / step / "measures.json").read_text())
    measures |= json.loads((steps / "grid" / "quality.json").read_text())
    return measures
