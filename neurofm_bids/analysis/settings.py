"""The settings of the analyses of a cohort, and the TOML file that has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurofm_bids.analysis.age_gap.settings import AgeGapSettings
from neurofm_bids.analysis.change.settings import ChangeSettings
from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.quality.settings import QualitySettings
from neurofm_bids.analysis.sites.settings import SitesSettings
from neurofm_bids.bids.toml_file import Broken, TomlFile, read_toml

__all__ = ["AnalysisSettings", "Columns", "parse_settings", "read_settings", "where_in"]

_FLAG = "--group-config"

_SITE = ("site", "site_id", "scanner", "scanner_id", "DeviceSerialNumber", "ManufacturersModelName")
_DATE = ("acq_time", "AcquisitionDateTime", "acquisition_date", "scan_date")


@dataclass(frozen=True)
class Columns:
    """Which columns of the tables of the dataset say where and when a scan was acquired.

    Parameters
    ----------
    site
        Column of the site or scanner; without it the first there is of site, site_id, scanner, scanner_id,
        DeviceSerialNumber and ManufacturersModelName.
    date
        Column of the date of acquisition; without it the first there is of acq_time, AcquisitionDateTime,
        acquisition_date and scan_date.
    """

    site: str | None = None
    date: str | None = None

    def site_in(self, known: Collection[str]) -> str | None:
        """Return the column of the site among known ones, None if there is none."""
        return self.site or next((name for name in _SITE if name in known), None)

    def date_in(self, known: Collection[str]) -> str | None:
        """Return the column of the date of acquisition among known ones, None if there is none."""
        return self.date or next((name for name in _DATE if name in known), None)


@dataclass(frozen=True)
class AnalysisSettings:
    """Settings of the analyses; each field is a table of the file.

    Parameters
    ----------
    columns
        Of site and date.
    age_gap
        Of the correction of the age gap, and its associations.
    change
        Of change over sessions.
    sites
        Of the harmonisation of sites.
    quality
        Of the quality of the cohort.
    clusters
        Of clusters; None for none.
    """

    columns: Columns = field(default_factory=Columns)
    age_gap: AgeGapSettings = field(default_factory=AgeGapSettings)
    change: ChangeSettings = field(default_factory=ChangeSettings)
    sites: SitesSettings = field(default_factory=SitesSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    clusters: ClusterSettings | None = None


def read_settings(path: Path | None) -> AnalysisSettings:
    """Return the settings of a file; the defaults without one.

    Raises
    ------
    NeuroFMError
        The file cannot be read or is not TOML (exit code 64), or a key or value is not valid (65; the
        message names line, column, table and key); an earlier harmonisation that it names cannot be read
        (64) or is damaged (65), or it needs umap-learn, which is not installed (64).
    """
    if path is None:
        return AnalysisSettings()
    file = parse_settings(path)
    settings = file.record(AnalysisSettings, file.content, (), "the file", _broken)
    _check_needs(settings, file)
    return settings


def parse_settings(path: Path) -> TomlFile:
    """Return the content of a file of settings, with the errors of :func:`read_settings` on TOML."""
    return read_toml(path, "file of settings", _FLAG)


def where_in(file: TomlFile | None, table: str, key: str, name: str = "") -> str:
    """Return where settings name a thing: its place in the file, or the option, with table and key."""
    of = f"table {table}, key {key}"
    if file is None:
        return f"{_FLAG}, {of}"
    return f"{file.path}, {file.places.of(table, key, name, text=name)}, {of}"


def _check_needs(settings: AnalysisSettings, file: TomlFile) -> None:
    """Raise if a file or package that the settings need is missing."""
    from neurofm_bids.analysis.clusters.embedding import check_umap
    from neurofm_bids.analysis.sites.file import read_sites

    if settings.sites.model is not None:
        read_sites(Path(settings.sites.model))
    if settings.clusters is not None and settings.clusters.umap:
        check_umap(where_in(file, "clusters", "umap"))


def _broken(kind: type, values: Mapping[str, Any]) -> Iterable[Broken]:
    """Yield the rules that the values of a table break: what its class finds wrong with them."""
    rules = getattr(kind, "broken_rules", None)
    return rules(values) if rules else ()
