"""An earlier harmonisation that is applied to a cohort: whether it can be, and its covariates."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.sites.covariates import Preserved
from neurofm_bids.analysis.sites.file import SitesFile, read_sites
from neurofm_bids.analysis.sites.model import SiteModel
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.text import nearest

__all__ = ["check_values", "covariates_of", "read_earlier"]


def read_earlier(path: Path, scans: Scans, site: str | None) -> SitesFile:
    """Return an earlier harmonisation, if it is of such scans and of the column of the site.

    Parameters
    ----------
    site
        Column of the site; None if there is none.

    Raises
    ------
    NeuroFMError
        The file cannot be read, the scans were made otherwise, the sites are in another column, or a column
        that it preserves does not exist (exit code 64).
    """
    file = read_sites(path)
    why = next(filter(None, map(file.origin.difference, scans.origins)), "") if file.origin else ""
    columns = {model.site for model in file.models.values()} - {site}
    if columns and site is not None:
        why = f"learned from the sites in the column {min(columns)}, not {site}"
    if why:
        raise NeuroFMError(
            f"the harmonisation cannot be used for these scans: it was {why}",
            where=path,
            fix="Make it again with save.",
        )
    known = list(map(str, scans.table.columns))
    if absent := [one.name for one in covariates_of(file) if one.name not in known]:
        raise NeuroFMError(
            f"the harmonisation preserves {absent[0]!r}, but the tables have no such column",
            where=path,
            fix=f"{nearest(absent[0], known)}Name the column so, or make the harmonisation again with save.",
            code=Exit.USAGE,
        )
    return file


def covariates_of(file: SitesFile) -> tuple[Preserved, ...]:
    """Return the covariates whose effects a harmonisation keeps, each once."""
    every = [one for model in file.models.values() for one in model.covariates]
    return tuple({one.name: one for one in every}.values())


def check_values(model: SiteModel, known: Collection[str]) -> None:
    """Raise if no scan has a value of a covariate of a harmonisation.

    Parameters
    ----------
    known
        Columns with values.

    Raises
    ------
    NeuroFMError
        The message names the covariates.
    """
    if absent := [one.name for one in model.covariates if one.name not in known]:
        raise NeuroFMError(
            f"no scan has a value of {', '.join(absent)}, which the earlier harmonisation preserves",
            fix="Add the values to the tables of the dataset, or make the harmonisation again without them.",
        )
