"""Writing the tables, the mean maps and the report of a cohort."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from neurofm_bids import __version__
from neurofm_bids.analysis.result import Result
from neurofm_bids.anatomy.labels import label_names
from neurofm_bids.bids.dataset import write_dataset
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import GROUP_OUTPUTS, READOUTS
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.group.attribution import write_mean_maps
from neurofm_bids.group.findings import findings_text
from neurofm_bids.group.readout_fits import Fits
from neurofm_bids.group.scan_index import index_path
from neurofm_bids.group.source import Source
from neurofm_bids.group.table import Table
from neurofm_bids.group.table_files import table_paths, write_tables
from neurofm_bids.records.cohort import Cohort, Missing
from neurofm_bids.report.fitted_tasks import FittedTasks
from neurofm_bids.report.group import render_group_report
from neurofm_bids.report.readout_methods import cite_readouts, copy_citation
from neurofm_bids.storage.atomic import remove_leftovers, write_text

__all__ = ["GroupResult", "write_outputs"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GroupResult:
    """What the group level did: rows, scans without a row, files written, tasks refused, analyses failed."""

    rows: int
    missing: tuple[Missing, ...]
    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def write_outputs(
    sources: Mapping[str, Source],
    cohort: Cohort,
    tables: Mapping[str, Table],
    command: str,
    fits: Fits | None,
    result: Result,
    processes: int,
) -> GroupResult:
    """Write everything that the group level has for a cohort, into the first of its output folders.

    Parameters
    ----------
    sources
        The output folders by key.
    command
        The command line, for the report.
    result
        Of the analyses.
    processes
        That write large tables.

    Raises
    ------
    NeuroFMError
        A file cannot be written.
    """
    out = next(iter(sources.values())).out
    if len(sources) > 1:
        _describe(sources, cohort)
    remove_leftovers([index_path(out), *(path for name in GROUP_OUTPUTS for path in table_paths(out, name))])
    _remove_absent(out, tables)
    paths = write_tables(out, tables, processes)
    if text := findings_text(tables["review"].frame["kind"], out.group("review").name):
        _log.info("%s", text)
    means = write_mean_maps(sources, cohort)
    paths += means.paths
    cohort = replace(cohort, warnings=(*cohort.warnings, *means.warnings))
    written = tuple(path.relative_to(out.out_dir).as_posix() for path in paths)
    readouts = fits.outcomes.readouts if fits else {}
    if readouts:
        cite_readouts(out.out_dir, readouts.values())
    refused = {name: error.reason for name, error in fits.outcomes.refused.items()} if fits else {}
    fitted = None if fits is None else FittedTasks(tuple(readouts.values()), refused)
    links = _links(sources, cohort)
    page = render_group_report(tables, cohort, links, command, written, fitted, result.remarks)
    write_text(out.group("report"), page)
    paths += [*(out.out_dir / READOUTS / f"{name}.json" for name in readouts), out.group("report")]
    return GroupResult(
        len(cohort.members), cohort.missing, tuple(paths), cohort.warnings, tuple(refused), result.failed
    )


def _describe(sources: Mapping[str, Source], cohort: Cohort) -> None:
    """Write the files of the dataset as a whole into a folder that has no scans of its own."""
    first, *inputs = sources.values()
    out = first.out
    if cohort.made is None or any(stored_scans(out)):
        return
    used = {member.source for member in cohort.members}
    folders = [source for source in inputs if source.key in used]
    others = dict.fromkeys(one.bids_dir for one in folders if one.covariates is not first.covariates)
    write_dataset(
        out,
        first.bids_dir,
        version=__version__,
        model=cohort.made.model,
        labels=label_names(),
        others=tuple(others),
    )
    copy_citation(folders[0].out.out_dir, out.out_dir)


def _remove_absent(out: Derivatives, tables: Mapping[str, Table]) -> None:
    """Remove tables and maps of an earlier run that this cohort does not have."""
    if "evaluation" not in tables and out.group("evaluation").is_file():
        _log.info("Removed the evaluation of an earlier run: this one fits no tasks. %s/ stays.", READOUTS)
    for name in GROUP_OUTPUTS.keys() - {*tables, "report"}:
        for path in table_paths(out, name):
            path.unlink(missing_ok=True)


def _links(sources: Mapping[str, Source], cohort: Cohort) -> dict[str, str]:
    """Return the page of each participant that has one, relative to the report.

    Of a participant with pages in several folders it is that in the first one.
    """
    root, places = next(iter(sources.values())).out.out_dir, list(sources)
    people = {(places.index(member.source), member.scan.subject or ""): member for member in cohort.members}
    pages: dict[str, str] = {}
    for (_, subject), member in sorted(people.items(), key=lambda pair: pair[0]):
        source = sources[member.source]
        page = source.out.report(source.in_dataset(member.scan).subject or "")
        if subject not in pages and page.is_file():
            pages[subject] = quote(Path(os.path.relpath(page, root)).as_posix(), errors="replace")
    return pages
