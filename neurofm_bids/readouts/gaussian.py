"""Values: linear regression with an L2 penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts import metrics
from neurofm_bids.readouts.basis import Basis, Solution
from neurofm_bids.readouts.family import SLOPES, Calibration, HeldOut

__all__ = ["Gaussian"]

_Values = npt.NDArray[np.float64]
_STRATA = 10  # classes of equal size by value, which folds spread evenly
_NONE = np.empty(0)


class Gaussian:
    """Ridge regression; penalties are those of :class:`sklearn.linear_model.Ridge`."""

    main, chance = "r", 0.0

    def strata(self, target: _Values) -> npt.NDArray[np.intp]:
        """Return tenths of the values."""
        edges = np.quantile(target, np.linspace(0, 1, _STRATA + 1)[1:-1])
        return np.searchsorted(edges, target, side="right").astype(np.intp)

    def shares(self, target: _Values) -> _Values:
        """Return nothing."""
        return _NONE

    def path(self, basis: Basis, target: _Values, penalties: Sequence[float]) -> list[Solution]:
        """Return the fits for absolute penalties in closed form; the features have means of 0."""
        centre = float(target.mean())
        products = basis.scores.T @ (target - centre)
        fits = []
        for penalty in penalties:
            weights = (products / (basis.squares + penalty))[:, None]
            fits.append(Solution(weights, np.array([centre]), _NONE))
        return fits

    def losses(self, values: _Values, shape: _Values, target: _Values) -> _Values:
        """Return squared errors."""
        return np.asarray(np.square(target - values[:, 0]))

    def recalibrate(self, values: _Values, target: _Values) -> Calibration:
        """Return slope and intercept by least squares; the slope is from .01 to 20."""
        x, y = values[:, 0] - values[:, 0].mean(), target - target.mean()
        variance = float(x @ x)
        slope = float(np.clip(x @ y / variance, *SLOPES)) if variance else SLOPES[0]
        return Calibration(slope, float(target.mean() - slope * values[:, 0].mean()), _NONE)

    def predict(self, values: _Values, shape: _Values) -> _Values:
        """Return the values."""
        return values

    def code(self, target: _Values) -> _Values:
        """Return the values."""
        return target[:, None]

    def metrics(self, held: HeldOut, weights: _Values) -> Mapping[str, _Values]:
        """Return R2, mean absolute error, r within folds, and the calibration slope."""
        target, predicted = held.target, held.predictions[:, 0]
        return {
            "r": metrics.correlation(target, predicted, held.folds, weights),
            "r2": metrics.r_squared(target, predicted, weights),
            "mae": metrics.mean_loss(np.abs(target - predicted), weights),
            "calibration_slope": metrics.slope(target, predicted, weights),
        }
