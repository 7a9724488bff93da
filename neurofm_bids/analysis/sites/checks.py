"""Cohorts whose sites cannot be harmonised: too few scans, or sites that differ in a covariate altogether."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.sites.covariates import Preserved, coded, text_column
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.text import printable, some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_new_site", "check_not_confounded", "check_numbers"]

_Texts = npt.NDArray[np.str_]
_BULK = (5, 95)  # percentiles of the values of a site that must meet those of others
_LEAVE_OUT = "Leave the site or the covariate out."


def check_numbers(sites: _Texts, least: int, column: str) -> None:
    """Raise if there are fewer than two sites, or fewer scans of one than needed.

    Parameters
    ----------
    sites
        Of each scan that can be used, shape (n,).

    Raises
    ------
    NeuroFMError
        That is so; the message names the sites with too few scans.
    """
    names, counts = np.unique(sites, return_counts=True)
    few = [
        f"{printable(str(name))}: {n}" for name, n in zip(names, counts.tolist(), strict=True) if n < least
    ]
    if few:
        raise NeuroFMError(
            f"{len(few)} of {len(names)} sites have fewer than {least} scans with known covariates "
            f"({some_of(few)})",
            where=f"column {column}",
            fix="Leave these scans out, join sites in another column, or lower least_scans.",
        )
    if len(names) < 2:
        raise NeuroFMError(
            f"harmonisation needs two sites or more, and there is {len(names)}",
            where=f"column {column}",
            fix="Check the column of the site.",
        )


def check_not_confounded(table: pd.DataFrame, sites: _Texts, covariates: Sequence[Preserved]) -> None:
    """Raise if the effect of a covariate cannot be told from that of the sites.

    Raises
    ------
    NeuroFMError
        A site has one value only of a text that differs between sites; or the numbers of some sites do not
        overlap with those of the others; or covariates do not vary independently within sites.
    """
    for one in covariates:
        for what in _faults(table, sites, one):
            raise NeuroFMError(
                f"the effect of {one.name} cannot be told from that of the sites: {what}", fix=_LEAVE_OUT
            )
    design = coded(table, covariates)
    design = design[:, np.ptp(design, axis=0) > 0]
    within = np.concatenate([design[sites == site] - design[sites == site].mean(axis=0) for site in {*sites}])
    within = within / np.maximum(np.abs(within).max(axis=0, initial=0), np.finfo(float).tiny)
    if design.size and np.linalg.matrix_rank(within) < design.shape[1]:
        names = ", ".join(one.name for one in covariates)
        raise NeuroFMError(
            f"the effects of {names} cannot be told apart within sites",
            fix="Preserve fewer columns, or smooth none.",
        )


def check_new_site(table: pd.DataFrame, site: str, covariates: Sequence[Preserved], least: int) -> None:
    """Raise if the shift and scale of a new site cannot be estimated from its scans.

    Parameters
    ----------
    table
        Its scans with known covariates.
    covariates
        Of the harmonisation.

    Raises
    ------
    NeuroFMError
        It has too few scans, or numbers outside those of the harmonisation.
    """
    if len(table) < least:
        raise NeuroFMError(
            f"the new site {printable(site)} has {len(table)} scans with known covariates, fewer than "
            f"{least}",
            fix="Leave these scans out, or lower least_scans.",
        )
    for one in covariates:
        if one.range is None:
            continue
        low, high = np.percentile(coded(table, [one])[:, 0], _BULK)
        if high < one.range[0] or low > one.range[1]:
            raise NeuroFMError(
                f"the {one.name} of the new site {printable(site)} ({low:.4g} to {high:.4g}) does not "
                f"overlap with that of the harmonisation ({one.range[0]:.4g} to {one.range[1]:.4g})",
                fix="Leave these scans out.",
            )


def _faults(table: pd.DataFrame, sites: _Texts, one: Preserved) -> Iterator[str]:
    names = sorted({*sites.tolist()})
    if one.levels:
        cells = text_column(table, one.name)
        only = {name: {*cells[sites == name].tolist()} for name in names}
        single = [f"{printable(name)}: {min(own)}" for name, own in only.items() if len(own) == 1]
        if len(one.levels) > 1 and single:
            yield f"some sites have one value only ({some_of(single)})"
        return
    values = coded(table, [one])[:, 0]
    bulks = sorted((*np.percentile(values[sites == name], _BULK).tolist(), name) for name in names)
    reached = np.maximum.accumulate([high for _, high, _ in bulks])
    for place, after in enumerate(bulks[1:]):
        if after[0] > reached[place]:
            yield (
                f"the middle 90 % of {one.name} ends at {reached[place]:.4g} at "
                f"{_named(bulks[: place + 1])} and starts at {after[0]:.4g} at {_named(bulks[place + 1 :])}"
            )
            return


def _named(bulks: Sequence[tuple[float, float, str]]) -> str:
    return some_of([printable(name) for _, _, name in bulks])
