"""Metrics of held-out predictions, each for many weightings of the scans at once.

All take weights of shape (b, n), such as how often a bootstrap sample has each scan, and return shape (b,),
NaN where a metric is not defined. Ranks and correlations are compared within folds: models of different folds
have different intercepts, which would make chance level appear below chance.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = [
    "auc",
    "balanced_accuracy",
    "calibration_slope",
    "correlation",
    "mean_loss",
    "mean_within_classes",
    "r_squared",
    "ranks",
    "slope",
]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]


def auc(is_positive: npt.NDArray[np.bool_], score: _Values, folds: _Ints, weights: _Values) -> _Values:
    """Return the share of pairs of a positive and another scan of a fold in which the positive scores higher.

    Ties count half. This is the mean of the areas under the ROC curves of folds, weighted by pairs.
    """
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for rows in _rows(folds):
        order = rows[np.argsort(score[rows], kind="stable")]
        positive = weights[:, order] * is_positive[order]
        negative = weights[:, order] * ~is_positive[order]
        starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
        of_ties = np.add.reduceat(negative, starts, axis=1)
        below = np.cumsum(of_ties, axis=1) - of_ties / 2
        won += (np.add.reduceat(positive, starts, axis=1) * below).sum(axis=1)
        pairs += positive.sum(axis=1) * negative.sum(axis=1)
    return _divided(won, pairs)


def correlation(target: _Values, predicted: _Values, folds: _Ints, weights: _Values) -> _Values:
    """Return Pearson's correlation of deviations from the means of folds."""
    products = np.zeros((3, len(weights)))
    for rows in _rows(folds):
        own = weights[:, rows]
        total = own.sum(axis=1)
        means = [_divided(own @ values[rows], total) for values in (target, predicted)]
        pairs = ((target, target, 0, 0), (predicted, predicted, 1, 1), (target, predicted, 0, 1))
        for place, (one, other, i, j) in enumerate(pairs):
            products[place] += np.nan_to_num(own @ (one[rows] * other[rows]) - total * means[i] * means[j])
    spread = np.sqrt(np.maximum(products[0], 0) * np.maximum(products[1], 0))
    scale = np.sqrt(_square(target, weights) * _square(predicted, weights))
    return _divided(products[2], np.where(spread > 1e-12 * scale, spread, 0))


def ranks(values: _Values, folds: _Ints) -> _Values:
    """Return ranks within folds, as shares of the fold from 0 to 1; ties get their mean."""
    from scipy.stats import rankdata

    out = np.empty(len(values))
    for rows in _rows(folds):
        out[rows] = (rankdata(values[rows]) - 0.5) / len(rows)
    return out


def mean_loss(losses: _Values, weights: _Values) -> _Values:
    """Return the mean of losses, shape (n,)."""
    return _divided(weights @ losses, weights.sum(axis=1))


def mean_within_classes(classes: _Ints, losses: _Values, weights: _Values) -> _Values:
    """Return the mean over classes of the mean loss of their scans."""
    means = [mean_loss(losses[classes == one], weights[:, classes == one]) for one in np.unique(classes)]
    return np.asarray(np.mean(means, axis=0))


def balanced_accuracy(classes: _Ints, chosen: _Ints, weights: _Values) -> _Values:
    """Return the mean over classes of the share of their scans for which the class was chosen."""
    return mean_within_classes(classes, (classes == chosen).astype(np.float64), weights)


def r_squared(target: _Values, predicted: _Values, weights: _Values) -> _Values:
    """Return 1 less the sum of squared errors over that around the mean."""
    errors = weights @ np.square(target - predicted)
    total = weights.sum(axis=1)
    spread = weights @ np.square(target - target.mean())
    spread = spread - _divided(np.square(weights @ (target - target.mean())), total)
    return 1 - _divided(errors, np.where(spread > 0, spread, 0))


def slope(target: _Values, predicted: _Values, weights: _Values) -> _Values:
    """Return the slope of the target on the prediction by least squares: 1 if calibrated."""
    total = weights.sum(axis=1)
    x, y = predicted - predicted.mean(), target - target.mean()
    mean_x, mean_y = _divided(weights @ x, total), _divided(weights @ y, total)
    covariance = weights @ (x * y) - total * mean_x * mean_y
    variance = weights @ (x * x) - total * mean_x**2
    return _divided(covariance, np.where(variance > 1e-12 * _square(predicted, weights), variance, 0))


def calibration_slope(is_positive: npt.NDArray[np.bool_], logit: _Values, weights: _Values) -> _Values:
    """Return the slope of a logistic regression of the class on the logit: 1 if calibrated (Cox 1958).

    NaN where classes are separated or the logit is constant.
    """
    y, slopes, intercepts = is_positive.astype(np.float64), np.zeros(len(weights)), np.zeros(len(weights))
    x = logit - logit.mean()
    for _ in range(_STEPS):
        p = expit(np.clip(intercepts[:, None] + slopes[:, None] * x, -30, 30))
        residual, curve = weights * (y - p), weights * p * (1 - p)
        gradient = residual.sum(axis=1), residual @ x
        h00, h01, h11 = curve.sum(axis=1), curve @ x, curve @ (x * x)
        determinant = h00 * h11 - h01**2
        determinant = np.where(determinant > 1e-12 * h00 * h11, determinant, 0)
        steps = (
            _divided(h11 * gradient[0] - h01 * gradient[1], determinant),
            _divided(h00 * gradient[1] - h01 * gradient[0], determinant),
        )
        intercepts, slopes = intercepts + np.clip(steps[0], -5, 5), slopes + np.clip(steps[1], -5, 5)
        if not np.nanmax(np.abs(steps), initial=0) > _CLOSE:
            break
    is_found = np.abs(steps[1]) <= _CLOSE * 100 * np.maximum(1, np.abs(slopes))
    return np.where(is_found & (np.abs(slopes) < _SEPARATED), slopes, np.nan)


_STEPS, _CLOSE, _SEPARATED = 40, 1e-9, 1e3


def _rows(folds: _Ints) -> Iterator[_Ints]:
    for fold in np.unique(folds):
        yield np.flatnonzero(folds == fold)


def _square(values: _Values, weights: _Values) -> _Values:
    return np.asarray(weights @ np.square(values))


def _divided(above: _Values, below: _Values) -> _Values:
    """Return quotients, NaN where the divisor is 0."""
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0))
