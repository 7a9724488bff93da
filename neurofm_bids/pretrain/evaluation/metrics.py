"""Metrics of agreement between predictions and known values, and between segmentations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["age_band", "agreement", "auc", "dice", "repeatability"]

_Array = NDArray[np.float64]
_AGE_BANDS = ((18, 30), (30, 45), (45, 60), (60, 75), (75, 120))


def agreement(known: _Array, predicted: _Array) -> dict[str, float | None] | None:
    """Compare values of shape (n,), without pairs that have NaN or no known value above 0; None if all do.

    Returns
    -------
    dict
        ``n``, number of pairs; ``mae`` and ``bias``, mean absolute and mean signed difference, predicted
        minus known, in the units of the values; ``bias_percent``, mean difference relative to the known
        value; ``r``, ``slope`` and ``intercept``, Pearson's correlation and the regression of predicted on
        known, None where n or the spread is too small; ``log_r`` and ``log_slope``, the same of the
        logarithms.

    >>> result = agreement(np.array([10.0, 20.0, 40.0]), np.array([11.0, 22.0, 44.0]))
    >>> [round(result[name], 3) for name in ("mae", "bias_percent", "slope", "log_slope")]
    [2.333, 10.0, 1.1, 1.0]
    """
    both = (known > 0) & np.isfinite(predicted)
    known, predicted = known[both], predicted[both]
    if not known.size:
        return None
    difference = predicted - known
    r, slope, intercept = _line(known, predicted)
    log_r, log_slope, _ = _line(np.log(known), np.log(np.maximum(predicted, 1e-3 * known)))
    return {
        "n": known.size,
        "mae": float(np.abs(difference).mean()),
        "bias": float(difference.mean()),
        "bias_percent": float(100 * (difference / known).mean()),
        "r": r,
        "slope": slope,
        "intercept": intercept,
        "log_r": log_r,
        "log_slope": log_slope,
    }


def _line(x: _Array, y: _Array) -> tuple[float | None, float | None, float | None]:
    """Return correlation, slope and intercept."""
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None, None
    slope, intercept = np.polyfit(x, y, 1)
    return float(np.corrcoef(x, y)[0, 1]), float(slope), float(intercept)


def auc(positive: _Array, score: _Array) -> float | None:
    """Return the area under the receiver operating characteristic curve, None without both classes.

    Parameters
    ----------
    positive
        1 or 0; pairs with NaN are ignored.
    score
        Higher for more likely positive ones.

    >>> auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    from sklearn.metrics import roc_auc_score

    usable = np.isfinite(positive) & np.isfinite(score)
    positive, score = positive[usable], score[usable]
    return float(roc_auc_score(positive, score)) if 0 < positive.sum() < positive.size else None


def age_band(age_years: float) -> str:
    """Return the band of an age, empty outside 18 to 120 years.

    >>> age_band(30.0), age_band(float("nan"))
    ('30-45', '')
    """
    return next((f"{low}-{high}" for low, high in _AGE_BANDS if low <= age_years < high), "")


def dice(known: NDArray[np.uint8], predicted: NDArray[np.uint8], count: int) -> _Array:
    """Return the overlap (Dice 1945) of the labels 1 to ``count`` of two segmentations on one grid, (count,).

    Labels that neither has are NaN.

    >>> dice(np.array([0, 1, 1, 2], np.uint8), np.array([1, 1, 2, 2], np.uint8), 3)
    array([0.5       , 0.66666667,        nan])
    """
    sizes = [np.bincount(labels.ravel(), minlength=count + 1)[1 : count + 1] for labels in (known, predicted)]
    both = np.bincount(known[known == predicted], minlength=count + 1)[1 : count + 1]
    total = (sizes[0] + sizes[1]).astype(np.float64)
    return np.asarray(np.divide(2 * both, total, out=np.full(count, np.nan), where=total > 0))


def repeatability(groups: Iterable[Sequence[float]]) -> dict[str, float] | None:
    """Compare all pairs within each group of repeated values; None without a pair.

    Returns
    -------
    dict
        Number of ``pairs``, mean absolute ``difference``, and ``difference_percent`` of the pair's mean.

    >>> repeatability([[100.0, 102.0], [50.0]])
    {'pairs': 1, 'difference': 2.0, 'difference_percent': 1.9801980198019802}
    """
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    if not pairs:
        return None
    one, two = np.array(pairs, dtype=np.float64).T
    difference = np.abs(one - two)
    percent = float(100 * (difference / ((one + two) / 2)).mean())
    return {"pairs": len(pairs), "difference": float(difference.mean()), "difference_percent": percent}
