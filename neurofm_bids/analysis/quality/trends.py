"""Trends and steps of a measure over the date of acquisition."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.quality.components import evenly_chosen

__all__ = ["Step", "Trend", "decimal_years", "step_over", "trend_over"]

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d*)?)?Z?")
_YEAR = np.timedelta64(31556952, "s")  # mean Gregorian year
_EPOCH = np.datetime64("1970-01-01T00:00:00", "s")
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


def decimal_years(texts: npt.ArrayLike) -> _Array:
    """Return dates in years after 1970, shape (n,); NaN where a text is no date.

    Any year that is written with four digits is read, so that dates that were shifted for privacy are, too.

    >>> decimal_years(["1925-01-01T12:30:00", "12:30:00", None]).round(1).tolist()
    [-45.0, nan, nan]
    """
    return np.array([_years(text) for text in np.asarray(texts, dtype=object)], dtype=np.float64)


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


def _years(text: object) -> float:
    matched = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if matched is None:
        return np.nan
    day, time = matched.groups()
    try:
        when = np.datetime64(f"{day}T{time or '00:00'}", "s")
    except ValueError:
        return np.nan
    return float((when - _EPOCH) / _YEAR)
