"""The risk of one scan over time, from the file of a readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurofm_bids.readouts.hazards import absolute_risks
from neurofm_bids.readouts.readout import Linear, Readout

__all__ = ["NORMAL95", "RiskAtHorizon", "RiskCurve", "risk_curve"]

_Array = NDArray[np.float64]
_CERTAIN = 1 - 1e-12  # the complementary log-log of 1 is infinite
NORMAL95 = 1.959964  # standard deviations on each side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class RiskAtHorizon:
    """The absolute risk within a time from the scan, with its 95 % interval.

    Parameters
    ----------
    years
        The horizon.
    risk, low, high
        Probabilities; None beyond the follow-up of the training cohort; limits are None without replicates.
    """

    years: float
    risk: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RiskCurve:
    """The absolute risk of the event of a readout by time from the scan.

    Parameters
    ----------
    times
        In years, from 0 to the end of follow-up of the training cohort, (m,).
    risk
        Probability of the event until then, given that the competing event can come first, (m,).
    low, high
        95 % interval: the sampling error of the fit, (m,); NaN without replicates.
    horizons
        The same at the horizons of the task.
    """

    times: _Array
    risk: _Array
    low: _Array
    high: _Array
    horizons: tuple[RiskAtHorizon, ...]


def risk_curve(readout: Readout, features: ArrayLike, covariates: ArrayLike = ()) -> RiskCurve:
    """Return the absolute risk of the event over time, from cause-specific hazards (Aalen-Johansen form).

    The interval is normal on the complementary log-log scale, with the standard deviation of the replicates
    of the readout: bootstrap samples of people, each with its own coefficients and level of the hazard. It
    covers the sampling error of the fit, neither what the penalty shrinks nor another cohort.

    Parameters
    ----------
    readout
        Of the kind ``time-to-event``.
    features
        In the order and units of ``readout.features``, (p,).
    covariates
        Coded as ``readout.covariates``, (c,).

    Raises
    ------
    ValueError
        The readout is of another kind, or the numbers of features or covariates are not its own.
    """
    if readout.task.times is None or not readout.baselines:
        raise ValueError(f"the readout {readout.task.name} is not of the kind time-to-event")
    values = np.concatenate([[1.0], np.asarray(features, float), np.asarray(covariates, float)])
    horizons = np.array(readout.task.times.horizons)
    ended = min(baseline.times[-1] for baseline in readout.baselines)
    steps = [time for baseline in readout.baselines for time in baseline.times if time <= ended]
    times = np.unique(np.concatenate([[0.0], steps]))
    at = np.concatenate([times, horizons])
    risk, low, high = _with_interval(readout, values, at)
    stated = tuple(
        RiskAtHorizon(float(at[place]), *(_stated(limit[place]) for limit in (risk, low, high)))
        for place in range(len(times), len(at))
    )
    on_curve = slice(len(times))
    return RiskCurve(times, risk[on_curve], low[on_curve], high[on_curve], stated)


def _with_interval(readout: Readout, values: _Array, at: _Array) -> tuple[_Array, _Array, _Array]:
    """Return the risk at times and the limits of its interval."""
    fits = np.array(
        [_log_ratios(functions, values) for functions in (readout.functions, *readout.replicates)]
    )
    risks = absolute_risks(readout.baselines, fits, at)
    risk = risks[0]
    if len(risks) < 3:
        return risk, np.full_like(risk, np.nan), np.full_like(risk, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.log(-np.log1p(-np.minimum(risks, _CERTAIN)))
        spread = NORMAL95 * scale[1:].std(axis=0, ddof=1)
        low, high = (-np.expm1(-np.exp(scale[0] + side * spread)) for side in (-1, 1))
    return risk, np.where(risk == 0, 0.0, low), np.where(risk == 0, 0.0, high)


def _log_ratios(functions: Sequence[Linear], values: _Array) -> list[float]:
    """Return the value of each function of 1, the features and the covariates."""
    rows = [(linear.intercept, *linear.coefficients, *linear.covariates) for linear in functions]
    if any(len(row) != len(values) for row in rows):
        raise ValueError(
            f"{len(rows[0]) - 1} features and covariates are needed, there are {len(values) - 1}"
        )
    return [float(np.dot(row, values)) for row in rows]


def _stated(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
