"""The group level: tables with their dictionaries, the phenotype twin and the group report."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.setting_checks import check_settings
from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.coverage import log_coverage
from neurofm_bids.bids.dataset import check_output
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import GROUP_OUTPUTS, LOCK, READOUTS, REPORT
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.config import Analyses, Centiles, Readouts, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.analyses import analyse
from neurofm_bids.group.attribution import write_mean_maps
from neurofm_bids.group.cohort import EVERYTHING, collect
from neurofm_bids.group.findings import findings_text
from neurofm_bids.group.readout_fits import Fits, check_tasks, fit_cohort, read_task_files
from neurofm_bids.group.readout_table import evaluation_rows
from neurofm_bids.group.references import (
    check_reference,
    reference_of,
    reference_of_cohort,
    with_placed_scores,
)
from neurofm_bids.group.scan_index import index_path
from neurofm_bids.group.scans import scans_of
from neurofm_bids.group.statistics import statistics_of
from neurofm_bids.group.table_files import table_paths, write_tables
from neurofm_bids.group.tables import Table, analysis_table, evaluation_table, make_tables
from neurofm_bids.norms.reference import Reference
from neurofm_bids.norms.user_reference import write_reference
from neurofm_bids.option import options_in_use
from neurofm_bids.records.cohort import Cohort, Missing
from neurofm_bids.report.fitted_tasks import FittedTasks
from neurofm_bids.report.group import render_group_report
from neurofm_bids.report.readout_methods import cite_readouts
from neurofm_bids.storage.atomic import remove_leftovers, write_text
from neurofm_bids.storage.locks import Locks

__all__ = ["GroupResult", "read_cohort", "write_group"]

_log = logging.getLogger(__name__)
_ACTIVE = (
    "A participant run was active in this folder: the tables contain only the scans that were "
    "finished by then. Run the group level again when that run has ended."
)
_PUBLISHED, _NO_READOUTS, _STANDARD = Centiles(), Readouts(), Analyses()


@dataclass(frozen=True)
class GroupResult:
    """What the group level did: rows, scans without a row, files written, tasks refused, analyses failed."""

    rows: int
    missing: tuple[Missing, ...]
    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def write_group(
    out_dir: Path,
    label: str,
    *,
    bids_dir: Path,
    selection: Selection = EVERYTHING,
    centiles: Centiles = _PUBLISHED,
    readouts: Readouts = _NO_READOUTS,
    analyses: Analyses = _STANDARD,
    include_failed: bool = False,
    processes: int = 1,
    command: str = "",
) -> GroupResult:
    """Write the tables and the report of the cohort found in ``out_dir``.

    Equal outputs give equal bytes; every file is written whole or not at all.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset.
    label
        Model label used in ``desc-`` (``openS``).
    bids_dir
        Root of the source dataset, for its covariates.
    selection
        Which scans have rows and count as missing.
    centiles
        The reference of their volumes, and the one to make of them.
    readouts
        The tasks that are fitted.
    analyses
        Settings of the analyses of the cohort.
    include_failed
        Whether scans whose quality is judged as fail take part in statistics.
    processes
        That read many scans, fit tasks or write large tables.
    command
        The command line, for the report.

    Raises
    ------
    NeuroFMError
        ``label`` is not alphanumeric, ``out_dir`` is not a folder or holds another dataset, ``bids_dir`` is
        not the dataset that was processed, no scan has usable outputs of this model, the reference cannot be
        used or made, a file of tasks or settings is not valid, or a file cannot be written.
    """
    _check(out_dir, label)
    read_task_files(readouts.tasks)
    settings = read_settings(analyses.group_config)
    covariates, reference = Covariates(bids_dir), reference_of(centiles)
    with Locks(out_dir / LOCK) as locks, locks.held("group"):
        active = _is_active(locks)
        index = index_path(Derivatives(out_dir, label))
        options = {"include_failed": include_failed, "index": index, "processes": processes}
        cohort = _collected(out_dir, label, covariates, selection, reference, **options)
        if active or _is_active(locks):
            _log.warning("%s", _ACTIVE)
            cohort = replace(cohort, warnings=(_ACTIVE, *cohort.warnings))
        _check_members(out_dir, cohort, selection)
        check_reference(cohort, reference, centiles.reference)
        if centiles.make_reference is not None:
            made = reference_of_cohort(cohort, covariates, centiles.reference_participants)
            write_reference(centiles.make_reference, made)
            _log.info("Reference: %s", centiles.make_reference)
        statistics = statistics_of(cohort)
        tables = make_tables(cohort, covariates, statistics, reference)
        result = analyse(scans_of(cohort, tables), settings, path=analyses.group_config)
        tables |= {name: analysis_table(cohort, name, frame) for name, frame in result.tables.items()}
        fits = None
        if readouts.tasks:
            fits = fit_cohort(cohort, covariates, readouts, out_dir / READOUTS, processes)
            tables["evaluation"] = evaluation_table(cohort, evaluation_rows(fits))
        out = Derivatives(out_dir, label)
        return _write(out, cohort, tables, command, fits, result, processes)


def read_cohort(
    out_dir: Path,
    label: str,
    *,
    bids_dir: Path,
    selection: Selection = EVERYTHING,
    centiles: Centiles = _PUBLISHED,
    readouts: Readouts = _NO_READOUTS,
    analyses: Analyses = _STANDARD,
) -> Cohort:
    """Return the cohort of which :func:`write_group` would write tables, with its arguments and errors."""
    _check(out_dir, label)
    settings = read_settings(analyses.group_config)
    covariates, reference = Covariates(bids_dir), reference_of(centiles)
    cohort = _collected(out_dir, label, covariates, selection, reference)
    _check_members(out_dir, cohort, selection)
    check_reference(cohort, reference, centiles.reference)
    if centiles.make_reference is not None:
        reference_of_cohort(cohort, covariates, centiles.reference_participants)
    if readouts.tasks:
        check_tasks(cohort, covariates, readouts)
    if analyses.group_config is not None:
        tables = make_tables(cohort, covariates, statistics_of(cohort), reference)
        check_settings(scans_of(cohort, tables), settings, analyses.group_config)
    return cohort


def _collected(
    out_dir: Path,
    label: str,
    covariates: Covariates,
    selection: Selection,
    reference: Reference,
    **options: Any,
) -> Cohort:
    cohort = collect(out_dir, label, covariates, selection, reference, **options)
    log_coverage(covariates, [member.scan for member in cohort.members])
    return with_placed_scores(cohort, reference)


def _check(out_dir: Path, label: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z]+", label):
        raise NeuroFMError("a model label has letters and digits only", where=label, code=Exit.USAGE)
    if not out_dir.is_dir():
        raise NeuroFMError(
            "output folder not found",
            where=out_dir,
            fix="Run the participant level first.",
            code=Exit.NO_INPUT,
        )
    check_output(out_dir)


def _is_active(locks: Locks) -> bool:
    """Tell whether a participant run is active: it shares a lock that cannot be taken alone then."""
    if not locks.try_acquire("participants"):
        return True
    locks.release("participants")
    return False


def _check_members(out_dir: Path, cohort: Cohort, selection: Selection) -> None:
    if cohort.members:
        return
    first = cohort.missing[0] if cohort.missing else None
    why = f" (missing: {len(cohort.missing)}; {first.stem}: {first.reason})" if first else ""
    if first:
        options = ", ".join(options_in_use(selection))
        fix = f"Process the missing scans first{options and f', or check {options}'}."
    elif any(stored_scans(Derivatives(out_dir, cohort.label))):
        fix = "Check the options that select scans, and .bidsignore of the dataset."
    else:
        fix = "Run the participant level with this model first."
    raise NeuroFMError(
        f"no scan has usable outputs of the model {cohort.label}{why}",
        where=out_dir,
        fix=fix,
        code=Exit.NOTHING_SELECTED,
    )


def _write(
    out: Derivatives,
    cohort: Cohort,
    tables: Mapping[str, Table],
    command: str,
    fits: Fits | None,
    result: Result,
    processes: int,
) -> GroupResult:
    remove_leftovers([index_path(out), *(path for name in GROUP_OUTPUTS for path in table_paths(out, name))])
    _remove_absent(out, tables)
    paths = write_tables(out, tables, processes)
    if text := findings_text(tables["review"].frame["kind"], out.group("review").name):
        _log.info("%s", text)
    means = write_mean_maps(out, cohort)
    paths += means.paths
    cohort = replace(cohort, warnings=(*cohort.warnings, *means.warnings))
    written = tuple(path.relative_to(out.out_dir).as_posix() for path in paths)
    readouts = fits.outcomes.readouts if fits else {}
    if readouts:
        cite_readouts(out.out_dir, readouts.values())
    refused = {name: error.reason for name, error in fits.outcomes.refused.items()} if fits else {}
    fitted = None if fits is None else FittedTasks(tuple(readouts.values()), refused)
    page = render_group_report(tables, cohort, _links(out, cohort), command, written, fitted, result.remarks)
    write_text(out.group("report"), page)
    paths += [*(out.out_dir / READOUTS / f"{name}.json" for name in readouts), out.group("report")]
    return GroupResult(
        len(cohort.members), cohort.missing, tuple(paths), cohort.warnings, tuple(refused), result.failed
    )


def _remove_absent(out: Derivatives, tables: Mapping[str, Table]) -> None:
    """Remove tables and maps of an earlier run that this cohort does not have."""
    if "evaluation" not in tables and out.group("evaluation").is_file():
        _log.info("Removed the evaluation of an earlier run: this one fits no tasks. %s/ stays.", READOUTS)
    for name in GROUP_OUTPUTS.keys() - {*tables, "report"}:
        for path in table_paths(out, name):
            path.unlink(missing_ok=True)


def _links(out: Derivatives, cohort: Cohort) -> dict[str, str]:
    """Return the page of each participant that has one, relative to the report."""
    subjects = {member.scan.subject or "" for member in cohort.members}
    pages = {subject for subject in subjects if out.report(subject).is_file()}
    return {subject: quote(REPORT.format(subject), errors="replace") for subject in pages}
