"""How much a measure differs between scans of a person who has not changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.change.slopes import slopes
from neurofm_bids.analysis.change.visits import RETEST_WEEKS, WEEKS, close_scans, least_years, visits

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_FREEDOM", "MEASURED", "Repeatability", "repeatability", "sd_of_interval"]

_Array = npt.NDArray[np.float64]

LEAST_FREEDOM = 10
MEASURED = frozenset({"given", "retest", "residuals"})  # sources that cover repeated scans
_NORMAL = 1.959963984540054


@dataclass(frozen=True)
class Repeatability:
    """Standard deviation of the error of a measure.

    Parameters
    ----------
    sd
        Of each scan, shape (n,); NaN where it is not known.
    source
        ``given``; ``retest``, from sessions that are close in time; ``residuals``, from the distances of
        three or more visits of a person from a line; ``interval``, from the interval of each scan, which
        repeated scans exceed; empty where nothing is known.
    freedom
        Degrees of freedom; infinite where the sd counts as known.
    """

    sd: _Array
    source: str = ""
    freedom: float = np.inf

    @property
    def quantile(self) -> float:
        """How many standard errors a 95% interval reaches to each side."""
        from scipy import stats

        return float(stats.t.ppf(0.975, self.freedom))


def sd_of_interval(lower: _Array, upper: _Array) -> _Array:
    """Return the standard deviation of a normal error with these 95% limits."""
    return (upper - lower) / (2 * _NORMAL)


def repeatability(
    table: pd.DataFrame,
    measure: str,
    people: npt.NDArray[np.intp],
    years: _Array,
    session: npt.NDArray[np.intp],
    retest_weeks: float = RETEST_WEEKS,
    given: float | None = None,
    exact: npt.NDArray[np.bool_] | None = None,
) -> Repeatability:
    """Return the error of a measure from the best source there is, in the order of :class:`Repeatability`.

    Estimates need :data:`LEAST_FREEDOM` degrees of freedom. What changes within ``retest_weeks`` and, for
    ``residuals``, what does not follow a line counts as error.

    Parameters
    ----------
    table
        One row per scan; beside the measure, ``<measure>_sd`` or ``<measure>_lower95`` and
        ``<measure>_upper95`` are used.
    people, years, session
        Number of the person, time, and number of the session of each scan, shape (n,). Of the scans of a
        session, the first takes part in ``retest``.
    retest_weeks
        Most weeks between sessions of ``retest``; 0 for none.
    given
        Standard deviation, if it is known.
    exact
        Whether times are exact to weeks, shape (n,); all are if absent.
    """
    count, values = len(table), table[measure].to_numpy(dtype=np.float64, na_value=np.nan)
    if given is not None:
        return Repeatability(np.full(count, given), "given")
    is_exact = np.ones(count, dtype=bool) if exact is None else exact
    first = np.zeros(count, dtype=bool)
    usable = np.flatnonzero(np.isfinite(values) & np.isfinite(years) & is_exact)
    first[usable[np.unique(session[usable], return_index=True)[1]]] = True
    sources = {
        "retest": _close(people[first], years[first], values[first], retest_weeks / WEEKS),
        "residuals": _around_lines(people, years, values, least_years(retest_weeks)),
    }
    for source, (squares, freedom) in sources.items():
        if freedom >= LEAST_FREEDOM and squares > 0:
            return Repeatability(np.full(count, np.sqrt(squares / freedom)), source, freedom)
    sd = _of_scans(table, measure)
    return Repeatability(sd, "interval" if np.isfinite(sd).any() else "")


def _close(people: npt.NDArray[np.intp], years: _Array, values: _Array, most: float) -> tuple[float, float]:
    """Return the sum of squares within groups of close scans of a person, and its degrees of freedom."""
    groups = close_scans(people, years, most)
    counts = np.bincount(groups)
    means = np.bincount(groups, values) / np.maximum(counts, 1)
    freedom = 0 if most <= 0 else int((counts - 1)[counts > 0].sum())
    return float(((values - means[groups]) ** 2).sum()), float(freedom)


def _around_lines(
    people: npt.NDArray[np.intp], years: _Array, values: _Array, least: float
) -> tuple[float, float]:
    lines = slopes(visits(people, years, values, np.full(len(values), np.nan), least))
    several = lines.visits > 2
    return float(lines.squared_residuals[several].sum()), float((lines.visits[several] - 2).sum())


def _of_scans(table: pd.DataFrame, measure: str) -> _Array:
    """Return the standard deviation that each scan has, from its own column or from its interval."""
    limits = [f"{measure}_lower95", f"{measure}_upper95"]
    if f"{measure}_sd" in table:
        return np.asarray(table[f"{measure}_sd"].to_numpy(dtype=np.float64, na_value=np.nan))
    if all(name in table for name in limits):
        lower, upper = (table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in limits)
        return sd_of_interval(lower, upper)
    return np.full(len(table), np.nan)
