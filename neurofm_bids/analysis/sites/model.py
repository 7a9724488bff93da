"""The harmonisation of a cohort: learned, applied, and extended by new sites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass

from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.analysis.sites.checks import check_new_site, check_not_confounded, check_numbers
from neurofm_bids.analysis.sites.covariates import Preserved, coded, coding, known_rows, text_column
from neurofm_bids.combat import Prior, SiteEffect, pooled_sd, site_effect, within_slopes
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.harmonisation import at_common_site
from neurofm_bids.readouts.parts import Harmonisation, Site
from neurofm_bids.records.schema import RECORD

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SiteModel", "harmonise", "learn_sites", "with_new_sites"]

_Values = npt.NDArray[np.float64]
_FEWEST = 2  # known values of a column at a site


@dataclass(frozen=True, config=RECORD)
class SiteModel:
    """ComBat of some columns.

    Parameters
    ----------
    site
        Column of the site.
    covariates
        Whose effects are kept.
    columns
        Names of the p columns of values.
    harmonisation
        Their slopes, level, and location and scale at each site.
    sd
        Of each column within sites, shape (p,).
    empirical_bayes
        Whether location and scale were shrunk towards those of the other columns.
    prior
        Mean over the sites of how columns differ in location and scale, for new sites; None if nothing was
        shrunk.
    scans
        Scans of the fit by site.
    """

    site: str
    covariates: tuple[Preserved, ...]
    columns: tuple[str, ...]
    harmonisation: Harmonisation
    sd: tuple[float, ...]
    empirical_bayes: bool
    prior: Prior | None
    scans: Mapping[str, int]


def learn_sites(
    table: pd.DataFrame,
    columns: Sequence[str],
    *,
    site: str = "site",
    preserve: Sequence[str] = ("age", "sex"),
    smooth: Collection[str] = (),
    least_scans: int = 20,
    empirical_bayes: bool = True,
) -> SiteModel:
    """Learn the shift and the scale of each site, with the effects of covariates.

    Scans without a known site or covariate are left out.

    Parameters
    ----------
    table
        One row per scan.
    columns
        Columns of the values; NaN where they are not known.
    site
        Column of the site.
    preserve, smooth
        Columns whose effects are kept, and those whose effects may be curved.
    least_scans
        Scans that a site must have.
    empirical_bayes
        Whether location and scale of a column are shrunk towards those of the others: better for each column
        alone, but not for models of many correlated columns, which can then still tell sites.

    Raises
    ------
    NeuroFMError
        A column does not exist, a site has too few scans or values, or sites differ in a covariate so much
        that its effect cannot be told from theirs.
    """
    check_columns_of(table, *columns)
    covariates = coding(table, preserve, smooth)
    is_used = known_rows(table, covariates) & (text_column(table, site) != "")
    used = table[is_used]
    sites, design = text_column(used, site), coded(used, covariates)
    check_numbers(sites, least_scans, site)
    check_not_confounded(used, sites, covariates)
    names, numbers = np.unique(sites, return_inverse=True)
    values = _values(used, columns)
    _check_known(values, numbers, names, columns)
    centre = design.mean(axis=0)
    slopes = within_slopes(values, design - centre, numbers)
    left = values - (design - centre) @ slopes
    level, sd = np.nanmean(left, axis=0), pooled_sd(left, numbers)
    effects = {
        str(name): site_effect(left[numbers == number], level, sd, shrink=empirical_bayes)
        for number, name in enumerate(names)
    }
    sites_of = {name: _site(effect) for name, effect in effects.items()}
    return SiteModel(
        site,
        covariates,
        tuple(columns),
        Harmonisation(_row(centre), tuple(map(_row, slopes)), _row(level), sites_of),
        _row(sd),
        empirical_bayes,
        _shared([effect.prior for effect in effects.values()]),
        {str(name): int((numbers == number).sum()) for number, name in enumerate(names)},
    )


def harmonise(model: SiteModel, table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a model as they would be at a common site, NaN where that cannot be said.

    Raises
    ------
    NeuroFMError
        The table lacks a column.
    """
    import pandas as pd

    values, sites = _values(table, model.columns), text_column(table, model.site)
    made = np.full_like(values, np.nan)
    of_covariates, level = _of_covariates(model, table), np.array(model.harmonisation.level)
    for name, own in model.harmonisation.sites.items():
        rows = np.flatnonzero(sites == name)
        location, scale = np.array(own.location), np.array(own.scale)
        made[rows] = at_common_site(values[rows], of_covariates[rows], level, location, scale)
    return pd.DataFrame(made, index=table.index, columns=list(model.columns))


def with_new_sites(model: SiteModel, table: pd.DataFrame, least_scans: int = 20) -> SiteModel:
    """Return a model with the sites that it lacks, each from its own scans; all else stays as it is.

    Slopes, level, sd and the prior are those of the model.

    Raises
    ------
    NeuroFMError
        A new site has too few scans, or covariates outside those of the model.
    """
    sites, is_known = text_column(table, model.site), known_rows(table, model.covariates)
    new = sorted({*sites[sites != ""].tolist()} - model.harmonisation.sites.keys())
    found, scans = dict(model.harmonisation.sites), dict(model.scans)
    level, sd = np.array(model.harmonisation.level), np.array(model.sd)
    for name in new:
        rows = table[(sites == name) & is_known]
        check_new_site(rows, name, model.covariates, least_scans)
        left = _values(rows, model.columns) - _of_covariates(model, rows)
        _check_known(left, np.zeros(len(left), np.intp), np.array([name]), model.columns)
        effect = site_effect(left, level, sd, shrink=model.empirical_bayes, prior=model.prior)
        found[name], scans[name] = _site(effect), len(rows)
    return replace(model, harmonisation=replace(model.harmonisation, sites=found), scans=scans)


def _of_covariates(model: SiteModel, table: pd.DataFrame) -> _Values:
    slopes = np.array(model.harmonisation.slopes).reshape(-1, len(model.columns))
    return np.asarray((coded(table, model.covariates) - np.array(model.harmonisation.centre)) @ slopes)


def _values(table: pd.DataFrame, columns: Sequence[str]) -> _Values:
    check_columns_of(table, *columns)
    return np.array(table[list(columns)], dtype=np.float64)


def _check_known(
    values: _Values, sites: npt.NDArray[np.intp], names: npt.NDArray[np.str_], columns: Sequence[str]
) -> None:
    """Raise if a column has hardly a value at some site."""
    for number, site in enumerate(names):
        known = np.isfinite(values[sites == number]).sum(axis=0)
        if (few := np.flatnonzero(known < _FEWEST)).size:
            raise NeuroFMError(
                f"{columns[few[0]]} has {known[few[0]]} known values at the site {site}",
                fix="Leave the column or the site out.",
            )


def _shared(priors: Sequence[Prior | None]) -> Prior | None:
    known = [prior for prior in priors if prior is not None]
    if not known:
        return None
    return Prior(
        float(np.mean([prior.variance for prior in known])),
        float(np.median([prior.shape for prior in known])),
    )


def _site(effect: SiteEffect) -> Site:
    return Site(_row(effect.location), _row(effect.scale))


def _row(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())
