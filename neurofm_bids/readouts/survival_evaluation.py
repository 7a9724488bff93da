"""Metrics of held-out hazards and risks, with their intervals over people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.bootstrap import resampled_rows, with_interval
from neurofm_bids.readouts.hazards import observed_risks
from neurofm_bids.readouts.readout import Metric
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import (
    brier_scores,
    calibration_slope,
    harrell_c,
    integrated_brier,
    time_dependent_auc,
    uno_c,
)

__all__ = [
    "CalibrationGroup",
    "HeldOut",
    "calibration_groups",
    "concordance",
    "evaluate",
    "with_intervals",
]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """What a fit says of n scans that took no part in it.

    Parameters
    ----------
    log_ratios
        Log hazard ratio of the event, (n,).
    times
        In years, increasing, (m,): a grid from 0 to the last horizon that the follow-up reaches.
    risks
        Absolute risk until each of these times, (n, m).
    horizons
        Horizons that the follow-up reaches, (h,).
    horizon_risks
        Absolute risk until each horizon, (n, h).
    """

    log_ratios: _Array
    times: _Array
    risks: _Array
    horizons: _Array
    horizon_risks: _Array

    def take(self, rows: NDArray[np.intp]) -> HeldOut:
        """Return it for some scans."""
        return HeldOut(
            self.log_ratios[rows], self.times, self.risks[rows], self.horizons, self.horizon_risks[rows]
        )


@dataclass(frozen=True)
class CalibrationGroup:
    """People of similar risk until a horizon.

    Parameters
    ----------
    years
        The horizon.
    number
        From 1, the group of lowest risk.
    scans
        Number of scans.
    predicted
        Mean of their absolute risks.
    observed
        Share with the event (Aalen-Johansen), with its 95 % bootstrap interval over people.
    """

    years: float
    number: int
    scans: int
    predicted: float
    observed: Metric


def evaluate(
    held_out: HeldOut, times: SurvivalTimes, people: NDArray[np.intp], *, replicates: int = 200, seed: int = 0
) -> dict[str, Metric]:
    """Return the metrics of held-out hazards and risks with 95 % percentile intervals over people.

    ``c_index`` (Harrell), ``c_index_ipcw`` (Uno, until the last horizon), ``calibration_slope``,
    ``integrated_brier``, and for each horizon ``auc_5y``, ``brier_5y``, ``predicted_risk_5y`` (mean),
    ``observed_risk_5y`` (Aalen-Johansen) and ``observed_to_predicted_5y``. None where a metric is not
    defined: with left truncation those that weight for censoring.

    Parameters
    ----------
    held_out
        Of n scans.
    times
        Their follow-up.
    people
        Number of the person of each, (n,).
    replicates
        Bootstrap samples.
    """
    return with_intervals(
        lambda rows: _metrics(held_out.take(rows), times[rows]), people, replicates=replicates, seed=seed
    )


def concordance(
    held_out: HeldOut, times: SurvivalTimes, people: NDArray[np.intp], replicates: int, seed: int
) -> Metric:
    """Return the C-index of :func:`evaluate` alone."""
    found = with_intervals(
        lambda rows: {"c_index": harrell_c(times[rows], held_out.log_ratios[rows])},
        people,
        replicates=replicates,
        seed=seed,
    )
    return found["c_index"]


def with_intervals(
    metrics: Callable[[NDArray[np.intp]], Mapping[str, float]],
    people: NDArray[np.intp],
    *,
    replicates: int,
    seed: int,
) -> dict[str, Metric]:
    """Return what a function of rows gives for all rows, with percentile intervals over people."""
    values = metrics(np.arange(len(people)))
    samples = [metrics(rows) for rows in resampled_rows(people, replicates, seed)]
    return {
        name: with_interval(float(value), np.array([sample[name] for sample in samples]))
        for name, value in values.items()
    }


def _metrics(held_out: HeldOut, times: SurvivalTimes) -> dict[str, float]:
    until = float(held_out.times[-1])
    values = {
        "c_index": harrell_c(times, held_out.log_ratios),
        "c_index_ipcw": uno_c(times, held_out.log_ratios, until),
        "calibration_slope": calibration_slope(times, held_out.log_ratios),
        "integrated_brier": integrated_brier(times, held_out.risks, held_out.times),
    }
    observed = observed_risks(times, held_out.horizons)
    brier = brier_scores(times, held_out.horizon_risks, held_out.horizons)
    for place, years in enumerate(held_out.horizons):
        risks = held_out.horizon_risks[:, place]
        name = f"{years:g}y"
        values[f"auc_{name}"] = time_dependent_auc(times, risks, float(years))
        values[f"brier_{name}"] = float(brier[place])
        values[f"predicted_risk_{name}"] = float(risks.mean())
        values[f"observed_risk_{name}"] = float(observed[place])
        values[f"observed_to_predicted_{name}"] = float(observed[place] / risks.mean())
    return values


def calibration_groups(
    held_out: HeldOut,
    times: SurvivalTimes,
    people: NDArray[np.intp],
    *,
    groups: int = 4,
    replicates: int = 200,
    seed: int = 0,
) -> tuple[CalibrationGroup, ...]:
    """Return predicted and observed risks at each horizon in groups of equal size by predicted risk.

    Observed risks are those of Aalen and Johansen, with people at risk from their entry on. With left
    truncation the mean prediction is that of people who entered, a selection of those of lower risk.
    """
    rows = []
    for place, years in enumerate(held_out.horizons):
        risks = held_out.horizon_risks[:, place]
        edges = np.quantile(risks, np.arange(1, groups) / groups)
        member = np.searchsorted(edges, risks, side="right")
        for group in range(groups):
            own = np.flatnonzero(member == group)
            if len(own):
                observed = with_intervals(
                    partial(_observed, times[own], years),
                    people[own],
                    replicates=replicates,
                    seed=seed,
                )
                predicted = float(risks[own].mean())
                rows.append(CalibrationGroup(float(years), group + 1, len(own), predicted, observed["risk"]))
    return tuple(rows)


def _observed(times: SurvivalTimes, years: float, rows: NDArray[np.intp]) -> dict[str, float]:
    return {"risk": float(observed_risks(times[rows], np.array([years]))[0])}
