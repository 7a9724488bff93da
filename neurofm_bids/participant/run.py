"""The participant level: choose scans, process them, bring reports up to date."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.anatomy.labels import label_names
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.coverage import log_coverage
from neurofm_bids.bids.dataset import check_output, write_dataset
from neurofm_bids.bids.discovery import Refused, Scan
from neurofm_bids.bids.names import LOCK
from neurofm_bids.config import PREPROCESS, Config
from neurofm_bids.engine.process import Processed, process
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.errors import NeuroFMError, with_fix
from neurofm_bids.option import options_in_use
from neurofm_bids.participant.freshness import Cause
from neurofm_bids.participant.job import Job, make_job
from neurofm_bids.participant.leftovers import remove_leftovers
from neurofm_bids.participant.origin import check_origin
from neurofm_bids.participant.plan import Plan, make_plan
from neurofm_bids.participant.reports import Reports, write_citation
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.judgement import STATUSES, Judgement
from neurofm_bids.report.pdf import find_browser
from neurofm_bids.storage.locks import Locks
from neurofm_bids.storage.text import some_of

__all__ = ["LOCAL", "Executor", "RunResult", "run_participant"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Executor:
    """How the scans of a run are processed.

    Parameters
    ----------
    process
        Processes scans as :func:`neurofm_bids.engine.process.process` does, with its arguments.
    writes_reports
        Whether it also writes the reports of the participants whose scans it processes.
    """

    process: Callable[[Job, Sequence[Scan], Locks, RunLog, Processed], Generator[set[str], None, None]]
    writes_reports: bool = False


LOCAL = Executor(process)


@dataclass
class RunResult:
    """What a run did; outputs of the participants in ``unreported`` cannot be read."""

    done: list[Scan] = field(default_factory=list)
    up_to_date: list[Scan] = field(default_factory=list)
    skipped: tuple[Refused, ...] = ()
    failed: list[Failure] = field(default_factory=list)
    reports: set[Path] = field(default_factory=set)
    unreported: set[str] = field(default_factory=set)
    log_folder: Path | None = None


def run_participant(config: Config, executor: Executor = LOCAL) -> RunResult:
    """Process every selected scan that is not up to date and write its outputs and reports.

    Parameters
    ----------
    executor
        By default the scans are processed on this machine.

    Raises
    ------
    NeuroFMError
        Nothing could be started (no dataset, no selection, no output folder, no weights, no browser for
        ``--pdf``), or the output or work folder is full or gone, or the outputs were made from another
        dataset.
    """
    browser = find_browser() if config.outputs.pdf else ""
    job = make_job(config)
    plan = make_plan(job)
    check_output(config.out_dir)
    is_linked = check_origin(job, plan)
    result = RunResult(up_to_date=list(plan.done), skipped=plan.skipped, failed=list(plan.failed))
    with Locks(config.out_dir / LOCK) as locks, locks.held("participants", shared=True):
        reports = Reports(
            job.out,
            Covariates(config.bids_dir),
            config.command,
            locks,
            job.reference,
            job.readouts,
            browser,
            unwritten=result.unreported,
        )
        if not config.outputs.reports_only:
            remove_leftovers(job, plan.done, locks)
        if is_linked and not options_in_use(config.selection):
            reports.remove_orphans(plan.subjects)
        if not (plan.todo or plan.failed or config.outputs.reports_only):
            if not is_linked:
                _describe(job, locks)
            log_coverage(reports.covariates, plan.done)
            result.reports |= reports.refresh(scan.subject for scan in plan.done)
            return result
        if config.outputs.reports_only:
            reports.check_images(_finished(plan))
        else:
            _describe(job, locks)
        with _run_log(config) as log:
            result.log_folder = log.folder
            _log_start(job, plan, log)
            log_coverage(reports.covariates, [*plan.done, *plan.todo])
            _process(job, plan, result, reports, log, executor)
            _log_end(result, reports.judged, waiting=config.running.stage == PREPROCESS)
    return result


def _describe(job: Job, locks: Locks) -> None:
    """Write the files of the dataset as a whole, among them the link to the dataset of the run."""
    with locks.held("dataset"):
        write_dataset(
            job.out,
            job.config.bids_dir,
            version=__version__,
            model=job.spec,
            labels=label_names(),
            derivatives=job.config.processing.derivatives,
        )
        write_citation(job.out, job.config.processing, job.spec)


def _log_start(job: Job, plan: Plan, log: RunLog) -> None:
    config = job.config
    todo = {} if config.outputs.reports_only else plan.todo
    _log.info("NeuroFM-BIDS %s, model %s: %s", __version__, job.spec.name, config.command)
    _log.info(
        "Scans: %d to process, %d up to date, %d cannot be used. Processors: %d. Memory: %.1f GB. Log: %s",
        len(todo),
        len(plan.done),
        len(plan.failed),
        config.resources.nprocs,
        config.resources.memory_gb,
        log.folder,
    )
    again = Counter(reason.text for reason in todo.values() if reason.cause.is_of_the_run)
    for text, count in again.items():
        _log.info("Scans to process again: %d (%s).", count, text)


def _log_end(result: RunResult, judged: Mapping[str, Judgement], *, waiting: bool) -> None:
    """Log what became of the scans; those that are done may be waiting for the stage of encoding."""
    done = {scan.stem: judged[scan.stem] for scan in result.done if scan.stem in judged and not waiting}
    for status in STATUSES[1:]:
        for stem, judgement in done.items():
            if judgement.status == status:
                _log.warning("quality %s: %s: %s", status, stem, " ".join(judgement.reasons))
    counts = Counter[str](judgement.status for judgement in done.values())
    for failure in result.failed:
        _log.warning("failed: %s in %s: %s. %s", failure.scan, failure.step, failure.reason, failure.fix)
    skipped: dict[str, list[str]] = {}
    for refused in result.skipped:
        skipped.setdefault(with_fix(refused.reason, refused.fix), []).append(refused.where)
    for text, places in skipped.items():
        _log.warning("skipped: %s: %s", some_of(places), text)
    quality = ", ".join(f"{counts[status]} {status}" for status in STATUSES)
    _log.info(
        "Scans: %d done (%s), %d up to date, %d failed, %d skipped. Reports written: %d.",
        len(result.done),
        "preprocessed, to be encoded with --stage encode" if waiting else f"quality: {quality}",
        len(result.up_to_date),
        len(result.failed),
        len(result.skipped),
        len(result.reports),
    )


def _process(
    job: Job, plan: Plan, result: RunResult, reports: Reports, log: RunLog, executor: Executor
) -> None:
    if plan.failed:
        log.failed(*plan.failed)
    failed = {failure.subject for failure in plan.failed}
    result.reports |= reports.write(failed, plan.failed)
    if job.config.outputs.reports_only:
        result.reports |= reports.write(_finished(plan), plan.failed)
        return
    result.reports |= reports.refresh({scan.subject for scan in plan.done} - failed)
    processed = Processed()
    scans = tuple(plan.todo)
    with closing(executor.process(job.started(scans), scans, reports.locks, log, processed)) as chunks:
        for subjects in chunks:
            failures = [*plan.failed, *processed.failed]
            result.reports |= reports.write(subjects, failures, only_stale=executor.writes_reports)
    result.done, result.failed = processed.done, [*plan.failed, *processed.failed]
    result.up_to_date += processed.elsewhere


def _finished(plan: Plan) -> set[str]:
    """Return the participants that have a finished scan, made with whatever settings, or one not readable."""
    again = (scan for scan, reason in plan.todo.items() if reason.cause is not Cause.NEW)
    return {scan.subject for scan in (*plan.done, *again)}


@contextmanager
def _run_log(config: Config) -> Iterator[RunLog]:
    """Yield the log of a run; unexpected errors are written to a crash file in it."""
    log = RunLog(config.out_dir, config)
    try:
        yield log
    except (NeuroFMError, KeyboardInterrupt) as error:
        log.note(f"Run stopped: {str(error) or 'interrupted'}")
        raise
    except Exception as error:
        path = log.crashed("", "run", f"{type(error).__name__}: {error}", traceback.format_exc())
        _log.error("Details for a bug report are in %s", path)
        raise
    finally:
        log.close()
