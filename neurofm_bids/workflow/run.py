"""The participant level: choose scans, preprocess in chunks, encode, write, report."""

from __future__ import annotations

import json
import logging
import shutil
import traceback
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids import __version__
from neurofm_bids.bids.dataset import check_output, write_dataset
from neurofm_bids.bids.derivatives import Derivatives, write_bytes, write_json, write_text
from neurofm_bids.bids.participants import Participant, read_participants
from neurofm_bids.bids.scans import Refused, Scan, Selection, find_scans
from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.models import ModelSpec
from neurofm_bids.model.weights import identify
from neurofm_bids.workflow.progress import Progress
from neurofm_bids.workflow.record import (
    features_table,
    is_up_to_date,
    predictions_record,
    sidecar_record,
    with_participant,
)
from neurofm_bids.workflow.reports import write_citation, write_reports
from neurofm_bids.workflow.runlog import Failure, RunLog

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder

__all__ = ["Plan", "RunResult", "make_plan", "run_participant"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Parameters
    ----------
    todo, done
        Scans to process and scans whose outputs are up to date.
    failed
        Scans that cannot be used.
    skipped
        Participants without any T1w image.
    """

    todo: tuple[Scan, ...]
    done: tuple[Scan, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Refused, ...]

    def table(self) -> list[tuple[str, str, str]]:
        """Return ``(what happens, scan, why)`` for every scan."""
        rows = [("run", str(scan.relative), "") for scan in self.todo]
        rows += [("up to date", str(scan.relative), "outputs exist") for scan in self.done]
        rows += [("cannot run", f.scan, f.reason) for f in self.failed]
        rows += [("skip", r.path.name, r.reason) for r in self.skipped]
        return sorted(rows, key=lambda row: row[1])


@dataclass
class RunResult:
    """What a run did."""

    done: list[Scan] = field(default_factory=list)
    up_to_date: tuple[Scan, ...] = ()
    skipped: tuple[Refused, ...] = ()
    failed: list[Failure] = field(default_factory=list)
    reports: tuple[Path, ...] = ()
    log_folder: Path | None = None


@dataclass(frozen=True)
class _Job:
    """What every step of one run shares."""

    config: Config
    out: Derivatives
    spec: ModelSpec
    weights_sha256: str
    participants: dict[str, Participant]


def _job(config: Config) -> _Job:
    spec, weights_sha256 = identify(config.model, config.weights)
    out = Derivatives(config.out_dir, spec.label, config.template)
    return _Job(config, out, spec, weights_sha256, read_participants(config.bids_dir))


def make_plan(config: Config) -> Plan:
    """Find the scans and decide which have to be done, from the input and the outputs alone."""
    return _plan(_job(config), find_scans(config))


def _plan(job: _Job, selection: Selection) -> Plan:
    config = job.config
    done = tuple(
        scan
        for scan in selection.scans
        if not config.force and is_up_to_date(scan, job.out, config, job.weights_sha256)
    )
    finished = {scan.path for scan in done}
    named = bool(config.participant_label)
    skipped = tuple(r for r in selection.refused if r.scan is None and not named)
    failed = tuple(_refusal(config, r) for r in selection.refused if r not in skipped)
    todo = tuple(scan for scan in selection.scans if scan.path not in finished)
    return Plan(todo, done, failed, skipped)


def _refusal(config: Config, refused: Refused) -> Failure:
    subject = refused.scan.subject if refused.scan else refused.path.name.removeprefix("sub-")
    stem = refused.scan.stem if refused.scan else ""
    where = refused.path.relative_to(config.bids_dir).as_posix()
    return Failure(where, subject, stem, "select", refused.reason, refused.fix)


def run_participant(config: Config) -> RunResult:
    """Process every selected scan that is not up to date and write its outputs and reports.

    Raises
    ------
    NeuroFMError
        Nothing could be started: no dataset, no selection, no output folder, no weights.
    """
    selection = find_scans(config)
    check_output(config.out_dir)
    job = _job(config)
    plan = _plan(job, selection)
    result = RunResult(up_to_date=plan.done, skipped=plan.skipped, failed=list(plan.failed))
    if not (plan.todo or plan.failed or config.reports_only):
        result.reports = _refresh(job, plan.done)
        return result
    model = {n: getattr(job.spec, n) for n in ("name", "label", "licence", "notice")}
    write_dataset(config.out_dir, config.bids_dir, version=__version__, model=model, template=config.template)
    write_citation(config.out_dir, config, job.spec)
    log = RunLog(config.out_dir, config)
    result.log_folder = log.folder
    try:
        if not config.reports_only:
            _process(job, plan.todo, result)
        _refresh(job, plan.done)
        subjects = {s.subject for s in (*plan.todo, *plan.done)} | {f.subject for f in plan.failed}
        result.reports = write_reports(job.out, config, sorted(subjects), result.failed)
    finally:
        log.close(result.failed)
    return result


def _refresh(job: _Job, scans: Iterable[Scan]) -> tuple[Path, ...]:
    """Bring age, sex and age gap of finished scans up to date; write missing reports again."""
    stale = set()
    for scan in scans:
        record = json.loads(job.out.predictions(scan).read_text())
        current = with_participant(record, job.participants.get(scan.subject))
        if current != record:
            write_json(job.out.predictions(scan), current)
        if current != record or not job.out.report(scan.subject).is_file():
            stale.add(scan.subject)
    if not stale:
        return ()
    return write_reports(job.out, job.config, sorted(stale), [])


def _process(job: _Job, scans: Sequence[Scan], result: RunResult) -> None:
    from neurofm_bids.preprocess.register import load_template
    from neurofm_bids.workflow.execution import Workers

    if not scans:
        return
    config = job.config
    folder = config.work_dir / f"neurofm-{uuid.uuid4().hex[:12]}"
    progress = Progress(len(scans))
    # First: what is missing for all scans (device, weights, template) ends the run before any work.
    encoder = _encoder(config)
    load_template(config.template)
    workers = Workers(min(config.nprocs, len(scans)), config.omp_nthreads)
    try:
        for number, chunk in enumerate(_chunks(scans, 4 * config.nprocs)):
            work = folder / str(number)
            _preprocess(config, chunk, work, workers, progress)
            for index, scan in enumerate(chunk):
                failure = _failure(scan, work, index) or _finish(job, encoder, scan, work, index)
                progress.scan_done(scan.stem, failure.reason if failure else None)
                if failure:
                    _log.error("%s failed in %s: %s", scan.relative, failure.step, failure.reason)
                    result.failed.append(failure)
                else:
                    result.done.append(scan)
            shutil.rmtree(work, ignore_errors=True)
    finally:
        workers.close()
        progress.close()
        shutil.rmtree(folder, ignore_errors=True)


def _chunks(scans: Sequence[Scan], size: int) -> Iterator[Sequence[Scan]]:
    for start in range(0, len(scans), size):
        yield scans[start : start + size]


def _preprocess(config: Config, chunk: Sequence[Scan], work: Path, workers: Any, progress: Progress) -> None:
    from neurofm_bids.workflow.execution import execute
    from neurofm_bids.workflow.graph import chunk_graph

    work.mkdir(parents=True, exist_ok=True)
    names = {f"scan_{index}": scan.stem for index, scan in enumerate(chunk)}
    execute(chunk_graph(chunk, config, work), config, workers, progress.step_callback(names))


def _encoder(config: Config) -> Encoder:
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    return Encoder(
        load_model(config.model, config.weights), device=config.device, batch_size=config.batch_size
    )


def _failure(scan: Scan, work: Path, index: int) -> Failure | None:
    """Return why preprocessing failed, or None if its last step left its outputs."""
    from neurofm_bids.workflow.graph import STEPS, step_folder
    from neurofm_bids.workflow.interfaces import FAILURE

    for step in STEPS:
        path = step_folder(work, index, step) / FAILURE
        if path.is_file():
            record = json.loads(path.read_text())
            trace = "" if record["expected"] else record["traceback"]
            return _scan_failure(scan, step, record["reason"], record["fix"], trace)
    if not (step_folder(work, index, STEPS[-1]) / "grid.svg").is_file():
        return _scan_failure(scan, "preprocess", "preprocessing left no outputs", "See the log.")
    return None


def _scan_failure(scan: Scan, step: str, reason: str, fix: str, trace: str = "") -> Failure:
    return Failure(str(scan.relative), scan.subject, scan.stem, step, reason, fix, trace)


def _finish(job: _Job, encoder: Encoder, scan: Scan, work: Path, index: int) -> Failure | None:
    """Encode one preprocessed scan and write its outputs; return why if that fails."""
    try:
        _write_scan(job, encoder, scan, work, index)
    except NeuroFMError as error:
        return _scan_failure(scan, "encode", error.reason, error.fix)
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        reason = f"{type(error).__name__}: {error}"
        return _scan_failure(scan, "encode", reason, "Please report this with the crash file.", trace)
    return None


def _write_scan(job: _Job, encoder: Encoder, scan: Scan, work: Path, index: int) -> None:
    import numpy as np

    from neurofm_bids.workflow.graph import STEPS, step_folder
    from neurofm_bids.workflow.images import read_image, write_derivative_images

    folders = {s: step_folder(work, index, s) for s in STEPS}
    grid = read_image(folders["grid"] / "grid.nii")
    encoding = encoder.encode(np.asarray(grid.dataobj, dtype=np.float32), views=job.config.views)
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
