"""Several classes without order: multinomial logistic regression with an L2 penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from neurofm_bids.readouts import metrics
from neurofm_bids.readouts.basis import Basis, Solution
from neurofm_bids.readouts.family import Calibration, HeldOut, OfClasses, recalibrate
from neurofm_bids.readouts.optimise import Loss, Start, minimise_path

__all__ = ["Multiclass", "log_odds"]

_Values = npt.NDArray[np.float64]
_NONE = np.empty(0)
_CURVATURE = 0.2


@dataclass(frozen=True)
class Multiclass(OfClasses):
    """Softmax of one function for each class; penalties as of two classes."""

    main, chance = "auc", 0.5

    def path(self, basis: Basis, target: _Values, penalties: Sequence[float]) -> list[Solution]:
        """Return the fits, each started from the one before."""
        logs = np.log(np.maximum(self.shares(target), 1e-6))
        start = Solution(np.zeros((len(basis.squares), self.count)), logs - logs.mean(), _NONE)
        return minimise_path(basis, self._loss(target), penalties, Start(start, _CURVATURE))

    def losses(self, values: _Values, shape: _Values, target: _Values) -> _Values:
        """Return negative log-likelihoods."""
        logs = _log_softmax(values)
        return np.asarray(-logs[np.arange(len(values)), target.astype(np.intp)])

    def recalibrate(self, values: _Values, target: _Values) -> Calibration:
        """Return the slope that all functions share (temperature scaling)."""
        return recalibrate(values, self._loss(target), _NONE, has_intercept=False)

    def predict(self, values: _Values, shape: _Values) -> _Values:
        """Return the probabilities of the classes."""
        return np.exp(_log_softmax(values))

    def code(self, target: _Values) -> _Values:
        """Return one column of 0 and 1 for each class."""
        return np.asarray(target[:, None] == np.arange(self.count), dtype=np.float64)

    def metrics(self, held: HeldOut, weights: _Values) -> Mapping[str, _Values]:
        """Return the means over classes of each one against the others, balanced accuracy and Brier score.

        Balanced accuracy chooses the class whose probability is largest relative to its share in training.
        """
        classes, p = held.target.astype(np.intp), held.predictions
        each = range(self.count)
        aucs = [metrics.auc(classes == k, p[:, k], held.folds, weights) for k in each]
        slopes = [metrics.calibration_slope(classes == k, log_odds(p[:, k]), weights) for k in each]
        chosen = np.argmax(p / np.maximum(held.shares, 1e-6), axis=1)
        return {
            "auc": np.mean(aucs, axis=0),
            "balanced_accuracy": metrics.balanced_accuracy(classes, chosen, weights),
            "brier": metrics.mean_loss(np.square(p - self.code(held.target)).sum(axis=1), weights),
            "calibration_slope": np.mean(slopes, axis=0),
        }

    def _loss(self, target: _Values) -> Loss:
        coded = self.code(target)

        def loss(values: _Values, shape: _Values) -> tuple[float, _Values, _Values]:
            logs = _log_softmax(values)
            return -float((logs * coded).sum()), np.exp(logs) - coded, _NONE

        return loss


def log_odds(p: _Values) -> _Values:
    """Return log odds of probabilities, finite at 0 and 1."""
    return np.asarray(logit(np.clip(p, 1e-9, 1 - 1e-9)))


def _log_softmax(values: _Values) -> _Values:
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
