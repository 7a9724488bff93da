"""Fitting the kinds whose models are linear functions with a likelihood: values and classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.assembly import Assembled
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.core import Core
from neurofm_bids.readouts.cross_validation import Fitted, Scheme, fit_at, outer_folds, select
from neurofm_bids.readouts.enough import check_enough
from neurofm_bids.readouts.evaluation import evaluate
from neurofm_bids.readouts.family import Calibration, Family, HeldOut
from neurofm_bids.readouts.folds import first_rows
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.multiclass import Multiclass
from neurofm_bids.readouts.ordinal import Ordinal, thresholds
from neurofm_bids.readouts.readout import NOT_ABOVE_CHANCE, Evaluation, Linear
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.transform import Transform, site_note

__all__ = ["family_of", "fit_linear", "percentiles"]

_Values = npt.NDArray[np.float64]
_COVERED = 0.95
_WEAK = 0.05  # slope of the recalibration below which held-out scans are hardly told apart


def family_of(task: Task, classes: int) -> Family:
    """Return the family of a task of values or classes."""
    if task.kind == "binary":
        return Binary()
    if task.kind == "regression":
        return Gaussian()
    return Ordinal(classes) if task.kind == "ordinal" else Multiclass(classes)


def fit_linear(found: Assembled, task: Task, scheme: Scheme, predictions: _Values | None) -> Core:
    """Evaluate a task by nested cross-validation, and fit its readout to all scans.

    Parameters
    ----------
    predictions
        Of NeuroFM for the assembled scans, shape (n, k), to compare with.

    Raises
    ------
    NeuroFMError
        There are too few people.
    """
    check_enough(found, task, scheme)
    samples, family = found.samples, family_of(task, len(found.classes))
    folds = outer_folds(samples, family, scheme, by_site=task.leave_site_out)
    evaluation, held = evaluate(samples, family, folds, scheme, predictions, by_site=task.leave_site_out)
    selection = select(samples, family, folds)
    calibration = selection.calibration
    whole = fit_at(samples, family, selection.penalty)
    drawn = _harmonised(samples, whole.transform)
    replicates = [
        _replicate(one, whole, calibration) for one in _refitted(drawn, family, selection.penalty, scheme)
    ]
    is_ordinal, is_value = task.kind == "ordinal", task.kind == "regression"
    return Core(
        functions=_functions(whole, calibration),
        replicates=tuple(functions for functions, _ in replicates),
        scores=percentiles(held.values[first_rows(samples.people), 0]),
        evaluation=evaluation,
        thresholds=tuple(thresholds(calibration.shape).tolist()) if is_ordinal else (),
        replicate_thresholds=tuple(own for _, own in replicates) if is_ordinal else (),
        calibration=(calibration.slope, calibration.intercept),
        residual_quantile=_half_width(held) if is_value else None,
        notes=_notes(found, task, calibration, evaluation, family),
    )


def percentiles(values: _Values) -> tuple[float, ...]:
    """Return the percentiles 0 to 100."""
    return tuple(np.percentile(values, np.arange(101)).tolist())


def _functions(fit: Fitted, calibration: Calibration, level: float = 0.0) -> tuple[Linear, ...]:
    """Return the recalibrated functions, less a level, in the units of the features."""
    weights = calibration.slope * (fit.directions @ fit.solution.weights)
    intercepts = calibration.apply(fit.solution.intercepts) - level
    return tuple(
        fit.transform.unfold(weights[:, place], float(intercepts[place])) for place in range(len(intercepts))
    )


def _harmonised(samples: Samples, transform: Transform) -> Samples:
    """Return scans with features at a common site, to which functions of the readout are applied."""
    return replace(samples, features=transform.harmonised(samples), is_harmonised=False)


def _replicate(
    fit: Fitted, whole: Fitted, calibration: Calibration
) -> tuple[tuple[Linear, ...], tuple[float, ...]]:
    """Return the functions and thresholds of a replicate, with the recalibration of the readout.

    Thresholds differ from the recalibrated ones as those of the fit do from those of the fit to all scans.
    Their mean is kept: by how much it would change is taken from the intercept, so that functions are
    comparable.
    """
    change = fit.solution.shape - whole.solution.shape
    if not change.size:
        return _functions(fit, calibration), ()
    change[0] *= calibration.slope  # the others are logarithms of gaps
    common, own = thresholds(calibration.shape), thresholds(calibration.shape + change)
    level = float(own.mean() - common.mean())
    return _functions(fit, calibration, level), tuple((own - level).tolist())


def _refitted(samples: Samples, family: Family, penalty: float, scheme: Scheme) -> Iterator[Fitted]:
    """Yield fits to bootstrap samples of people, with the same penalty.

    Locations and scales of sites are those of all scans.
    """
    rng = np.random.default_rng(scheme.seed + 200)
    order = np.argsort(samples.blocks, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(samples.blocks[order]) != 0])
    blocks = np.split(order, starts[1:])
    made = 0
    while made < scheme.replicates:
        rows = np.concatenate([blocks[place] for place in rng.integers(len(blocks), size=len(blocks))])
        shares = family.shares(samples.target[rows])
        if shares.size and not shares.all():
            continue  # a class is absent by chance
        yield fit_at(samples.take(rows), family, penalty)
        made += 1


def _half_width(held: HeldOut) -> float:
    """Return what 95 % of the held-out errors do not exceed (split conformal, Lei et al. 2018)."""
    errors = np.sort(np.abs(held.target - held.predictions[:, 0]))
    place = min(int(np.ceil(_COVERED * (len(errors) + 1))), len(errors))
    return float(errors[place - 1])


def _notes(
    found: Assembled, task: Task, calibration: Calibration, evaluation: Evaluation, family: Family
) -> tuple[str, ...]:
    """Return what limits the use of the readout, one sentence each."""
    interval = evaluation.metrics[family.main].interval95
    notes = []
    if calibration.slope < _WEAK or (interval is not None and interval[0] <= family.chance):
        notes.append(NOT_ABOVE_CHANCE)
    if task.harmonise:
        notes.append(site_note(len(found.sites)))
    return tuple(notes)
