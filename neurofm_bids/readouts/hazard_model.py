"""Cause-specific hazards of the event and the competing event, fitted to one training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.folds import stratified_folds
from neurofm_bids.readouts.hazard_columns import HazardColumns, learn_columns
from neurofm_bids.readouts.hazards import absolute_risks, baseline_hazard
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.readout import Baseline
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import EVENT, SurvivalTimes, people_with

__all__ = [
    "FEWEST_EVENTS",
    "STRENGTHS",
    "HazardModel",
    "column_penalties",
    "event_folds",
    "fit_model",
]

_Array = NDArray[np.float64]
FEWEST_EVENTS = 20  # people with an event, for a hazard that depends on features
STRENGTHS = tuple(float(10**exponent) for exponent in np.arange(4, -3.5, -0.5))  # penalties per event
_PRIOR = 1 / 2.5**2  # penalty of standardised covariates: a normal prior with sd 2.5 of log hazard ratios
_WORSE = 2.0  # log likelihood below the best at which weaker penalties are no longer tried
_ROUGHLY = 1e-4


@dataclass(frozen=True)
class HazardModel:
    """Hazards of k events as functions of features and covariates.

    Parameters
    ----------
    columns
        From features and covariates to c columns.
    coefficients
        Log hazard ratios of the columns, (k, c).
    penalties
        Of the squared coefficients of components, k; infinite if the hazard is the same for everybody.
    baselines
        Cumulative hazards where features and covariates are at their means, k.
    """

    columns: HazardColumns
    coefficients: _Array
    penalties: tuple[float, ...]
    baselines: tuple[Baseline, ...]

    def log_ratios(self, samples: Samples) -> _Array:
        """Return the log hazard ratio of each event, (n, k)."""
        return np.asarray(self.columns.values(samples) @ self.coefficients.T)

    def risks(self, log_ratios: _Array, at: _Array) -> _Array:
        """Return the absolute risk of the event until times, (n, m)."""
        return absolute_risks(self.baselines, log_ratios, at)


def fit_model(samples: Samples, causes: Sequence[int], *, folds: int, seed: int) -> HazardModel:
    """Fit the hazard of each event with the penalty of the highest cross-validated partial likelihood.

    Covariates are regressed out of the features and are columns of the hazard themselves, since a risk
    without age is of little use; they have a weak penalty that keeps their coefficients finite. The hazard
    of a competing event with fewer than 20 people is the same for everybody.

    Parameters
    ----------
    samples
        Of n scans; their target is entry, exit and event, (n, 3).
    causes
        The event, then the competing event if there is one.
    folds
        In which the penalty is chosen, with all scans of a person in one.

    Raises
    ------
    NeuroFMError
        Fewer than 20 people have the event.
    """
    times = SurvivalTimes.of(samples.target)
    if (found := people_with(EVENT, times, samples.people)) < FEWEST_EVENTS:
        raise NeuroFMError(f"the event occurs in {found} people, at least {FEWEST_EVENTS} are needed")
    columns = learn_columns(samples)
    values, covariates = columns.values(samples), samples.covariates.shape[1]
    coefficients, penalties, baselines = [], [], []
    for cause in causes:
        own, penalty = np.zeros(values.shape[1]), float("inf")
        if people_with(cause, times, samples.people) >= FEWEST_EVENTS:
            chosen = event_folds(samples, cause, folds, seed)
            penalty = _best_penalty(values, covariates, times, cause, chosen)
            weights = column_penalties(values, covariates, penalty)
            own = fit_cox(values, RiskSets(times, cause), weights).coefficients
        coefficients.append(own)
        penalties.append(penalty)
        baselines.append(baseline_hazard(times, cause, values @ own))
    return HazardModel(columns, np.array(coefficients), tuple(penalties), tuple(baselines))


def event_folds(samples: Samples, cause: int, count: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each scan, (n,): people are together, those with an event spread evenly."""
    return stratified_folds(samples.blocks, (samples.target[:, 2] == cause).astype(np.intp), count, seed)


def column_penalties(columns: _Array, covariates: int, penalty: float) -> _Array:
    """Return the penalty of each column: those of covariates come first, then components."""
    count = columns.shape[1] - covariates
    return np.concatenate([np.full(covariates, _PRIOR), np.full(count, penalty)])


def _best_penalty(
    columns: _Array, covariates: int, times: SurvivalTimes, cause: int, folds: NDArray[np.intp]
) -> float:
    """Return the penalty whose fits without a fold add the most to the partial likelihood with it.

    Verweij and van Houwelingen (1993), Stat. Med. 12, 2305-2314. From strong penalties to weak ones, each
    fit starts from the one before.
    """
    everybody = RiskSets(times, cause)
    if columns.shape[1] == covariates:
        return STRENGTHS[0]
    trainings = [np.flatnonzero(folds != fold) for fold in np.unique(folds)]
    sets = [RiskSets(times[rows], cause) for rows in trainings]
    starts = [np.zeros(columns.shape[1]) for _ in trainings]
    best, chosen = -np.inf, STRENGTHS[0]
    for strength in STRENGTHS:
        gained = 0.0
        for place, rows in enumerate(trainings):
            weights = column_penalties(columns, covariates, strength * len(sets[place].cases))
            fit = fit_cox(columns[rows], sets[place], weights, starts[place], tolerance=_ROUGHLY)
            starts[place] = fit.coefficients
            gained += PartialLikelihood(everybody, columns @ fit.coefficients).value - fit.log_likelihood
        if gained > best:
            best, chosen = gained, strength
        elif gained < best - _WORSE:
            break
    return chosen * len(everybody.cases)
