"""Baseline hazards, and the absolute risk of an event that a competing event can preclude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.partial_likelihood import RiskSets
from neurofm_bids.readouts.readout import Baseline
from neurofm_bids.readouts.survival import EVENT, SurvivalTimes

__all__ = ["absolute_risks", "baseline_hazard", "expected_events", "observed_risks"]

_Array = NDArray[np.float64]
_FAR = 50.0  # log hazard ratio beyond which risks are 0 or 1; its exponential must not overflow
_BLOCK = 1_000_000  # values that are held at once


def baseline_hazard(times: SurvivalTimes, cause: int, log_ratios: _Array) -> Baseline:
    """Estimate the cumulative cause-specific hazard of people whose log hazard ratio is 0.

    Breslow (1972), J. R. Stat. Soc. B 34, 216-217: at each time of an event, the number of events over the
    sum of the hazard ratios of those at risk. The last time is the end of the longest follow-up.

    Parameters
    ----------
    times
        Of n people.
    cause
        The event.
    log_ratios
        Of each person, (n,).
    """
    sets = RiskSets(times, cause)
    cumulative = np.cumsum(sets.counts / sets.sums(np.exp(log_ratios)))
    ended = float(times.exit.max())
    at, values = list(map(float, sets.event_times)), list(map(float, cumulative))
    if not at or at[-1] < ended:
        at, values = [*at, ended], [*values, values[-1] if values else 0.0]
    return Baseline(tuple(at), tuple(values))


def expected_events(baseline: Baseline, times: SurvivalTimes, log_ratios: _Array) -> float:
    """Return the number of events expected in the follow-up of n people with log hazard ratios, (n,)."""
    exposure = _hazard_at(baseline, times.exit) - _hazard_at(baseline, times.entry)
    return float(exposure @ np.exp(log_ratios))


def absolute_risks(baselines: Sequence[Baseline], log_ratios: _Array, at: _Array) -> _Array:
    """Return the probability of the event within times from the scan, in the presence of competing events.

    The Aalen-Johansen form for cause-specific hazards: the hazard of the event, times the probability to be
    still free of both events, summed over time (Benichou and Gail 1990, Biometrics 46, 813-826). Between two
    times hazards act as constant rates, so that risks of all events and the probability of none sum to 1.
    Without a competing event this is 1 - exp(-cumulative hazard).

    Parameters
    ----------
    baselines
        Of the event, then of the competing event if there is one; k.
    log_ratios
        Of n people, (n, k).
    at
        Times in years, (m,).

    Returns
    -------
    ndarray
        (n, m); NaN beyond the end of follow-up, where the hazard is not known.
    """
    grid = np.unique(np.concatenate([baseline.times for baseline in baselines]))
    hazards = np.array([np.diff(_hazard_at(baseline, grid), prepend=0.0) for baseline in baselines])
    known = at <= min(baseline.times[-1] for baseline in baselines)
    places = np.searchsorted(grid, at, side="right")
    blocks = np.array_split(
        np.exp(np.clip(log_ratios, -_FAR, _FAR)), max(1, log_ratios.shape[0] * len(grid) // _BLOCK)
    )
    risks = np.concatenate([_incidence(ratios, hazards)[:, places] for ratios in blocks])
    return np.where(known, risks, np.nan)


def _incidence(ratios: _Array, hazards: _Array) -> _Array:
    """Return the risk of the first event before and after each of t increments of k hazards, (n, 1 + t)."""
    total = ratios @ hazards
    free = np.exp(total - np.cumsum(total, axis=1))
    share = np.divide(ratios[:, :1] * hazards[0], total, out=np.zeros_like(total), where=total > 0)
    risks = np.minimum(np.cumsum(free * -np.expm1(-total) * share, axis=1), 1.0)
    return np.hstack([np.zeros((len(risks), 1)), risks])


def _hazard_at(baseline: Baseline, times: _Array) -> _Array:
    """Return the cumulative hazard at times, a step function that is 0 before the first event."""
    steps = np.concatenate([[0.0], baseline.cumulative_hazard])
    return np.asarray(steps[np.searchsorted(baseline.times, times, side="right")])


def observed_risks(times: SurvivalTimes, at: _Array) -> _Array:
    """Return the share of people with the event within times from the scan, (m,), by Aalen and Johansen.

    The estimator of Aalen and Johansen (1978), Scand. J. Stat. 5, 141-150, for people at risk from their
    entry on; 1 - Kaplan-Meier without a competing event. NaN beyond the end of the longest follow-up.
    """
    ends = np.unique(times.exit)
    entered = np.searchsorted(np.sort(times.entry), ends)
    at_risk = entered - np.searchsorted(np.sort(times.exit), ends)
    by_end = np.searchsorted(ends, times.exit)
    any_event = np.bincount(by_end, times.event > 0, len(ends)) / at_risk
    event = np.bincount(by_end, times.event == EVENT, len(ends)) / at_risk
    free = np.concatenate([[1.0], np.cumprod(1 - any_event)])
    risks = np.concatenate([[0.0], np.cumsum(free[:-1] * event)])
    observed = risks[np.searchsorted(ends, at, side="right")]
    return np.where(at > ends[-1], np.nan, observed)
