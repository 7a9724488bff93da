"""Whether the columns, controls and files that settings name exist, before any analysis runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.analysis.age_gap.controls import control_participants
from neurofm_bids.analysis.age_gap.settings import AgeGapSettings
from neurofm_bids.analysis.clusters.inputs import check_inputs
from neurofm_bids.analysis.columns import check_columns
from neurofm_bids.analysis.scans import AGE, PARTICIPANT, SCAN, SEX, Scans
from neurofm_bids.analysis.settings import AnalysisSettings, parse_settings, where_in
from neurofm_bids.analysis.sites.earlier import read_earlier
from neurofm_bids.bids.toml_file import TomlFile
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.columns import numbers, texts
from neurofm_bids.records.columns import AGE_GAP

__all__ = ["check_settings"]


@dataclass(frozen=True)
class _Names:
    """Columns that a key of a table names, and the columns that there are for it."""

    table: str
    key: str
    names: Iterable[str]
    known: Collection[str]


def check_settings(scans: Scans, settings: AnalysisSettings, path: Path | None = None) -> None:
    """Raise if settings name what the scans of a cohort do not have.

    Parameters
    ----------
    path
        The file of the settings, whose lines messages name.

    Raises
    ------
    NeuroFMError
        A column, a value or a participant does not exist, a column of texts is to be numbers (exit code 64),
        or an earlier harmonisation cannot be used for these scans. The message names table, key and the
        nearest column.
    """
    file = None if path is None else parse_settings(path)
    for one in _named(scans, settings):
        for name in one.names:
            check_columns([name], one.known, where_in(file, one.table, one.key, name))
    controls = settings.age_gap.controls
    if controls:
        control_participants(scans, controls, where_in(file, "age_gap", "controls", controls[0]))
    _check_sites(scans, settings, file)
    if settings.clusters is not None:
        check_inputs(scans, settings.clusters)


def _named(scans: Scans, settings: AnalysisSettings) -> Iterator[_Names]:
    measures = [AGE_GAP, *scans.measures, *scans.metrics]
    every = [*scans.covariates, *measures, AGE, SEX]
    table = [AGE, SEX, *(str(name) for name in scans.table if name not in {PARTICIPANT, SCAN, AGE, SEX})]
    columns, gap, change, sites = settings.columns, settings.age_gap, settings.change, settings.sites
    for key, name in (("site", columns.site), ("date", columns.date)):
        yield _Names("columns", key, filter(None, [name]), scans.covariates)
    for key in ("associations", "adjust", "categories"):
        yield _Names("age_gap", key, getattr(gap, key), every)
    quality = [name for name in gap.quality if name not in AgeGapSettings().quality]
    yield _Names("age_gap", "quality", quality, every)
    yield _Names("change", "measures", change.measures, measures)
    yield _Names("change", "error_sd", change.error_sd, measures)
    for key in ("covariates", "categories"):
        yield _Names("change", key, getattr(change, key), every)
    yield _Names("sites", "preserve", sites.preserve, table)
    if settings.clusters is not None:
        yield _Names("clusters", "adjust", settings.clusters.adjust, table)


def _check_sites(scans: Scans, settings: AnalysisSettings, file: TomlFile | None) -> None:
    sites = settings.sites
    for name in sites.smooth:
        if numbers(texts(scans.table[name])) is None:
            raise NeuroFMError(
                f"the column {name!r} has texts and cannot be smooth",
                where=where_in(file, "sites", "smooth", name),
                fix="Name columns of numbers.",
                code=Exit.USAGE,
            )
    if sites.model is not None:
        read_earlier(Path(sites.model), scans, settings.columns.site_in(scans.covariates))
