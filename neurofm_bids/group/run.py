"""The group level: tables with their dictionaries, the phenotype twin and the group report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.cohort import Cohort, Missing, collect
from neurofm_bids.group.records import Row
from neurofm_bids.group.tables import Table, make_tables, quality_names
from neurofm_bids.records import dictionary
from neurofm_bids.report.group import GroupReport, ReportScan, write_group_report
from neurofm_bids.storage.atomic import remove_leftovers, write_json, write_text
from neurofm_bids.storage.locks import Locks

__all__ = ["GroupResult", "write_group"]


_log = logging.getLogger(__name__)
_AT_WORK = (
    "A participant run was at work in this folder: the tables hold the scans that were finished when they "
    "were made. Run the group level again when it has ended."
)


@dataclass(frozen=True)
class GroupResult:
    """What the group level did: rows per table, scans without a row, files written."""

    rows: int
    missing: tuple[Missing, ...]
    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def write_group(out_dir: Path, label: str, *, command: str = "") -> GroupResult:
    """Write the tables and the report of the cohort found in ``out_dir``.

    Equal outputs give equal bytes; every file is written whole or not at all.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset.
    label
        Model label used in ``desc-`` (``openS``).
    command
        The command line, for the report.

    Raises
    ------
    NeuroFMError
        No scan has usable outputs of this model, or a file cannot be written.
    """
    with Locks(out_dir / "logs" / ".lock") as locks, locks.held("group"):
        at_work = _is_at_work(locks)
        cohort = collect(out_dir, label)
        if at_work or _is_at_work(locks):
            _log.warning("%s", _AT_WORK)
            cohort = replace(cohort, warnings=(_AT_WORK, *cohort.warnings))
        if not cohort.rows:
            raise _nothing(out_dir, cohort)
        return _write(out_dir, cohort, command)


def _is_at_work(locks: Locks) -> bool:
    """Tell whether a participant run is at work: it shares a lock that can then not be had alone."""
    if not locks.try_acquire("participants"):
        return True
    locks.release("participants")
    return False


def _write(out_dir: Path, cohort: Cohort, command: str) -> GroupResult:
    tables, paths, label = make_tables(cohort), [], cohort.label
    report = out_dir / f"group_desc-{label}.html"
    remove_leftovers([report, *(out_dir / name for name in tables)])
    for name, table in tables.items():
        path = out_dir / name
        write_text(path, table.text())
        write_json(path.with_suffix(".json"), {**table.about, **table.columns})
        paths += [path, path.with_suffix(".json")]
    written = [path.relative_to(out_dir).as_posix() for path in paths]
    write_group_report(_report(out_dir, cohort, tables, command=command, written=written), report)
    return GroupResult(len(cohort.rows), cohort.missing, (*paths, report), cohort.warnings)


def _nothing(out_dir: Path, cohort: Cohort) -> NeuroFMError:
    first = cohort.missing[0] if cohort.missing else None
    why = f" ({len(cohort.missing)} missing; {first.stem}: {first.reason})" if first else ""
    return NeuroFMError(
        f"no scan has usable outputs of the model {cohort.label}{why}",
        where=out_dir,
        fix="Run the participant level with this model first.",
        code=Exit.NOTHING_SELECTED,
    )


def _report(
    out_dir: Path, cohort: Cohort, tables: Mapping[str, Table], *, command: str, written: Sequence[str]
) -> GroupReport:
    mine = [table for name, table in tables.items() if name.endswith(("_predictions.tsv", "_quality.tsv"))]
    subjects = {row.subject for row in cohort.rows}
    pages = {subject for subject in subjects if (out_dir / f"sub-{subject}.html").is_file()}
    names = dictionary.target_names(cohort.common.targets)
    return GroupReport(
        label=cohort.label,
        model=cohort.common.model,
        scans=tuple(
            _scan(row, _numbers(mine, place), linked=row.subject in pages)
            for place, row in enumerate(cohort.rows)
        ),
        missing=tuple((missing.stem, missing.reason) for missing in cohort.missing),
        warnings=cohort.warnings,
        features=cohort.features,
        columns={name: entry for table in mine for name, entry in table.columns.items()},
        predictions=tuple(dictionary.target_column(name) for name in names),
        quality=tuple(dictionary.quality(name)[0] for name in quality_names(cohort)),
        versions={**cohort.common.software, "NeuroFM-BIDS (group level)": __version__},
        command=command,
        tables=tuple(written),
    )


def _numbers(tables: Iterable[Table], place: int) -> dict[str, float]:
    return {
        name: float(value)
        for table in tables
        for name, value in zip(table.columns, table.rows[place], strict=True)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _scan(row: Row, values: Mapping[str, float], *, linked: bool) -> ReportScan:
    outside = (name for name, predicted in row.predictions.items() if predicted.in_range is False)
    return ReportScan(
        stem=row.stem,
        participant=row.subject,
        link=quote(f"sub-{row.subject}.html", errors="replace") if linked else None,
        values=values,
        out_of_range=tuple(map(dictionary.target_column, outside)),
        flags=tuple((flag.name, flag.message, flag.severity) for flag in row.flags),
    )
