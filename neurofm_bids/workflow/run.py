"""The participant level: choose scans, preprocess in chunks, encode, write, report."""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids import __version__
from neurofm_bids.bids.dataset import check_output, write_dataset
from neurofm_bids.bids.derivatives import write_json
from neurofm_bids.bids.scans import Refused, Scan
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.workflow.outcome import finish_scan, is_cut_short, preprocessing_failure, read_grid
from neurofm_bids.workflow.plan import Job, make_job, make_plan
from neurofm_bids.workflow.progress import Progress
from neurofm_bids.workflow.record import with_participant
from neurofm_bids.workflow.reports import write_citation, write_reports
from neurofm_bids.workflow.runlog import Failure, RunLog

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.workflow.execution import Workers

__all__ = ["RunResult", "run_participant"]

_log = logging.getLogger(__name__)


@dataclass
class RunResult:
    """What a run did."""

    done: list[Scan] = field(default_factory=list)
    up_to_date: tuple[Scan, ...] = ()
    skipped: tuple[Refused, ...] = ()
    failed: list[Failure] = field(default_factory=list)
    reports: tuple[Path, ...] = ()
    log_folder: Path | None = None


def run_participant(config: Config) -> RunResult:
    """Process every selected scan that is not up to date and write its outputs and reports.

    Raises
    ------
    NeuroFMError
        Nothing could be started: no dataset, no selection, no output folder, no weights.
    """
    job = make_job(config)
    plan = make_plan(job)
    check_output(config.out_dir)
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
        refreshed = _refresh(job, plan.done)
        shown = (*plan.todo, *(plan.done if config.reports_only else ()))
        subjects = {s.subject for s in shown} | {f.subject for f in plan.failed}
        written = write_reports(job.out, config, sorted(subjects), result.failed)
        result.reports = tuple(sorted({*refreshed, *written}))
    finally:
        log.close(result.failed)
    return result


def _refresh(job: Job, scans: Iterable[Scan]) -> tuple[Path, ...]:
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


def _process(job: Job, scans: Sequence[Scan], result: RunResult) -> None:
    from neurofm_bids.preprocess.register import load_template
    from neurofm_bids.workflow.execution import Workers

    if not scans:
        return
    config = job.config
    folder = config.work_dir / f"neurofm-{uuid.uuid4().hex[:12]}"
    progress = Progress(len(scans))
    # First: what is missing for all scans (device, weights, template, folder) ends the run before any work.
    encoder = _encoder(config)
    load_template(config.template)
    _make_folder(folder)
    workers = Workers(min(config.nprocs, len(scans)), config.omp_nthreads)
    try:
        for number, chunk in enumerate(_chunks(scans, 4 * config.nprocs)):
            _process_chunk(job, encoder, chunk, folder / str(number), workers, progress, result)
            if result.failed and config.stop_on_first_crash:
                _log.error("Stopped at the first failure; what is finished stays.")
                break
    finally:
        workers.close()
        progress.close()
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise NeuroFMError(
            f"the work folder cannot be made ({error.strerror})",
            where=folder.parent,
            fix="Choose another with --work-dir.",
            code=Exit.CANT_CREATE,
        ) from error


def _process_chunk(
    job: Job,
    encoder: Encoder,
    chunk: Sequence[Scan],
    work: Path,
    workers: Workers,
    progress: Progress,
    result: RunResult,
) -> None:
    from neurofm_bids.workflow.execution import execute
    from neurofm_bids.workflow.graph import chunk_graph

    names = {f"scan_{index}": scan.stem for index, scan in enumerate(chunk)}
    work.mkdir()
    said = execute(chunk_graph(chunk, job.config, work), job.config, workers, progress.step_callback(names))
    for index, failure in _finish_chunk(job, encoder, chunk, work, said):
        scan = chunk[index]
        progress.scan_done(scan.stem, f"{failure.step}: {failure.reason}" if failure else None)
        if failure is None:
            result.done.append(scan)
            continue
        job.out.sidecar(scan).unlink(missing_ok=True)  # outputs of an older run no longer stand for this scan
        result.failed.append(failure)
    shutil.rmtree(work, ignore_errors=True)


def _finish_chunk(
    job: Job, encoder: Encoder, chunk: Sequence[Scan], work: Path, said: str
) -> Iterator[tuple[int, Failure | None]]:
    """Yield what became of each scan of a chunk, those that failed in preprocessing first."""
    ready = []
    for index, scan in enumerate(chunk):
        if job.config.stop_on_first_crash and is_cut_short(work, index):
            continue
        failure = preprocessing_failure(scan, work, index, said)
        if failure is None:
            ready.append(index)
        else:
            yield index, failure
    read = partial(read_grid, work)
    encodings = encoder.encode_many(ready, read, job.config.views, errors="return")
    for index, encoding in zip(ready, encodings, strict=True):
        yield index, finish_scan(job, chunk[index], work, index, encoding)


def _chunks(scans: Sequence[Scan], size: int) -> Iterator[Sequence[Scan]]:
    for start in range(0, len(scans), size):
        yield scans[start : start + size]


def _encoder(config: Config) -> Encoder:
    import torch

    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.model.weights import load_model

    torch.set_num_threads(config.nprocs)
    return Encoder(
        load_model(config.model, config.weights),
        device=config.device,
        batch_size=config.batch_size,
        precision=config.precision,
    )
