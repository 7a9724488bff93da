"""The participant level: choose scans, process them, bring reports up to date."""

from __future__ import annotations

import json
import logging
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.bids.dataset import DATASET_FILES, check_output, write_dataset
from neurofm_bids.bids.discovery import Refused, Scan
from neurofm_bids.config import Config
from neurofm_bids.engine.claims import lock_name
from neurofm_bids.engine.process import Processed, process
from neurofm_bids.engine.run_log import Failure, RunLog
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.participant.plan import Job, Plan, make_job, make_plan
from neurofm_bids.participant.record import with_participant
from neurofm_bids.participant.reports import is_current, write_citation, write_reports
from neurofm_bids.storage.atomic import remove_leftovers, write_json
from neurofm_bids.storage.locks import Locks

__all__ = ["RunResult", "run_participant"]

_log = logging.getLogger(__name__)


@dataclass
class RunResult:
    """What a run did."""

    done: list[Scan] = field(default_factory=list)
    up_to_date: list[Scan] = field(default_factory=list)
    skipped: tuple[Refused, ...] = ()
    failed: list[Failure] = field(default_factory=list)
    reports: set[Path] = field(default_factory=set)
    log_folder: Path | None = None


def run_participant(config: Config) -> RunResult:
    """Process every selected scan that is not up to date and write its outputs and reports.

    Raises
    ------
    NeuroFMError
        Nothing could be started (no dataset, no selection, no output folder, no weights), or the output or
        work folder is full or gone.
    """
    job = make_job(config)
    plan = make_plan(job)
    check_output(config.out_dir)
    result = RunResult(up_to_date=list(plan.done), skipped=plan.skipped, failed=list(plan.failed))
    with Locks(config.out_dir / "logs" / ".lock") as locks, locks.held("participants", shared=True):
        if not (plan.todo or plan.failed or config.outputs.reports_only):
            result.reports |= _refresh(job, plan.done, locks)
            return result
        with locks.held("dataset"):
            _write_dataset(job)
        with _run_log(config) as log:
            result.log_folder = log.folder
            _begin(job, plan, log)
            _do(job, plan, result, locks, log)
            _end(result)
    return result


def _begin(job: Job, plan: Plan, log: RunLog) -> None:
    config = job.config
    _log.info("NeuroFM-BIDS %s, model %s: %s", __version__, job.spec.name, config.command)
    _log.info(
        "%d scans to do, %d up to date, %d cannot be used; %d processors, %.1f GB; log: %s",
        0 if config.outputs.reports_only else len(plan.todo),
        len(plan.done),
        len(plan.failed),
        config.resources.nprocs,
        config.resources.memory_gb,
        log.folder,
    )
    again = Counter(why for why in plan.why.values() if why.startswith("made"))
    for why, count in again.items() if not config.outputs.reports_only else ():
        _log.info("%d scans are done again: %s.", count, why)


def _end(result: RunResult) -> None:
    for failure in result.failed:
        _log.warning("failed: %s in %s: %s. %s", failure.scan, failure.step, failure.reason, failure.fix)
    for refused in result.skipped:
        _log.warning("skipped: %s: %s", refused.path.name, refused.reason)
    _log.info(
        "Scans: %d done, %d up to date, %d failed; %d participants without T1w; %d reports written.",
        len(result.done),
        len(result.up_to_date),
        len(result.failed),
        len(result.skipped),
        len(result.reports),
    )


def _do(job: Job, plan: Plan, result: RunResult, locks: Locks, log: RunLog) -> None:
    config = job.config
    if plan.failed:
        log.failed(*plan.failed)
    result.reports |= write_reports(job.out, config, {f.subject for f in plan.failed}, plan.failed, locks)
    if config.outputs.reports_only:
        scans = (*plan.done, *plan.todo)  # those made with other settings too
        subjects = {scan.subject for scan in scans if job.out.sidecar(scan).is_file()}
        result.reports |= write_reports(job.out, config, subjects, plan.failed, locks)
        return
    result.reports |= _refresh(job, plan.done, locks)
    processed = Processed()
    with closing(process(job, plan.todo, locks, log, processed)) as chunks:
        for subjects in chunks:
            failed = [*plan.failed, *processed.failed]
            result.reports |= write_reports(job.out, config, subjects, failed, locks)
    result.done, result.failed = processed.done, [*plan.failed, *processed.failed]
    result.up_to_date += processed.elsewhere


@contextmanager
def _run_log(config: Config) -> Iterator[RunLog]:
    """Give the log of a run; what nobody foresaw leaves a crash file in it."""
    log = RunLog(config.out_dir, config)
    try:
        yield log
    except (NeuroFMError, KeyboardInterrupt) as error:
        log.note(f"The run ends: {str(error) or 'interrupted'}")
        raise
    except Exception as error:
        path = log.crashed("", "run", f"{type(error).__name__}: {error}", traceback.format_exc())
        _log.error("What a report of this needs is in %s", path)
        raise
    finally:
        log.close()


def _write_dataset(job: Job) -> None:
    config = job.config
    remove_leftovers(
        config.out_dir / name for name in (*DATASET_FILES, "logs/CITATION.md", "logs/CITATION.bib")
    )
    model = {n: getattr(job.spec, n) for n in ("name", "label", "licence", "notice")}
    write_dataset(
        config.out_dir, config.bids_dir, version=__version__, model=model, template=config.processing.template
    )
    write_citation(config.out_dir, config, job.spec)


def _refresh_participant(job: Job, scan: Scan) -> None:
    record = json.loads(job.out.predictions(scan).read_text())
    current = with_participant(record, job.participants.get(scan.subject))
    if current != record:
        write_json(job.out.predictions(scan), current)


def _refresh(job: Job, scans: Iterable[Scan], locks: Locks) -> set[Path]:
    """Bring age, sex and age gap of finished scans up to date; write again reports that lack something."""
    for scan in scans:
        if locks.try_acquire(lock_name(scan)):  # else another run is doing it again
            _refresh_participant(job, scan)
            locks.release(lock_name(scan))
    stale = {subject for subject in {scan.subject for scan in scans} if not is_current(job.out, subject)}
    return write_reports(job.out, job.config, stale, [], locks)
