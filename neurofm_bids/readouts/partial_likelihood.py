"""Cox's partial likelihood of tied and left-truncated times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.survival import EVENT, SurvivalTimes

__all__ = ["PartialLikelihood", "RiskSets"]

_Array = NDArray[np.float64]


class RiskSets:
    """Who was at risk at each time of an event.

    Parameters
    ----------
    times
        Of n people.
    cause
        Event that counts; people with another one leave the risk set as if censored, which gives its
        cause-specific hazard.

    Attributes
    ----------
    event_times
        Increasing, without repetition, (t,).
    counts
        Events at each, (t,).
    cases
        Indices of people with the event, by time, (d,).
    place
        Of each case, its index in `event_times`, (d,).
    """

    def __init__(self, times: SurvivalTimes, cause: int = EVENT) -> None:
        cases = np.flatnonzero(times.event == cause)
        self.cases = cases[np.argsort(times.exit[cases], kind="stable")]
        self.event_times, self.place, self.counts = np.unique(
            times.exit[self.cases], return_inverse=True, return_counts=True
        )
        self._by_exit, self._by_entry = (np.argsort(of, kind="stable") for of in (times.exit, times.entry))
        self._left = np.searchsorted(times.exit[self._by_exit], self.event_times)
        self._not_entered = np.searchsorted(times.entry[self._by_entry], self.event_times)
        self._first = np.searchsorted(self.event_times, times.entry, side="right")
        self._last = np.searchsorted(self.event_times, times.exit, side="right")

    def sums(self, values: _Array) -> _Array:
        """Return the sums over people at risk of values, (n,) or (n, k), at each time of an event."""
        left, not_entered = _sums_from(values[self._by_exit]), _sums_from(values[self._by_entry])
        return np.asarray(left[self._left] - not_entered[self._not_entered])

    def tied(self, values: _Array) -> _Array:
        """Return the sums over cases of values, (n,) or (n, k), at each time of an event."""
        return self.by_time(values[self.cases])

    def by_time(self, values: _Array) -> _Array:
        """Return the sums of values of cases, (d,) or (d, k), at each time of an event."""
        starts = np.flatnonzero(np.diff(self.place, prepend=-1))
        return np.add.reduceat(values, starts, axis=0) if len(starts) else values

    def accumulated(self, increments: _Array) -> _Array:
        """Return what each person collects, while at risk, of increments at event times, (t,) or (t, k)."""
        total = np.concatenate([np.zeros((1, *increments.shape[1:])), np.cumsum(increments, axis=0)])
        return np.asarray(total[self._last] - total[self._first])


def _sums_from(values: _Array) -> _Array:
    """Return the sum of the values from each place to the end, and 0 beyond it."""
    sums = np.cumsum(values[::-1], axis=0)[::-1]
    return np.concatenate([sums, np.zeros_like(values[:1])])


class PartialLikelihood:
    """Cox's log partial likelihood with Efron's treatment of ties, as a function of log hazard ratios.

    Efron (1977), J. Am. Stat. Assoc. 72, 557-565. Of d cases at one time, the l-th (from 0) is compared with
    all people at risk less the share l/d of these cases.

    Parameters
    ----------
    risk_sets
        Of n people.
    log_ratios
        Log hazard ratio of each person, (n,).

    Attributes
    ----------
    value
        The log partial likelihood; minus infinity where it cannot be computed in double precision.
    """

    def __init__(self, risk_sets: RiskSets, log_ratios: _Array) -> None:
        self._sets = risk_sets
        shift = log_ratios.max()
        self._weights = np.exp(log_ratios - shift)
        counts = risk_sets.counts[risk_sets.place]
        order = np.arange(len(risk_sets.cases)) - np.searchsorted(risk_sets.place, risk_sets.place)
        self._share = order / counts
        self._at_risk = self._less_tied(risk_sets.sums(self._weights), risk_sets.tied(self._weights))
        self.value = -np.inf
        if (self._at_risk > 0).all() and np.isfinite(shift):
            self.value = float(np.sum(log_ratios[risk_sets.cases] - shift - np.log(self._at_risk)))

    def _less_tied(self, all_sums: _Array, tied: _Array) -> _Array:
        """Return, for each case, a sum over its risk set less the share of the cases before it."""
        place, share = self._sets.place, self._share
        if all_sums.ndim > 1:
            share = share[:, None]
        return np.asarray(all_sums[place] - share * tied[place])

    def _spread(self, by_case: _Array) -> _Array:
        """Return, for each person, the sum of values of cases over the risk sets that hold the person."""
        sets = self._sets
        share = self._share if by_case.ndim == 1 else self._share[:, None]
        spread: _Array = sets.accumulated(sets.by_time(by_case))
        spread[sets.cases] -= sets.by_time(share * by_case)[sets.place]
        return spread

    def gradient(self) -> _Array:
        """Return its derivatives by the log hazard ratios, (n,): martingale residuals."""
        residuals: _Array = -self._weights * self._spread(1 / self._at_risk)
        residuals[self._sets.cases] += 1
        return residuals

    def information(self, direction: _Array) -> _Array:
        """Return the negative matrix of second derivatives times a direction, (n,) or (n, k)."""
        column = (slice(None), None) if direction.ndim > 1 else slice(None)
        weights, at_risk = self._weights[column], self._at_risk[column]
        moved = weights * direction
        means = self._less_tied(self._sets.sums(moved), self._sets.tied(moved)) / at_risk
        return np.asarray(
            moved * self._spread(1 / self._at_risk)[column] - weights * self._spread(means / at_risk)
        )
