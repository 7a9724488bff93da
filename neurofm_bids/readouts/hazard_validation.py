"""Nested cross-validation of hazards: risks of scans from fits without their person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.hazard_model import event_folds, fit_model
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.permutation import p_value
from neurofm_bids.readouts.readout import Evaluation, Metric
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import EVENT, SurvivalTimes
from neurofm_bids.readouts.survival_evaluation import HeldOut, calibration_groups, concordance, evaluate

__all__ = ["CrossValidated", "cross_validate", "evaluate_hazards", "martingale_residuals"]

_Array = NDArray[np.float64]
_Ints = NDArray[np.intp]
_GRID = 41  # times at which risks are integrated
_BOOTSTRAPS = 200  # at most: each needs a Cox regression
_PARTS = 3  # of each training are the points of the learning curve


@dataclass(frozen=True)
class CrossValidated:
    """What nested cross-validation says of n scans.

    Parameters
    ----------
    held_out
        Hazards and risks of each scan, from a fit without its person.
    log_ratios
        Recalibrated log hazard ratio of each event, (n, k).
    """

    held_out: HeldOut
    log_ratios: _Array


def cross_validate(
    samples: Samples,
    causes: Sequence[int],
    horizons: Sequence[float],
    folds: _Ints,
    scheme: Scheme,
    usable: NDArray[np.bool_] | None = None,
) -> CrossValidated:
    """Return hazards and risks of scans from fits without their fold.

    Scaling, regression on covariates, harmonisation, the choice of the penalty and recalibration are part of
    each fit, as they are of the readout that is delivered.

    Parameters
    ----------
    samples
        Of n scans. Without features, (n, 0), this is the model of covariates alone.
    causes
        The event, then the competing event if there is one.
    horizons
        In years; those that the follow-up of a training does not reach are left out.
    folds
        Of each scan, (n,).
    usable
        Which scans may be in a training, (n,); None for all.

    Raises
    ------
    NeuroFMError
        Too few people of a training have the event.
    """
    allowed = np.ones(len(samples), dtype=bool) if usable is None else usable
    models = {
        fold: fit_model(
            samples.take((folds != fold) & allowed),
            causes,
            folds=scheme.folds,
            seed=scheme.seed + 1 + int(fold),
        )
        for fold in np.unique(folds)
    }
    ended = min(baseline.times[-1] for model in models.values() for baseline in model.baselines)
    reached = np.array([years for years in sorted(horizons) if years <= ended], dtype=float)
    grid = np.linspace(0.0, reached[-1] if len(reached) else ended, _GRID)
    log_ratios = np.empty((len(samples), len(causes)))
    risks = np.empty((len(samples), len(grid) + len(reached)))
    for fold, model in models.items():
        test = np.flatnonzero(folds == fold)
        log_ratios[test] = model.log_ratios(samples.take(test))
        risks[test] = model.risks(log_ratios[test], np.concatenate([grid, reached]))
    held_out = HeldOut(log_ratios[:, 0], grid, risks[:, :_GRID], reached, risks[:, _GRID:])
    return CrossValidated(held_out, log_ratios)


def evaluate_hazards(
    samples: Samples,
    causes: Sequence[int],
    horizons: Sequence[float],
    folds: _Ints,
    scheme: Scheme,
    predictions: _Array | None = None,
    *,
    by_site: bool = False,
) -> tuple[Evaluation, CrossValidated]:
    """Return the evaluation of a readout, and the held-out scans that its metrics are of.

    The null permutes, as for the other kinds, what ridge regression reads: here the martingale residuals of
    the event given covariates (Therneau et al. 1990, Biometrika 77, 147-160).

    Parameters
    ----------
    samples, causes, horizons, folds
        As in :func:`cross_validate`.
    predictions
        Of NeuroFM, (n, m), to compare with on the scans that have all of them; NaN where not known.
    by_site
        Whether folds are sites.
    """
    tested = cross_validate(samples, causes, horizons, folds, scheme)
    own = np.empty((len(samples), 0)) if predictions is None else predictions

    covariates = samples.covariates

    def metrics_of(features: _Array, covariates: _Array) -> Mapping[str, Metric]:
        alone = replace(samples, features=features, covariates=covariates, is_harmonised=False)
        is_known = np.asarray(np.isfinite(features).all(axis=1))
        alone = alone.take(is_known)
        try:
            held_out = cross_validate(alone, causes, horizons, folds[is_known], scheme).held_out
        except NeuroFMError:
            return {}  # too few of these scans have the event
        return _metrics(held_out, alone, scheme)

    residuals = martingale_residuals(samples, causes, scheme)[:, None]
    null = samples, residuals, folds, scheme.permutations, scheme.seed
    plain = _metrics(tested.held_out, samples, scheme)
    metrics = plain | _calibration(tested.held_out, samples, scheme)
    evaluation = Evaluation(
        metrics,
        covariates_only=metrics_of(own[:, :0], covariates) if covariates.shape[1] else {},
        with_covariates=plain if covariates.shape[1] else {},  # covariates are columns of the hazard
        predictions_only=metrics_of(own, covariates[:, :0]) if own.shape[1] else {},
        predictions_and_covariates=(
            metrics_of(own, covariates) if own.shape[1] and covariates.shape[1] else {}
        ),
        p_value=p_value(*null) if scheme.permutations else None,
        scheme=_in_words(samples, folds, scheme, by_site=by_site),
        learning_curve={
            **_learning_curve(samples, causes, folds, scheme),
            str(_people_in_training(samples, folds)): metrics["c_index"],
        },
    )
    return evaluation, tested


def _metrics(held_out: HeldOut, samples: Samples, scheme: Scheme) -> dict[str, Metric]:
    times, count = SurvivalTimes.of(samples.target), min(scheme.bootstraps, _BOOTSTRAPS)
    return evaluate(held_out, times, samples.blocks, replicates=count, seed=scheme.seed)


def _calibration(held_out: HeldOut, samples: Samples, scheme: Scheme) -> dict[str, Metric]:
    """Return predicted and observed risks in quarters of people by predicted risk, at each horizon."""
    groups = calibration_groups(
        held_out,
        SurvivalTimes.of(samples.target),
        samples.blocks,
        replicates=min(scheme.bootstraps, _BOOTSTRAPS),
        seed=scheme.seed,
    )
    return {
        f"{what}_risk_{group.years:g}y_q{group.number}": metric
        for group in groups
        for what, metric in (("predicted", Metric(group.predicted)), ("observed", group.observed))
    }


def martingale_residuals(samples: Samples, causes: Sequence[int], scheme: Scheme) -> _Array:
    """Return the events of each scan less those that covariates lead to expect, (n,)."""
    alone = replace(samples, features=samples.features[:, :0], is_harmonised=False)
    model = fit_model(alone, causes[:1], folds=scheme.folds, seed=scheme.seed)
    sets = RiskSets(SurvivalTimes.of(samples.target), EVENT)
    return PartialLikelihood(sets, model.columns.values(alone) @ model.hazards[0].fitted).gradient()


def _learning_curve(
    samples: Samples, causes: Sequence[int], folds: _Ints, scheme: Scheme
) -> dict[str, Metric]:
    """Return the C-index by mean number of people in the training, for parts of each training.

    Parts in which too few people have the event are left out.
    """
    curve = {}
    deal = event_folds(samples, _PARTS, scheme.seed + 100)
    for parts in range(1, _PARTS):
        usable = deal < parts
        try:
            tested = cross_validate(samples, causes, (), folds, scheme, usable)
        except NeuroFMError:
            continue
        count = min(scheme.bootstraps, _BOOTSTRAPS)
        people = _people_in_training(samples, folds, usable)
        curve[str(people)] = concordance(
            tested.held_out, SurvivalTimes.of(samples.target), samples.blocks, count, scheme.seed
        )
    return curve


def _in_words(samples: Samples, folds: _Ints, scheme: Scheme, *, by_site: bool) -> str:
    outer, blocks = len(np.unique(folds)), samples.blocks_in_words
    within = " within sites" if samples.has_sites else ""
    what = f"each of {outer} sites left out in turn" if by_site else f"{outer} folds of {blocks}"
    null = (
        f"; {scheme.permutations:,} permutations of martingale residuals{within}"
        if scheme.permutations
        else ""
    )
    drawn = min(scheme.bootstraps, _BOOTSTRAPS)
    return (
        f"Nested cross-validation: {what}, {scheme.folds} inner folds of {blocks} in each training, for "
        f"penalty and recalibration; intervals: {drawn:,} bootstrap samples of {blocks}{null}"
    )


def _people_in_training(samples: Samples, folds: _Ints, usable: NDArray[np.bool_] | None = None) -> int:
    """Return the mean number of people of a training."""
    allowed = np.ones(len(samples), dtype=bool) if usable is None else usable
    counts = [len(np.unique(samples.people[(folds != fold) & allowed])) for fold in np.unique(folds)]
    return round(float(np.mean(counts)))
