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
from neurofm_bids.readouts.hazard_selection import Selection, column_penalties, inner_folds, select
from neurofm_bids.readouts.hazards import absolute_risks, baseline_hazard
from neurofm_bids.readouts.partial_likelihood import RiskSets
from neurofm_bids.readouts.readout import Baseline
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import EVENT, SurvivalTimes, people_with

__all__ = ["FEWEST_EVENTS", "Hazard", "HazardModel", "event_folds", "fit_model"]

_Array = NDArray[np.float64]
FEWEST_EVENTS = 20  # people with an event, for a hazard that depends on features


@dataclass(frozen=True)
class Hazard:
    """The hazard of one event.

    Parameters
    ----------
    cause
        The event.
    fitted
        Log hazard ratio of each of c columns as fitted, (c,).
    penalty
        Of the squared coefficients of components; infinite if the hazard is the same for everybody.
    slope
        That recalibrates log hazard ratios.
    held_out
        Log hazard ratio of each scan of the training from a fit without its fold, before recalibration, (n,).
    baseline
        Cumulative hazard where the recalibrated log hazard ratio is 0.
    """

    cause: int
    fitted: _Array
    penalty: float
    slope: float
    held_out: _Array
    baseline: Baseline

    @property
    def coefficients(self) -> _Array:
        """Recalibrated log hazard ratio of each column, (c,)."""
        return self.fitted * self.slope


@dataclass(frozen=True)
class HazardModel:
    """Hazards of k events as functions of features and covariates.

    Parameters
    ----------
    columns
        From features and covariates to c columns.
    hazards
        Of each event, k.
    """

    columns: HazardColumns
    hazards: tuple[Hazard, ...]

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """Cumulative hazards where log hazard ratios are 0, k."""
        return tuple(hazard.baseline for hazard in self.hazards)

    def log_ratios(self, samples: Samples) -> _Array:
        """Return the recalibrated log hazard ratio of each event, (n, k)."""
        coefficients = np.column_stack([hazard.coefficients for hazard in self.hazards])
        return np.asarray(self.columns.values(samples) @ coefficients)

    def risks(self, log_ratios: _Array, at: _Array) -> _Array:
        """Return the absolute risk of the event until times, (n, m)."""
        return absolute_risks(self.baselines, log_ratios, at)


def fit_model(samples: Samples, causes: Sequence[int], *, folds: int, seed: int) -> HazardModel:
    """Fit the hazard of each event with the penalty of the highest cross-validated partial likelihood.

    Covariates are regressed out of the features and are columns of the hazard themselves, since a risk
    without age is of little use; they have a weak penalty that keeps their coefficients finite. The hazard
    of a competing event with fewer than 20 people is the same for everybody.

    Log hazard ratios are recalibrated by the slope of held-out ones of the folds, and baselines are those of
    held-out ratios: those of the fitted people themselves would be too far apart.

    Parameters
    ----------
    samples
        Of n scans; their target is entry, exit and event, (n, 3).
    causes
        The event, then the competing event if there is one.
    folds
        In which the penalty is chosen and held-out ratios are made, with all scans of a person in one.

    Raises
    ------
    NeuroFMError
        Fewer than 20 people have the event.
    """
    times = SurvivalTimes.of(samples.target)
    if (found := people_with(EVENT, times, samples.people)) < FEWEST_EVENTS:
        what = f"the event occurs in {found} people of a training, at least {FEWEST_EVENTS} are needed"
        raise NeuroFMError(what)
    columns = learn_columns(samples)
    values, covariates = columns.values(samples), samples.covariates.shape[1]
    inner = inner_folds(samples, event_folds(samples, folds, seed))
    hazards = []
    for cause in causes:
        fitted, chosen = np.zeros(values.shape[1]), Selection(float("inf"), 1.0, np.zeros(len(samples)))
        if people_with(cause, times, samples.people) >= FEWEST_EVENTS:
            chosen = select(inner, covariates, times, cause)
            weights = column_penalties(values, covariates, chosen.penalty)
            fitted = fit_cox(values, RiskSets(times, cause), weights).coefficients
        baseline = baseline_hazard(times, cause, chosen.slope * chosen.held_out)
        hazards.append(Hazard(cause, fitted, chosen.penalty, chosen.slope, chosen.held_out, baseline))
    return HazardModel(columns, tuple(hazards))


def event_folds(samples: Samples, count: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each scan, (n,): blocks are together, people with each event spread evenly."""
    return stratified_folds(samples.blocks, samples.target[:, 2].astype(np.intp), count, seed)
