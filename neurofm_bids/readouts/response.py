"""From the linear functions of a readout to the numbers that people read, by kind of the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from neurofm_bids.readouts.linear import class_probabilities, function_values
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.readouts.risk import NORMAL95, risk_curve
from neurofm_bids.records.score import ScorePart

__all__ = ["Response", "Row", "response", "sampling_interval"]

_Array = NDArray[np.float64]
_Interval = tuple[float, float] | None
_LEAST_REPLICATES = 2
_SMALLEST = 1e-9  # probability that has a logit


@dataclass(frozen=True)
class Row:
    """One scan as a readout needs it: features and coded covariates, shapes (p,) and (c,)."""

    features: _Array
    covariates: _Array

    def values(self, readout: Readout) -> _Array:
        """Return the values of the functions, shape (k,)."""
        return np.asarray(function_values(readout.functions, self.features[None], self.covariates[None])[0])

    def replicated(self, readout: Readout) -> _Array:
        """Return the values of the functions of each replicate, shape (r, k)."""
        if not readout.replicates:
            return np.empty((0, len(readout.functions)))
        return np.asarray(readout.replicate_weights @ np.concatenate([[1.0], self.features, self.covariates]))


@dataclass(frozen=True)
class Response:
    """The value of a readout for one scan, what it is, and the numbers that belong to it."""

    quantity: str
    value: float | None
    interval95: _Interval
    of_class: str | None = None
    parts: tuple[ScorePart, ...] = ()


def response(readout: Readout, row: Row) -> Response:
    """Return what a readout says of a scan.

    Intervals of probabilities are normal on the logit scale, with the standard deviation of the replicates.
    """
    return _BY_KIND[readout.task.kind](readout, row)


def sampling_interval(value: float, replicates: _Array) -> _Interval:
    """Return the 95 % interval of a value from those of replicates, shape (r,); None with fewer than two."""
    if len(replicates) < _LEAST_REPLICATES:
        return None
    half = NORMAL95 * float(np.std(replicates, ddof=1))
    return value - half, value + half


def _regression(readout: Readout, row: Row) -> Response:
    value, half = float(row.values(readout)[0]), readout.residual_quantile
    return Response("value", value, None if half is None else (value - half, value + half))


def _binary(readout: Readout, row: Row) -> Response:
    positive = readout.classes[1]
    part = _class_parts(readout, row)[1]
    return Response(part.name, part.value, part.interval95, positive)


def _multiclass(readout: Readout, row: Row) -> Response:
    parts = _class_parts(readout, row)
    place = max(range(len(parts)), key=lambda i: parts[i].value or 0.0)
    part = parts[place]
    return Response(part.name, part.value, part.interval95, readout.classes[place], parts)


def _ordinal(readout: Readout, row: Row) -> Response:
    """Return the expected rank; its interval is that of a probability once it is scaled to 0 to 1."""
    classes = readout.classes
    scaled = np.linspace(0, 1, len(classes))
    own, replicates = _probabilities(readout, row)
    expected = float(own @ scaled)
    limits = _within(expected, replicates @ scaled)
    last = len(classes) - 1
    quantity = f"expected rank, 1 ({classes[0]}) to {len(classes)} ({classes[-1]})"
    interval = None if limits is None else (1 + last * limits[0], 1 + last * limits[1])
    return Response(quantity, 1 + last * expected, interval, None, _class_parts(readout, row))


def _class_parts(readout: Readout, row: Row) -> tuple[ScorePart, ...]:
    probabilities, replicates = _probabilities(readout, row)
    return tuple(
        ScorePart(
            f"probability of class {name}",
            float(probabilities[k]),
            _within(probabilities[k], replicates[:, k]),
        )
        for k, name in enumerate(readout.classes)
    )


def _probabilities(readout: Readout, row: Row) -> tuple[_Array, _Array]:
    """Return the probabilities of the classes, and those of each replicate, shapes (k,) and (r, k)."""
    own = class_probabilities(readout, row.values(readout)[None])[0]
    thresholds = np.array(readout.replicate_thresholds) if readout.replicate_thresholds else None
    return own, class_probabilities(readout, row.replicated(readout), thresholds)


def _within(probability: float, replicates: _Array) -> _Interval:
    limits = sampling_interval(float(_logit(np.array(probability))), _logit(replicates))
    if limits is None:
        return None
    low, high = (float(expit(limit)) for limit in limits)
    return low, high


def _logit(probabilities: _Array) -> _Array:
    return np.asarray(logit(np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)))


def _time_to_event(readout: Readout, row: Row) -> Response:
    """Return the risk at the longest horizon within the follow-up of the training cohort."""
    parts = tuple(
        ScorePart(
            f"risk within {one.years:g} years",
            one.risk,
            None if one.low is None or one.high is None else (one.low, one.high),
            one.years,
        )
        for one in risk_curve(readout, row.features, row.covariates).horizons
    )
    known = [part for part in parts if part.value is not None]
    if not known:
        return Response("risk", None, None, None, parts)
    return Response(known[-1].name, known[-1].value, known[-1].interval95, None, parts)


_BY_KIND: Mapping[str, Callable[[Readout, Row], Response]] = {
    "regression": _regression,
    "binary": _binary,
    "multiclass": _multiclass,
    "ordinal": _ordinal,
    "time-to-event": _time_to_event,
}
