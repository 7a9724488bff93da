"""Trends and steps of a measure over the date of acquisition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.quality.components import evenly_chosen

__all__ = ["Step", "Trend", "step_over", "trend_over"]

_PERIODS = 50

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trend:
    """``slope`` per year with its 95 % interval, p of Spearman's rank correlation."""

    slope: float
    lower95: float
    upper95: float
    p: float


@dataclass(frozen=True)
class Step:
    """Number of values ``before`` a step, its ``size`` (median after less before), p of Pettitt's test."""

    before: int
    size: float
    p: float


def trend_over(years: _Array, values: _Array) -> Trend:
    """Return the slope of values over time: the median of the slopes of pairs (Theil and Sen).

    Of more than 50 points, the pairs are of the medians of 50 periods with equal numbers of points. p is
    that of Spearman's correlation, of all points.

    Parameters
    ----------
    years, values
        Shape (n,), finite.
    """
    from scipy.stats import pearsonr, rankdata, theilslopes

    count = min(len(years), _PERIODS)
    chosen = evenly_chosen(len(years), count * (len(years) // count))
    periods = np.argsort(years, kind="stable")[chosen].reshape(count, -1)
    when, what = (np.median(numbers[periods], axis=1) for numbers in (years, values))
    slope, _, low, high = theilslopes(what, when)
    constant = np.ptp(values) == 0 or np.ptp(years) == 0
    p = 1.0 if constant else float(pearsonr(rankdata(years), rankdata(values)).pvalue)
    return Trend(float(slope), float(low), float(high), p)


def step_over(values: _Array) -> Step:
    """Return the most probable step of values in order of time (Pettitt, Applied Statistics 28, 1979).

    Parameters
    ----------
    values
        Shape (n,), finite, in order of time.
    """
    from scipy.stats import rankdata

    n, ranks = len(values), rankdata(values)
    after = np.arange(1, n)
    u = np.abs(2 * np.cumsum(ranks)[:-1] - after * (n + 1))
    before = int(after[u.argmax()])
    p = float(np.clip(2 * np.exp(-6.0 * u.max() ** 2 / (n**3 + n**2)), 0, 1))
    return Step(before, float(np.median(values[before:]) - np.median(values[:before])), p)
