"""What each kind of target brings to a fit: its likelihood, its predictions and its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.basis import Basis, Solution

__all__ = ["SLOPES", "Calibration", "Family", "HeldOut", "OfClasses", "recalibrate"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
SLOPES = (0.01, 20.0)  # a slope of 0 or less would say that nothing is read, and make all scores equal


@dataclass(frozen=True)
class Calibration:
    """Recalibration of functions: slope times value plus intercept, and the shape that goes with it."""

    slope: float
    intercept: float
    shape: _Values

    def apply(self, values: _Values) -> _Values:
        """Return recalibrated functions."""
        return self.slope * values + self.intercept


@dataclass(frozen=True)
class HeldOut:
    """Predictions of scans by models that were fitted without them.

    Parameters
    ----------
    target
        Of the scans, as in :class:`~neurofm_bids.readouts.samples.Samples`.
    values
        Recalibrated functions, shape (n, m).
    predictions
        What the family makes of them, shape (n, c).
    shares
        Of the classes in the training of each scan, shape (n, c); no columns for a regression.
    folds
        In which each scan was held out, shape (n,).
    blocks
        Number of what the bootstrap draws together of each scan, such as the person, shape (n,).
    """

    target: _Values
    values: _Values
    predictions: _Values
    shares: _Values
    folds: _Ints
    blocks: _Ints


class Family(Protocol):
    """The model of one kind of target."""

    @property
    def main(self) -> str:
        """Name of the metric of learning curves, larger if better."""
        ...

    @property
    def chance(self) -> float:
        """Value of the main metric where nothing is read."""
        ...

    def strata(self, target: _Values) -> _Ints:
        """Return the class of each scan, shape (n,), that folds spread evenly."""
        ...

    def shares(self, target: _Values) -> _Values:
        """Return the shares of the classes of a training; empty for a regression."""
        ...

    def path(self, basis: Basis, target: _Values, penalties: Sequence[float]) -> list[Solution]:
        """Return the fits for absolute penalties, which decrease."""
        ...

    def losses(self, values: _Values, shape: _Values, target: _Values) -> _Values:
        """Return the negative log-likelihood of each scan, shape (n,), by which the penalty is chosen."""
        ...

    def recalibrate(self, values: _Values, target: _Values) -> Calibration:
        """Return the recalibration that held-out functions, shape (n, m), need."""
        ...

    def predict(self, values: _Values, shape: _Values) -> _Values:
        """Return values or probabilities of classes, shape (n, c)."""
        ...

    def code(self, target: _Values) -> _Values:
        """Return the target as numbers, shape (n, c), for the test by permutation."""
        ...

    def metrics(self, held: HeldOut, weights: _Values) -> Mapping[str, _Values]:
        """Return the metrics of held-out scans by name, shape (b,), for weights of shape (b, n)."""
        ...


@dataclass(frozen=True)
class OfClasses:
    """What families of several classes share.

    Parameters
    ----------
    count
        Number of classes; targets are their numbers, or ranks, from 0.
    """

    count: int

    def strata(self, target: _Values) -> _Ints:
        """Return the classes."""
        return target.astype(np.intp)

    def shares(self, target: _Values) -> _Values:
        """Return the shares of the classes."""
        return np.bincount(target.astype(np.intp), minlength=self.count) / len(target)


def recalibrate(
    values: _Values,
    loss: Callable[[_Values, _Values], tuple[float, _Values, _Values]],
    shape: _Values,
    *,
    has_intercept: bool,
) -> Calibration:
    """Return the slope, intercept and shape with the least loss; the slope is from .01 to 20.

    Parameters
    ----------
    values
        Held-out functions, shape (n, m), which share the slope.
    loss
        As in :func:`~neurofm_bids.readouts.optimise.minimise`.
    shape
        To start from.
    """
    from scipy.optimize import minimize

    rows = len(values)
    spread = float(values.std()) or 1.0

    def objective(packed: _Values) -> tuple[float, _Values]:
        slope, intercept, own = packed[0] / spread, packed[1] * has_intercept, packed[2:]
        total, by_function, by_shape = loss(slope * values + intercept, own)
        by_slope = float((by_function * values).sum()) / spread
        by_intercept = float(by_function.sum()) * has_intercept
        return total / rows, np.concatenate([[by_slope, by_intercept], by_shape]) / rows

    low, high = (limit * spread for limit in SLOPES)
    packed = np.concatenate([[spread, 0.0], shape])
    bounds = [(low, high), *[(None, None)] * (1 + len(shape))]
    options = {"gtol": 1e-8, "ftol": 1e-14, "maxiter": 1000}
    found = minimize(objective, packed, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    slope = float(np.clip(found[0] / spread, *SLOPES))
    return Calibration(slope, float(found[1]) * has_intercept, np.asarray(found[2:], dtype=np.float64))
