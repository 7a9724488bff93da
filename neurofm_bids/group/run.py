"""The group level: tables with their dictionaries, the phenotype twin and the group report."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurofm_bids.analysis.setting_checks import check_settings
from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.bids.covariates import Known
from neurofm_bids.bids.dataset import check_output
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import LOCK, READOUTS
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.config import Analyses, Centiles, Readouts, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.analyses import analyse
from neurofm_bids.group.cohort import EVERYTHING, collect
from neurofm_bids.group.datasets import known_of, log_known
from neurofm_bids.group.inputs import sources_of
from neurofm_bids.group.outputs import GroupResult, write_outputs
from neurofm_bids.group.readout_fits import check_tasks, fit_cohort, read_task_files
from neurofm_bids.group.readout_table import evaluation_rows
from neurofm_bids.group.references import (
    check_reference,
    reference_of,
    reference_of_cohort,
    with_placed_scores,
)
from neurofm_bids.group.scan_index import index_path
from neurofm_bids.group.scans import scans_of
from neurofm_bids.group.source import Source
from neurofm_bids.group.statistics import statistics_of
from neurofm_bids.group.tables import analysis_table, evaluation_table, make_tables
from neurofm_bids.named_path import NamedPath
from neurofm_bids.norms.reference import Reference
from neurofm_bids.norms.user_reference import write_reference
from neurofm_bids.option import options_in_use
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.storage.locks import Locks

__all__ = ["GroupResult", "read_cohort", "write_group"]

_log = logging.getLogger(__name__)
_ACTIVE = (
    "A participant run was active in this folder: the tables contain only the scans that were "
    "finished by then. Run the group level again when that run has ended."
)
_PUBLISHED, _NO_READOUTS, _STANDARD = Centiles(), Readouts(), Analyses()


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
    """Write the tables and the report of the cohort found in ``out_dir`` and the inputs of the analyses.

    Equal outputs give equal bytes; every file is written whole or not at all.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset, which everything is written to; with inputs it may be new.
    label
        Model label used in ``desc-`` (``openS``).
    bids_dir
        Root of the source dataset of ``out_dir``, for its covariates.
    selection
        Which scans have rows and count as missing.
    centiles
        The reference of their volumes, and the one to make of them.
    readouts
        The tasks that are fitted.
    analyses
        Further output folders, and settings of the analyses of the cohort.
    include_failed
        Whether scans whose quality is judged as fail take part in statistics.
    processes
        That read many scans, fit tasks or write large tables.
    command
        The command line, for the report.

    Raises
    ------
    NeuroFMError
        ``label`` is not alphanumeric, ``out_dir`` is not a folder or holds another dataset, an input cannot
        be used or contradicts another, ``bids_dir`` is not the dataset that was processed, no scan has usable
        outputs of this model, the reference cannot be used or made, a file of tasks or settings is not valid,
        or a file cannot be written.
    """
    _check(out_dir, label, analyses.group_inputs)
    read_task_files(readouts.tasks)
    settings = read_settings(analyses.group_config)
    check_output(out_dir)
    sources, reference = sources_of(out_dir, label, bids_dir, analyses.group_inputs), reference_of(centiles)
    with Locks(out_dir / LOCK) as locks, locks.held("group"):
        active = _is_active(locks, sources)
        options = {"include_failed": include_failed, "processes": processes}
        index = index_path(Derivatives(out_dir, label))
        cohort, covariates = _collected(sources, selection, reference, index=index, **options)
        if active or _is_active(locks, sources):
            _log.warning("%s", _ACTIVE)
            cohort = replace(cohort, warnings=(_ACTIVE, *cohort.warnings))
        _check_members(sources, cohort, selection)
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
        return write_outputs(sources, cohort, tables, command, fits, result, processes)


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
    _check(out_dir, label, analyses.group_inputs)
    settings = read_settings(analyses.group_config)
    if out_dir.is_dir():
        check_output(out_dir)
    sources, reference = sources_of(out_dir, label, bids_dir, analyses.group_inputs), reference_of(centiles)
    cohort, covariates = _collected(sources, selection, reference)
    _check_members(sources, cohort, selection)
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
    sources: Mapping[str, Source], selection: Selection, reference: Reference, **options: Any
) -> tuple[Cohort, Known]:
    cohort = collect(sources, selection, reference, **options)
    doubts = [source.doubt for source in sources.values() if source.doubt]
    cohort = replace(cohort, warnings=(*doubts, *cohort.warnings))
    log_known(sources, cohort.members)
    return with_placed_scores(cohort, reference), known_of(sources, cohort.members)


def _check(out_dir: Path, label: str, inputs: Sequence[NamedPath]) -> None:
    if not re.fullmatch(r"[0-9A-Za-z]+", label):
        raise NeuroFMError("a model label has letters and digits only", where=label, code=Exit.USAGE)
    if not (inputs or out_dir.is_dir()):
        raise NeuroFMError(
            "output folder not found",
            where=out_dir,
            fix="Run the participant level first.",
            code=Exit.NO_INPUT,
        )


def _is_active(locks: Locks, sources: Mapping[str, Source]) -> bool:
    """Tell whether a participant run is active: it shares a lock that cannot be taken alone then."""
    inputs = (source.out.out_dir / LOCK for key, source in sources.items() if key)
    return _is_shared(locks) or any(map(_is_shared_in, inputs))


def _is_shared(locks: Locks) -> bool:
    if not locks.try_acquire("participants"):
        return True
    locks.release("participants")
    return False


def _is_shared_in(path: Path) -> bool:
    """Tell whether a participant run is active in another folder; no if its lock cannot be opened."""
    try:
        with Locks(path, create=False) as locks:
            return _is_shared(locks)
    except NeuroFMError:
        return False


def _check_members(sources: Mapping[str, Source], cohort: Cohort, selection: Selection) -> None:
    if cohort.members:
        return
    first = cohort.missing[0] if cohort.missing else None
    why = f" (missing: {len(cohort.missing)}; {first.stem}: {first.reason})" if first else ""
    if first:
        options = ", ".join(options_in_use(selection))
        fix = f"Process the missing scans first{options and f', or check {options}'}."
    elif any(any(stored_scans(source.out)) for source in sources.values()):
        fix = "Check the options that select scans, and .bidsignore of the dataset."
    else:
        fix = "Run the participant level with this model first."
    raise NeuroFMError(
        f"no scan has usable outputs of the model {cohort.label}{why}",
        where=", ".join(str(source.out.out_dir) for source in sources.values()),
        fix=fix,
        code=Exit.NOTHING_SELECTED,
    )
