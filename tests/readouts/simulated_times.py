"""Follow-up of simulated people whose hazards are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.survival import CENSORED, SurvivalTimes

__all__ = ["KnownHazards", "simulate_times"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class KnownHazards:
    """Proportional hazards of one or two events: rate times shape times t^(shape - 1) (Weibull).

    Parameters
    ----------
    log_ratios
        Log hazard ratio of each of n people for the event, and the competing event if there is one, (n, k).
    rates
        Cumulative hazard in the first year where the log hazard ratio is 0, k.
    shape
        1 for constant hazards; above 1 they rise with time.
    """

    log_ratios: _Array
    rates: tuple[float, ...]
    shape: float = 1.0

    def risks(self, at: _Array) -> _Array:
        """Return the true absolute risk of the event until times, (n, m)."""
        rates = np.exp(self.log_ratios) * self.rates
        total = rates.sum(axis=1, keepdims=True)
        return np.asarray(rates[:, :1] / total * -np.expm1(-total * at**self.shape))


def simulate_times(
    hazards: KnownHazards,
    random: np.random.Generator,
    *,
    followed: tuple[float, float] = (2.0, 10.0),
    latest_entry: float = 0.0,
) -> tuple[SurvivalTimes, NDArray[np.intp]]:
    """Draw the follow-up of people with known hazards.

    Parameters
    ----------
    hazards
        Of n people.
    random
        Source of randomness.
    followed
        Follow-up ends at a time with a uniform distribution between these years, unless an event comes first.
    latest_entry
        Follow-up begins at a time with a uniform distribution from 0 to this year; those whose follow-up
        would have ended before are not in the cohort (left truncation).

    Returns
    -------
    times, rows
        Of those in the cohort, and which of the n people they are.

    Examples
    --------
    >>> hazards = KnownHazards(np.zeros((1000, 2)), (0.1, 0.1))
    >>> times, rows = simulate_times(hazards, np.random.default_rng(0), followed=(50, 50))
    >>> len(rows), float(np.mean(times.event == 1).round(1))
    (1000, 0.5)
    """
    rates = np.exp(hazards.log_ratios) * hazards.rates
    total = rates.sum(axis=1)
    count = len(total)
    happens = (random.exponential(size=count) / total) ** (1 / hazards.shape)
    chosen = random.uniform(size=(count, 1)) * total[:, None] > np.cumsum(rates, axis=1)
    ends = random.uniform(*followed, size=count)
    entry = random.uniform(0.0, latest_entry, size=count)
    leaves = np.minimum(happens, ends)
    event = np.where(happens <= ends, 1 + chosen[:, :-1].sum(axis=1), CENSORED).astype(np.int8)
    rows = np.flatnonzero(entry < leaves)
    return SurvivalTimes(entry, leaves, event)[rows], rows
