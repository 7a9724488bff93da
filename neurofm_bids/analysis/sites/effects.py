"""How much values differ between sites, beyond covariates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.sites.covariates import coded, coding, column_of, known_rows, text_column
from neurofm_bids.readouts.permutation import holm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_OF_SITE", "site_effects"]

LEAST_OF_SITE = 5  # people of a site whose mean and spread are compared
_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_CHUNK = 64  # columns at once, for memory
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
        sd within a site over the smallest, with ``p_sd`` of the test of Brown and Forsythe (1974); each p also
        corrected over the rows (Holm). Empty where fewer than two sites can be compared.

    Raises
    ------
    NeuroFMError
        A column does not exist.
    """
    import pandas as pd

    covariates = coding(table, preserve, smooth)
    sites = text_column(table, site)
    is_used = known_rows(table, covariates) & (sites != "")
    if person is not None:
        is_used &= _first(column_of(table, person), is_used)
    design, values = coded(table[is_used], covariates), table.loc[is_used, list(columns)]
    of_sites = np.unique(sites[is_used], return_inverse=True)[1].astype(np.intp)
    rows = [
        row
        for start in range(0, len(columns), _CHUNK)
        for row in _effects(np.array(values.iloc[:, start : start + _CHUNK], np.float64), of_sites, design)
    ]
    frame = pd.DataFrame(rows, columns=list(_ROW)).astype({"n": "int64", "n_sites": "int64"})
    for name in _P:
        known = {place: p for place, p in enumerate(frame[name].tolist()) if np.isfinite(p)}
        corrected = pd.Series(holm(known), dtype=np.float64)
        frame.insert(frame.columns.get_loc(name) + 1, f"{name}_corrected", corrected.reindex(frame.index))
    frame.insert(0, "measure", list(columns))
    return frame


_ROW = ("n", "n_sites", "variance_explained", "f_statistic", "p", "sd_ratio", "p_sd")


def _first(people: pd.Series, is_used: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which rows are the first used ones of their person."""
    first = np.zeros(len(people), dtype=bool)
    first[np.flatnonzero(is_used)[~people[is_used].duplicated().to_numpy()]] = True
    return first


def _effects(values: _Values, sites: _Ints, design: _Values) -> Iterator[tuple[float, ...]]:
    for column in values.T:
        is_known = np.isfinite(column)
        counts = np.bincount(sites[is_known], minlength=int(sites.max(initial=-1)) + 1)
        is_known &= counts[sites] >= LEAST_OF_SITE
        yield _effect(column[is_known], sites[is_known], design[is_known])


def _effect(values: _Values, sites: _Ints, design: _Values) -> tuple[float, ...]:
    from scipy.stats import f as f_distribution

    n, groups = len(values), np.unique(sites, return_inverse=True)[1]
    count = int(groups.max(initial=-1)) + 1
    without = _residuals(values, np.column_stack([np.ones(n), design]))
    of_sites = groups[:, None] == np.arange(count)
    within = _residuals(values, np.column_stack([of_sites, design]))
    total, left = float(without @ without), float(within @ within)
    degrees = n - count - design.shape[1]
    if count < 2 or degrees < 1 or total <= 1e-18 * n * float(np.abs(values).max()) ** 2:
        return (n, count, *[np.nan] * 5)
    f_statistic = (total - left) / (count - 1) / (left / degrees) if left > 0 else np.inf
    p = float(f_distribution.sf(f_statistic, count - 1, degrees))
    sds = [float(within[groups == group].std(ddof=1)) for group in range(count)]
    ratio = max(sds) / min(sds) if min(sds) > 0 else np.inf
    return (n, count, max(0.0, 1 - left / total), max(0.0, f_statistic), p, ratio, _brown_forsythe(within, groups))


def _residuals(values: _Values, predictors: _Values) -> _Values:
    return np.asarray(values - predictors @ np.linalg.lstsq(predictors, values, rcond=None)[0])


def _brown_forsythe(values: _Values, groups: _Ints) -> float:
    from scipy.stats import levene

    parts = [values[groups == group] for group in range(int(groups.max()) + 1)]
    return float(levene(*parts, center="median").pvalue)
