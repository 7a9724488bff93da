"""Fitting the kind time-to-event: hazards, their replicates, and how well held-out scans are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.assembly import Assembled
from neurofm_bids.readouts.bootstrap import resampled_rows
from neurofm_bids.readouts.core import Core
from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.enough import check_sites
from neurofm_bids.readouts.folds import first_rows, site_folds
from neurofm_bids.readouts.hazard_columns import HazardColumns
from neurofm_bids.readouts.hazard_model import FEWEST_EVENTS, Hazard, event_folds, fit_model
from neurofm_bids.readouts.hazard_selection import FLATTEST, column_penalties, recalibrating_slope
from neurofm_bids.readouts.hazard_validation import CrossValidated, evaluate_hazards
from neurofm_bids.readouts.hazards import expected_events
from neurofm_bids.readouts.linear_fit import percentiles
from neurofm_bids.readouts.losses import with_losses
from neurofm_bids.readouts.partial_likelihood import RiskSets
from neurofm_bids.readouts.readout import NOT_ABOVE_CHANCE, Evaluation, Linear
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import COMPETING, EVENT, SurvivalTimes, people_with
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.transform import site_note

__all__ = ["fit_hazards", "fit_times"]

_Array = NDArray[np.float64]
_CLOSE = 1e-6


def fit_times(found: Assembled, task: Task, scheme: Scheme, predictions: _Array | None) -> Core:
    """Evaluate a task of the kind time-to-event by nested cross-validation, and fit it to all scans.

    Parameters
    ----------
    predictions
        Of NeuroFM for the assembled scans, (n, m), to compare with.

    Raises
    ------
    NeuroFMError
        Too few people have the event, or there are too few sites to leave out.
    """
    assert task.times is not None  # the target was coded with them
    causes = (EVENT,) if task.times.competing is None else (EVENT, COMPETING)
    samples = found.samples
    if task.leave_site_out:
        check_sites(found, task, scheme)
        folds = site_folds(samples.blocks, samples.sites)
    else:
        folds = event_folds(samples, scheme.folds, scheme.seed)
    _check_events(found, folds, task)
    evaluation, tested = evaluate_hazards(
        samples, causes, task.times.horizons, folds, scheme, predictions, by_site=task.leave_site_out
    )
    return fit_hazards(samples, causes, task.times.horizons, scheme, evaluation, tested)


def _check_events(found: Assembled, folds: NDArray[np.intp], task: Task) -> None:
    """Raise if too few people have the event in all scans or in the training of a fold."""
    samples = found.samples
    times = SurvivalTimes.of(samples.target)
    have = people_with(EVENT, times, samples.people)
    trainings = (np.flatnonzero(folds != fold) for fold in np.unique(folds))
    least = min(people_with(EVENT, times[rows], samples.people[rows]) for rows in trainings)
    if least < FEWEST_EVENTS:
        part = "site" if task.leave_site_out else "fold"
        error = NeuroFMError(
            f"{have} people have the event, {least} when a {part} is left out, and {FEWEST_EVENTS} are needed"
            " then",
            where=f"task {task.name}",
            fix="Add people with the event"
            + (", or use leave_site_out = false." if task.leave_site_out and have > FEWEST_EVENTS else "."),
        )
        raise with_losses(error, found.losses)


def fit_hazards(
    samples: Samples,
    causes: Sequence[int],
    horizons: Sequence[float],
    scheme: Scheme,
    evaluation: Evaluation,
    tested: CrossValidated,
) -> Core:
    """Fit the cause-specific hazards of the event and the competing event to all scans.

    The fit is that of each training of the evaluation, here of all scans, so that its metrics are of what is
    delivered: see :func:`~neurofm_bids.readouts.hazard_model.fit_model`.

    Parameters
    ----------
    samples
        Of n scans; their target is entry, exit and event, (n, 3).
    causes
        The event, then the competing event if there is one.
    horizons
        Of the task, in years.
    evaluation, tested
        Of nested cross-validation.
    """
    times = SurvivalTimes.of(samples.target)
    model = fit_model(samples, causes, folds=scheme.folds, seed=scheme.seed)
    drawn = resampled_rows(samples.blocks, scheme.replicates, scheme.seed + 200)
    values = model.columns.values(samples)
    by_cause = [_replicates(times, model.columns, values, one, drawn) for one in model.hazards]
    return Core(
        functions=tuple(model.columns.linear(one.coefficients) for one in model.hazards),
        replicates=tuple(zip(*by_cause, strict=True)),
        scores=percentiles(tested.log_ratios[first_rows(samples.people), 0]),
        evaluation=evaluation,
        baselines=model.baselines,
        calibration=(model.hazards[0].slope, 0.0),
        notes=_notes(samples, evaluation, tested, horizons, model.hazards),
    )


def _replicates(
    times: SurvivalTimes,
    columns: HazardColumns,
    values: _Array,
    hazard: Hazard,
    drawn: Sequence[NDArray[np.intp]],
) -> list[Linear]:
    """Return the functions fitted to bootstrap samples of people, with the slopes of the same samples.

    The intercept is the level of the hazard: events of the sample over those that the baseline lets expect,
    relative to the same ratio of all people.
    """
    penalties = column_penalties(values, len(columns.mean), hazard.penalty)

    def level(rows: NDArray[np.intp], coefficients: _Array) -> float:
        own = times[rows]
        expected = expected_events(hazard.baseline, own, values[rows] @ coefficients)
        return float(np.log(max(np.sum(own.event == hazard.cause), 0.5) / max(expected, 0.5)))

    everybody = level(np.arange(len(values)), hazard.coefficients)
    functions = []
    for rows in drawn:
        own = hazard.fitted
        if np.isfinite(hazard.penalty):
            sets = RiskSets(times[rows], hazard.cause)
            own = fit_cox(values[rows], sets, penalties, own, tolerance=_CLOSE).coefficients
        own = own * recalibrating_slope(times[rows], hazard.held_out[rows], hazard.cause)
        functions.append(columns.linear(own, level(rows, own) - everybody))
    return functions


def _notes(
    samples: Samples,
    evaluation: Evaluation,
    tested: CrossValidated,
    horizons: Sequence[float],
    hazards: Sequence[Hazard],
) -> tuple[str, ...]:
    """Return what limits the use of the readout, one sentence each."""
    times, notes = SurvivalTimes.of(samples.target), []
    interval = evaluation.metrics["c_index"].interval95
    if hazards[0].slope == FLATTEST or (interval is not None and interval[0] <= 0.5):
        notes.append(NOT_ABOVE_CHANCE)
    if beyond := sorted(set(horizons) - set(tested.held_out.horizons)):
        years = ", ".join(f"{one:g}" for one in beyond)
        notes.append(f"The follow-up does not reach the horizons of {years} years; they were not evaluated.")
    if len(hazards) > 1 and not np.isfinite(hazards[1].penalty):
        count = people_with(COMPETING, times, samples.people)
        notes.append(f"The competing event occurs in {count} people, its hazard is the same for everybody.")
    if times.delayed:
        notes.append(
            "Follow-up of some began after the scan (left truncation): metrics that weight for censoring are"
            " not defined."
        )
    if samples.is_harmonised:
        notes.append(site_note(len(np.unique(samples.sites))))
    return tuple(notes)
