"""Ordered classes: proportional odds (McCullagh 1980) with an L2 penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from neurofm_bids.readouts import metrics
from neurofm_bids.readouts.basis import Basis, Solution
from neurofm_bids.readouts.family import Calibration, HeldOut, OfClasses, recalibrate
from neurofm_bids.readouts.optimise import Loss, Start, minimise_path

__all__ = ["Ordinal", "thresholds"]

_Values = npt.NDArray[np.float64]
_CURVATURE = 0.25


@dataclass(frozen=True)
class Ordinal(OfClasses):
    """One function; the logit of the probability of a class above k is the function less the k-th threshold.

    The shape of its solutions is the first threshold and the logarithms of the gaps between them.
    """

    main, chance = "spearman", 0.0

    def path(self, basis: Basis, target: _Values, penalties: Sequence[float]) -> list[Solution]:
        """Return the fits, each started from the one before."""
        first = Solution(np.zeros((len(basis.squares), 1)), np.zeros(1), self._start(target))
        start = Start(first, _CURVATURE, has_intercept=False)
        return minimise_path(basis, self._loss(target), penalties, start)

    def losses(self, values: _Values, shape: _Values, target: _Values) -> _Values:
        """Return negative log-likelihoods."""
        p = self.predict(values, shape)[np.arange(len(values)), target.astype(np.intp)]
        return np.asarray(-np.log(np.maximum(p, np.finfo(float).tiny)))

    def recalibrate(self, values: _Values, target: _Values) -> Calibration:
        """Return the slope, and thresholds of their own."""
        return recalibrate(values, self._loss(target), self._start(target), has_intercept=False)

    def predict(self, values: _Values, shape: _Values) -> _Values:
        """Return the probabilities of the classes."""
        above = expit(values - thresholds(shape))
        ones, zeros = np.ones((len(values), 1)), np.zeros((len(values), 1))
        return np.maximum(-np.diff(np.concatenate([ones, above, zeros], axis=1), axis=1), 0)

    def code(self, target: _Values) -> _Values:
        """Return the ranks."""
        return target[:, None]

    def metrics(self, held: HeldOut, weights: _Values) -> Mapping[str, _Values]:
        """Return Spearman's correlation within folds, the mean absolute error of the rank and others.

        The error of the rank is that of the median class; ``balanced`` is its mean over classes. The slope of
        the calibration is that of the rank on its expectation.
        """
        classes, p = held.target.astype(np.intp), held.predictions
        expected = p @ np.arange(self.count)
        median = (np.cumsum(p, axis=1) < 0.5).sum(axis=1)
        errors = np.abs(classes - median).astype(np.float64)
        chosen = np.argmax(p / np.maximum(held.shares, 1e-6), axis=1)
        one, other = (metrics.ranks(values, held.folds) for values in (held.target, expected))
        return {
            "spearman": metrics.correlation(one, other, held.folds, weights),
            "mean_absolute_rank_error": metrics.mean_loss(errors, weights),
            "balanced_rank_error": metrics.mean_within_classes(classes, errors, weights),
            "balanced_accuracy": metrics.balanced_accuracy(classes, chosen, weights),
            "calibration_slope": metrics.slope(held.target, expected, weights),
        }

    def _start(self, target: _Values) -> _Values:
        """Return the shape that gives the shares of the classes where the function is 0."""
        counts = np.bincount(target.astype(np.intp), minlength=self.count) + 0.5
        above = 1 - np.cumsum(counts)[:-1] / counts.sum()
        cuts = -np.log(above / (1 - above))
        return np.concatenate([cuts[:1], np.log(np.diff(cuts))])

    def _loss(self, target: _Values) -> Loss:
        classes, last = target.astype(np.intp), self.count - 2
        has_lower, has_upper = classes > 0, classes <= last
        lower, upper = np.maximum(classes - 1, 0), np.minimum(classes, last)

        def loss(values: _Values, shape: _Values) -> tuple[float, _Values, _Values]:
            cuts = thresholds(shape)
            a, b = values[:, 0] - cuts[lower], values[:, 0] - cuts[upper]
            gap = np.where(has_lower & has_upper, cuts[upper] - cuts[lower], np.inf)
            total = (has_lower * np.logaddexp(0, -a) + has_upper * np.logaddexp(0, b)).sum()
            total -= np.log1p(-np.exp(-gap)).sum()
            narrow = 1 / np.expm1(np.minimum(gap, 700.0)) * np.isfinite(gap)
            by_a, by_b = has_lower * -expit(-a) - narrow, has_upper * expit(b) + narrow
            by_cut = -np.bincount(lower, by_a, last + 1) - np.bincount(upper, by_b, last + 1)
            by_shape = np.cumsum(by_cut[::-1])[::-1].copy()
            by_shape[1:] *= np.exp(shape[1:])
            return float(total), (by_a + by_b)[:, None], by_shape

        return loss


def thresholds(shape: _Values) -> _Values:
    """Return the thresholds of a shape.

    >>> thresholds(np.array([-1.0, 0.0, 0.0]))
    array([-1.,  0.,  1.])
    """
    return np.cumsum(np.concatenate([shape[:1], np.exp(shape[1:])]))
