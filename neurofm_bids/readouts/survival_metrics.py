"""How well hazards and absolute risks tell who has an event, and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.survival import CENSORED, EVENT, SurvivalTimes

__all__ = [
    "brier_scores",
    "calibration_slope",
    "calibration_slope_error",
    "free_of_censoring",
    "harrell_c",
    "integrated_brier",
    "time_dependent_auc",
    "uno_c",
]

_Array = NDArray[np.float64]


def harrell_c(times: SurvivalTimes, scores: _Array) -> float:
    """Return the share of comparable pairs in which the person with the earlier event has the higher score.

    Harrell's C-index (1996, Stat. Med. 15, 361-387). A person with the event at t is compared with all who
    are at risk at t and have their event later or never; equal scores count half. Defined with left
    truncation: only people who entered before t are compared. A competing event counts as censoring, so that
    it is the C-index of the cause-specific hazard.

    Parameters
    ----------
    times
        Of n people.
    scores
        Log hazard ratios, or any score that rises with the hazard, (n,).

    Returns
    -------
    float
        NaN if no two people can be compared.
    """
    return _concordance(times, scores, np.ones(len(times)))


def uno_c(times: SurvivalTimes, scores: _Array, until: float = np.inf) -> float:
    """Return the C-index that does not depend on the censoring.

    Uno et al. (2011), Stat. Med. 30, 1105-1117: pairs as of :func:`harrell_c`, weighted by the inverse square
    of the probability to be free of censoring, for events before `until`. A competing event counts as
    censoring. Not defined with left truncation, as people who entered late are no sample of those scanned.

    Returns
    -------
    float
        NaN with left truncation, and if no two people can be compared.
    """
    if times.delayed:
        return np.nan
    cause = SurvivalTimes(times.entry, times.exit, np.where(times.event == EVENT, EVENT, CENSORED))
    free = free_of_censoring(cause, times.exit, before=True)
    weights = np.divide(1.0, free**2, out=np.zeros_like(free), where=free > 0)
    return _concordance(times, scores, np.where(times.exit < until, weights, 0.0))


def _concordance(times: SurvivalTimes, scores: _Array, weights: _Array) -> float:
    """Return the concordance of pairs, weighted by the person with the earlier event."""
    concordant = pairs = 0.0
    is_case = times.event == EVENT
    for case in np.flatnonzero(is_case & (weights > 0)):
        now = times.exit[case]
        later = (times.exit > now) | ((times.exit == now) & ~is_case)
        others = scores[later & (times.entry < now)]
        pairs += weights[case] * len(others)
        lower, equal = np.sum(others < scores[case]), np.sum(others == scores[case])
        concordant += weights[case] * (lower + 0.5 * equal)
    return float(concordant / pairs) if pairs else np.nan


def free_of_censoring(times: SurvivalTimes, at: _Array, *, before: bool = False) -> _Array:
    """Return the probability to be free of censoring until times, or just `before` them, (m,).

    Kaplan-Meier with censoring as the event; who has an event at a time is not at risk of being censored at
    that time.
    """
    ends = np.unique(times.exit)
    by_end = np.searchsorted(ends, times.exit)
    leaving = np.bincount(by_end, minlength=len(ends))
    censored = np.bincount(by_end, times.event == CENSORED, len(ends))
    at_risk = leaving[::-1].cumsum()[::-1] - (leaving - censored)
    steps = 1 - np.divide(censored, at_risk, out=np.zeros(len(ends)), where=at_risk > 0)
    free = np.concatenate([[1.0], np.cumprod(steps)])
    return np.asarray(free[np.searchsorted(ends, at, side="left" if before else "right")])


def _weights(times: SurvivalTimes, at: float) -> tuple[NDArray[np.bool_], _Array]:
    """Return who had the event until a time, and weights of people whose state at that time is known.

    The inverse of the probability to be free of censoring until the event, the competing event or the time.
    """
    ended = (times.exit <= at) & (times.event != CENSORED)
    free = np.where(
        ended,
        free_of_censoring(times, times.exit, before=True),
        free_of_censoring(times, np.array([at])),
    )
    known = (ended | (times.exit > at)) & (free > 0)
    weights = np.divide(1.0, free, out=np.zeros_like(free), where=known)
    return ended & (times.event == EVENT), weights


def _is_defined(times: SurvivalTimes, at: float) -> bool:
    """Return whether the state of people at a time can be weighted for censoring."""
    return not times.delayed and bool(at <= times.exit.max())


def time_dependent_auc(times: SurvivalTimes, risks: _Array, at: float) -> float:
    """Return the area under the ROC curve of people with the event until a time against all others.

    Cumulative/dynamic, with inverse probability of censoring weights (Blanche et al. 2013, Stat. Med. 32,
    5381-5397). The others are free of the event at that time, or had the competing event before. Not defined
    with left truncation.

    Parameters
    ----------
    times
        Of n people.
    risks
        Absolute risk until that time, or another score that rises with it, (n,).
    at
        The time in years.

    Returns
    -------
    float
        NaN with left truncation, beyond the follow-up, and without cases or others.
    """
    if not _is_defined(times, at):
        return np.nan
    case, weights = _weights(times, at)
    order = np.argsort(risks, kind="stable")
    values, place = np.unique(risks[order], return_inverse=True)
    cases = np.bincount(place, (weights * case)[order], len(values))
    others = np.bincount(place, (weights * ~case)[order], len(values))
    total = cases.sum() * others.sum()
    below = np.cumsum(others) - 0.5 * others
    return float(cases @ below / total) if total else np.nan


def brier_scores(times: SurvivalTimes, risks: _Array, at: _Array) -> _Array:
    """Return the mean squared difference of absolute risks and what happened, at each time.

    Graf et al. (1999), Stat. Med. 18, 2529-2545, with the competing event as no event (Schoop et al. 2011,
    Biom. J. 53, 88-112): people whose state is known are weighted by the inverse probability to be free of
    censoring. Not defined with left truncation.

    Parameters
    ----------
    times
        Of n people.
    risks
        Absolute risk of each person until each time, (n, m).
    at
        Times in years, (m,).

    Returns
    -------
    ndarray
        (m,); NaN with left truncation and beyond the follow-up.
    """
    scores = np.full(len(at), np.nan)
    for place, time in enumerate(at):
        if _is_defined(times, time):
            case, weights = _weights(times, time)
            scores[place] = np.mean(weights * (case - risks[:, place]) ** 2)
    return scores


def integrated_brier(times: SurvivalTimes, risks: _Array, at: _Array) -> float:
    """Return the mean of :func:`brier_scores` from the first time to the last (trapezoidal rule)."""
    scores = brier_scores(times, risks, at)
    return float(np.diff(at) @ (scores[1:] + scores[:-1]) / 2 / (at[-1] - at[0]))


def calibration_slope(times: SurvivalTimes, log_ratios: _Array, cause: int = EVENT) -> float:
    """Return the coefficient of held-out log hazard ratios in a Cox regression of an event on them.

    1 is calibrated; below 1, differences between people are overstated (van Houwelingen 2000, Stat. Med. 19,
    3401-3415). Defined with left truncation. Other events count as censoring.

    Returns
    -------
    float
        NaN without events, or if all log hazard ratios are equal.
    """
    return calibration_slope_error(times, log_ratios, cause)[0]


def calibration_slope_error(
    times: SurvivalTimes, log_ratios: _Array, cause: int = EVENT
) -> tuple[float, float]:
    """Return the :func:`calibration_slope` and its standard error, from the information of the likelihood."""
    sets = RiskSets(times, cause)
    spread = float(log_ratios.std())
    if not len(sets.cases) or spread == 0:
        return np.nan, np.nan
    standard = ((log_ratios - log_ratios.mean()) / spread)[:, None]
    try:
        slope = fit_cox(standard, sets, np.zeros(1)).coefficients
    except NeuroFMError:
        return np.nan, np.nan
    information = standard.T @ PartialLikelihood(sets, standard @ slope).information(standard)
    return float(slope[0] / spread), float(information[0, 0] ** -0.5 / spread)
