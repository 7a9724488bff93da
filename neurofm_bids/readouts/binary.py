"""Two classes: logistic regression with an L2 penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from neurofm_bids.readouts import metrics
from neurofm_bids.readouts.basis import Basis, Solution
from neurofm_bids.readouts.family import Calibration, HeldOut, recalibrate
from neurofm_bids.readouts.optimise import Loss, Start, minimise_path

__all__ = ["Binary"]

_Values = npt.NDArray[np.float64]
_NONE = np.empty(0)
_CURVATURE = 0.25


class Binary:
    """Logistic regression: penalties are 1 / C of :class:`sklearn.linear_model.LogisticRegression`.

    Targets are 1 for the positive class and 0 for the other.
    """

    main, chance = "auc", 0.5

    def strata(self, target: _Values) -> npt.NDArray[np.intp]:
        """Return the classes."""
        return target.astype(np.intp)

    def shares(self, target: _Values) -> _Values:
        """Return the shares of both classes."""
        return np.array([1 - target.mean(), target.mean()])

    def path(self, basis: Basis, target: _Values, penalties: Sequence[float]) -> list[Solution]:
        """Return the fits, each started from the one before."""
        share = np.clip(target.mean(), 1e-6, 1 - 1e-6)
        start = Solution(np.zeros((len(basis.squares), 1)), np.array([np.log(share / (1 - share))]), _NONE)
        return minimise_path(basis, _loss(target), penalties, Start(start, _CURVATURE))

    def losses(self, values: _Values, shape: _Values, target: _Values) -> _Values:
        """Return negative log-likelihoods."""
        return np.asarray(np.logaddexp(0, values[:, 0]) - target * values[:, 0])

    def recalibrate(self, values: _Values, target: _Values) -> Calibration:
        """Return slope and intercept with the smoothed targets of Platt (1999), which keep them finite."""
        positive = target.sum()
        other = len(target) - positive
        smooth = np.where(target > 0, (positive + 1) / (positive + 2), 1 / (other + 2))
        return recalibrate(values, _loss(smooth), _NONE, has_intercept=True)

    def predict(self, values: _Values, shape: _Values) -> _Values:
        """Return the probabilities of both classes."""
        p = expit(values)
        return np.concatenate([1 - p, p], axis=1)

    def code(self, target: _Values) -> _Values:
        """Return 0 and 1."""
        return target[:, None]

    def metrics(self, held: HeldOut, weights: _Values) -> Mapping[str, _Values]:
        """Return the area under the ROC curve, balanced accuracy, Brier score and calibration slope.

        Balanced accuracy chooses the positive class where it is more probable than in the training.
        """
        is_positive, p = held.target > 0, held.predictions[:, 1]
        chosen = (p > held.shares[:, 1]).astype(np.intp)
        return {
            "auc": metrics.auc(is_positive, held.values[:, 0], held.folds, weights),
            "balanced_accuracy": metrics.balanced_accuracy(is_positive.astype(np.intp), chosen, weights),
            "brier": metrics.mean_loss(np.square(p - held.target), weights),
            "calibration_slope": metrics.calibration_slope(is_positive, held.values[:, 0], weights),
        }


def _loss(target: _Values) -> Loss:
    def loss(values: _Values, shape: _Values) -> tuple[float, _Values, _Values]:
        z = values[:, 0]
        total = float((np.logaddexp(0, z) - target * z).sum())
        return total, (expit(z) - target)[:, None], _NONE

    return loss
