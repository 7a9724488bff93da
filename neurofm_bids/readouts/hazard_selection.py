"""The penalty of a hazard and its recalibration, from folds of its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.hazard_columns import learn_columns
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import calibration_slope_error

__all__ = [
    "FLATTEST",
    "STRENGTHS",
    "InnerFold",
    "Selection",
    "column_penalties",
    "inner_folds",
    "recalibrating_slope",
    "select",
]

_Array = NDArray[np.float64]
STRENGTHS = tuple(float(10**exponent) for exponent in np.arange(4, -3.5, -0.5))  # penalties per event
FLATTEST = 0.01  # a slope of 0 would make all scores equal
_PRIOR = 1 / 2.5**2  # penalty of standardised covariates: a normal prior with sd 2.5 of log hazard ratios
_SLOPE_SD = 0.3  # of slopes around 1
_WORSE = 2.0  # log likelihood below the best at which weaker penalties are no longer tried
_ROUGHLY = 1e-4


@dataclass(frozen=True)
class InnerFold:
    """A fold of a training: who is in it, and the columns that the others make.

    Parameters
    ----------
    train, test
        Rows of the others and of the fold, which are all n.
    values
        Columns of all n scans, learned without the fold, (n, c).
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    values: _Array


@dataclass(frozen=True)
class Selection:
    """What the folds of a training say of the hazard of one event.

    Parameters
    ----------
    penalty
        Of the squared coefficients of components, for all scans of the training.
    slope
        That recalibrates log hazard ratios.
    held_out
        Log hazard ratio of each scan by the fit without its fold, before recalibration, (n,).
    """

    penalty: float
    slope: float
    held_out: _Array


def inner_folds(samples: Samples, folds: NDArray[np.intp]) -> list[InnerFold]:
    """Learn the columns without each fold: scaling, regression on covariates, harmonisation, components."""
    made = []
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        made.append(InnerFold(train, test, learn_columns(samples.take(train)).values(samples)))
    return made


def column_penalties(columns: _Array, covariates: int, penalty: float) -> _Array:
    """Return the penalty of each column: those of covariates come first, then components."""
    count = columns.shape[1] - covariates
    return np.concatenate([np.full(covariates, _PRIOR), np.full(count, penalty)])


def select(inner: list[InnerFold], covariates: int, times: SurvivalTimes, cause: int) -> Selection:
    """Choose the penalty whose fits without a fold add the most to the partial likelihood with it.

    Verweij and van Houwelingen (1993), Stat. Med. 12, 2305-2314. From strong penalties to weak ones, each
    fit starts from the one before. The recalibration is that of the held-out log hazard ratios of the chosen
    penalty.

    Parameters
    ----------
    inner
        Folds of the training.
    covariates
        Number of columns of covariates, which come first.
    times
        Follow-up of the n scans of the training.
    cause
        The event.
    """
    everybody = RiskSets(times, cause)
    sets = [RiskSets(times[fold.train], cause) for fold in inner]
    starts = [np.zeros(fold.values.shape[1]) for fold in inner]
    has_components = any(fold.values.shape[1] > covariates for fold in inner)
    best, chosen, held_out = -np.inf, STRENGTHS[0], np.zeros(len(times))
    for strength in STRENGTHS if has_components else STRENGTHS[:1]:
        gained, own = 0.0, np.zeros(len(times))
        for place, fold in enumerate(inner):
            weights = column_penalties(fold.values, covariates, strength * len(sets[place].cases))
            fit = fit_cox(fold.values[fold.train], sets[place], weights, starts[place], tolerance=_ROUGHLY)
            starts[place] = fit.coefficients
            log_ratios = fold.values @ fit.coefficients
            own[fold.test] = log_ratios[fold.test]
            gained += PartialLikelihood(everybody, log_ratios).value - fit.log_likelihood
        if gained > best:
            best, chosen, held_out = gained, strength, own
        elif gained < best - _WORSE:
            break
    slope = recalibrating_slope(times, held_out, cause)
    return Selection(chosen * len(everybody.cases), slope, held_out)


def recalibrating_slope(times: SurvivalTimes, held_out: _Array, cause: int) -> float:
    """Return the slope of held-out log hazard ratios, (n,), drawn to 1 as far as its error says.

    With few events the slope of held-out ratios varies more than a fit whose penalty was chosen is wrong. A
    slope of 0 or less says that nothing was found; all people then get nearly the same risk.
    """
    slope, error = calibration_slope_error(times, held_out, cause)
    if not (slope > 0 and np.isfinite(error)):
        return FLATTEST
    own, prior = error**-2, _SLOPE_SD**-2
    return float(max((own * slope + prior) / (own + prior), FLATTEST))
