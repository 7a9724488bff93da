"""Shifts of a measure between groups: sites, scanners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.records.statistics import SD_PER_MAD

__all__ = ["group_shifts"]

_Array = npt.NDArray[np.float64]


def group_shifts(
    values: _Array, groups: npt.NDArray[np.intp], inflation: npt.NDArray[np.floating] | float = 1.0
) -> pd.DataFrame:
    """Compare each group with all others by ranks.

    Parameters
    ----------
    values
        Shape (n,), finite.
    groups
        Number of the group of each value, shape (n,); two groups or more.
    inflation
        By how much the standard error of the shift of each group is larger than that of ranks alone, in order
        of the numbers of the groups.

    Returns
    -------
    pandas.DataFrame
        One row per group: ``group``, ``n``, ``value`` (median of the group less that of the others),
        ``effect_size`` (``value`` in robust standard deviations within groups: 1.4826 times the median
        absolute deviation from the medians of the groups), ``p`` (Mann and Whitney, corrected
        for ties).
    """
    from scipy.stats import norm, rankdata

    n, ranks = len(values), rankdata(values)
    names, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    others = n - counts
    u = np.bincount(codes, weights=ranks) - counts * (counts + 1) / 2
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    variance = counts * others / 12 * ((n + 1) - (ties**3 - ties).sum() / (n * (n - 1)))
    z = (np.abs(u - counts * others / 2) - 0.5) / np.sqrt(np.maximum(variance, 1e-30)) / inflation
    medians, rest = _medians(values, codes, counts)
    spread = SD_PER_MAD * np.median(np.abs(values - medians[codes]))
    shift = medians - rest
    effect = np.divide(shift, spread, out=np.full(len(names), np.nan), where=spread > 0)
    p = np.where(variance > 0, 2 * norm.sf(np.maximum(z, 0)), 1.0)
    return pd.DataFrame({"group": names, "n": counts, "value": shift, "effect_size": effect, "p": p})


def _medians(
    values: _Array, codes: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]
) -> tuple[_Array, _Array]:
    """Return the median of each group and that of all others, from one order of all values."""
    order = np.argsort(values, kind="stable")
    ordered, n = values[order], len(values)
    places = np.split(np.argsort(codes[order], kind="stable"), np.cumsum(counts)[:-1])
    own = np.array([np.median(ordered[place]) for place in places])
    rest = [
        np.mean([_without(ordered, place, (n - len(place) - k) // 2) for k in (0, 1)]) for place in places
    ]
    return own, np.array(rest)


def _without(ordered: _Array, places: npt.NDArray[np.intp], rank: int) -> float:
    """Return the value of a rank among ordered values, those at some places left out."""
    before = np.searchsorted(places - np.arange(len(places)), rank, side="right")
    return float(ordered[rank + before])
