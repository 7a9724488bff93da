"""What ``--dry-run`` shows: what a run would do, or the error with which it would end before any scan."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids.config import LEVELS, PREPROCESS, Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_in_use
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    from neurofm_bids.participant.job import Job
    from neurofm_bids.participant.plan import Plan

__all__ = ["preview"]

_log = logging.getLogger(__name__)
_Row = tuple[str, str, str]


def preview(config: Config) -> None:
    """Print what each level would do with each scan; nothing is written.

    Raises
    ------
    NeuroFMError
        The run would end with this error before it processed anything.
    """
    participant, group = (level in config.levels for level in LEVELS)
    if participant:
        _participant(config)
    if participant and group:
        _log.info("The group level would then use the finished scans in %s.", config.out_dir)
    elif group:
        _group(config)


def _participant(config: Config) -> None:
    from neurofm_bids.bids.covariates import Covariates
    from neurofm_bids.bids.coverage import log_coverage
    from neurofm_bids.bids.filters import selector
    from neurofm_bids.group.reading import read_failures
    from neurofm_bids.participant.job import make_job
    from neurofm_bids.participant.plan import make_plan

    job = make_job(config)
    plan = make_plan(job)
    _check(job, plan)
    log_coverage(Covariates(config.bids_dir), [*plan.done, *plan.todo])
    if plan.excluded:
        flags = " and ".join(
            flag for flag in options_in_use(config.selection) if flag != "--participant-label"
        )
        _log.info("Images excluded by %s: %d (%s).", flags, len(plan.excluded), some_of(plan.excluded))
    if config.outputs.reports_only:
        _log.info("With --reports-only no scan would be processed, only reports would be written.")
    failures = read_failures(config.out_dir, config.bids_dir, selector(config.selection))
    _print(plan.table(failures))


def _check(job: Job, plan: Plan) -> None:
    """Raise what would end the run before its first scan."""
    from neurofm_bids.bids.dataset import check_output
    from neurofm_bids.participant.origin import check_origin
    from neurofm_bids.pipeline.network import device_type

    config = job.config
    if os.path.lexists(config.out_dir):
        check_output(config.out_dir)
    else:
        _check_new(config.out_dir, "the output folder cannot be used", "Choose another folder.")
    check_origin(job, plan)
    if plan.todo and not config.outputs.reports_only:
        _check_new(
            config.running.work_dir, "the work folder cannot be created", "Choose another with --work-dir."
        )
        if config.running.stage != PREPROCESS:
            device_type(config.processing)


def _check_new(folder: Path, what: str, fix: str) -> None:
    """Raise if nothing can be created in a folder, or in the nearest one above it that exists."""
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise NeuroFMError(
            f"{what} ({error.strerror})", where=folder, fix=fix, code=Exit.CANT_CREATE
        ) from error


def _group(config: Config) -> None:
    from neurofm_bids.group.run import read_cohort
    from neurofm_bids.model.registry import model_spec

    label = model_spec(config.processing.model).label
    cohort = read_cohort(
        config.out_dir,
        label,
        bids_dir=config.bids_dir,
        selection=config.selection,
        centiles=config.centiles,
        readouts=config.readouts,
        analyses=config.analyses,
    )
    rows = [("use", member.scan.path, "finished") for member in cohort.members]
    _print([*rows, *(("missing", missing.stem, missing.reason) for missing in cohort.missing)])


def _print(rows: Iterable[_Row]) -> None:
    table = [("what", "scan", "why"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(2)]
    for what, scan, why in table:
        sys.stdout.write(f"{what:<{widths[0]}}  {scan:<{widths[1]}}  {why}".rstrip() + "\n")
