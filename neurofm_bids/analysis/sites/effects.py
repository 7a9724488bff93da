"""How much values differ between sites, beyond covariates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.columns import check_columns_of, column_of
from neurofm_bids.analysis.scans import first_of_each
from neurofm_bids.analysis.sites.covariates import coded, coding, known_rows, text_column
from neurofm_bids.combat import alike_columns
from neurofm_bids.readouts.permutation import holm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_OF_SITE", "site_effects"]

LEAST_OF_SITE = 5  # people of a site whose mean and spread are compared
_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_SMALL = 1e-9  # of the largest value: columns that vary less within sites are constant
_P = ("p", "p_sd")


def site_effects(
    table: pd.DataFrame,
    columns: Sequence[str],
    *,
    site: str = "site",
    preserve: Sequence[str] = ("age", "sex"),
    smooth: Collection[str] = (),
    person: str | None = None,
) -> pd.DataFrame:
    """Return a row per column on differences between sites in its mean and its spread.

    Parameters
    ----------
    table
        One row per scan.
    columns
        Columns of the values; NaN where they are not known.
    site
        Column of the site; those of fewer than five people are left out.
    preserve, smooth
        Columns whose effects are taken out first, and those whose effects may be curved.
    person
        Column of the person, of whom the first scan counts; None if each scan is another person's.

    Returns
    -------
    pandas.DataFrame
        ``measure``, ``n`` and ``n_sites``; ``variance_explained``, the share of the variance that covariates
        leave which the site explains, with ``f_statistic`` and ``p`` of the F test; ``sd_ratio``, the largest
        sd within a site over the smallest, with ``p_sd`` of the test of Brown and Forsythe (1974); both p
        also corrected over the rows (Holm). Empty where fewer than two sites can be compared.

    Raises
    ------
    NeuroFMError
        A column does not exist.
    """
    import pandas as pd

    check_columns_of(table, *columns)
    covariates = coding(table, preserve, smooth)
    sites = text_column(table, site)
    is_used = known_rows(table, covariates) & (sites != "")
    if person is not None:
        is_used &= first_of_each(column_of(table, person), is_used)
    design, values = coded(table[is_used], covariates), table.loc[is_used, list(columns)]
    of_sites = np.unique(sites[is_used], return_inverse=True)[1].astype(np.intp)
    numbers = _effects(np.array(values, dtype=np.float64), of_sites, design)
    frame = pd.DataFrame(numbers, columns=list(_ROW)).astype({"n": "int64", "n_sites": "int64"})
    for name in _P:
        known = {str(place): p for place, p in enumerate(frame[name].tolist()) if np.isfinite(p)}
        corrected = pd.Series(holm(known), dtype=np.float64).rename(index=int)
        frame.insert(frame.columns.get_loc(name) + 1, f"{name}_corrected", corrected.reindex(frame.index))
    frame.insert(0, "measure", list(columns))
    return frame


_ROW = ("n", "n_sites", "variance_explained", "f_statistic", "p", "sd_ratio", "p_sd")


def _effects(values: _Values, sites: _Ints, design: _Values) -> _Values:
    """Return the numbers of :data:`_ROW` of each column, shape (p, 7)."""
    found = np.full((values.shape[1], len(_ROW)), np.nan)
    found[:, :2] = 0
    for columns, rows in alike_columns(values):
        counts = np.bincount(sites[rows])
        rows = rows[counts[sites[rows]] >= LEAST_OF_SITE]
        groups = np.unique(sites[rows], return_inverse=True)[1]
        found[columns] = _of_known(values[np.ix_(rows, columns)], groups, design[rows])
    return found


def _of_known(values: _Values, groups: _Ints, design: _Values) -> _Values:
    n, count = len(values), int(groups.max(initial=-1)) + 1
    found = np.full((values.shape[1], len(_ROW)), np.nan)
    found[:, :2] = n, count
    degrees = n - count - design.shape[1]
    if count < 2 or degrees < 1:
        return found
    without = _residuals(values, np.column_stack([np.ones(n), design]))
    within = _residuals(values, np.column_stack([groups[:, None] == np.arange(count), design]))
    total, left = (without**2).sum(axis=0), (within**2).sum(axis=0)
    varies = left > n * (_SMALL * np.abs(values).max(axis=0)) ** 2
    share = np.clip(1 - left[varies] / total[varies], 0, 1)
    found[varies, 2] = share
    found[varies, 3:5] = np.stack(_f_test(share / (1 - share), count - 1, degrees), axis=1)
    parts = [within[groups == group][:, varies] for group in range(count)]
    sds = np.array([part.std(axis=0, ddof=1) for part in parts])
    smallest = sds.min(axis=0)
    found[varies, 5] = np.where(smallest > 0, sds.max(axis=0) / np.where(smallest > 0, smallest, 1), np.nan)
    found[varies, 6] = _brown_forsythe(parts)
    return found


def _f_test(odds: _Values, first: int, second: int) -> tuple[_Values, _Values]:
    """Return F and p of what is explained over what is left."""
    from scipy.stats import f as f_distribution

    statistic = odds * second / first
    return statistic, np.asarray(f_distribution.sf(statistic, first, second))


def _brown_forsythe(parts: Sequence[_Values]) -> _Values:
    """Return p of the test that the groups have one spread: an F test of distances from their medians."""
    distances = [np.abs(part - np.median(part, axis=0)) for part in parts]
    n, means = np.array([len(own) for own in distances]), np.array([own.mean(axis=0) for own in distances])
    between = (n[:, None] * (means - n @ means / n.sum()) ** 2).sum(axis=0)
    within = sum(((own - mean) ** 2).sum(axis=0) for own, mean in zip(distances, means, strict=True))
    return _f_test(between / within, len(parts) - 1, int(n.sum()) - len(parts))[1]


def _residuals(values: _Values, predictors: _Values) -> _Values:
    """Return what a linear model with these predictors, shape (n, k), leaves of values, shape (n, p)."""
    size = np.maximum(np.abs(predictors).max(axis=0), np.finfo(float).tiny)
    directions, strengths, _ = np.linalg.svd(predictors / size, full_matrices=False)
    basis = directions[:, strengths > _SMALL * strengths[0]]
    return np.asarray(values - basis @ (basis.T @ values))
