"""The numbers behind the group report: agreement in age, components, outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Agreement", "Components", "age_agreement", "outliers", "principal_components"]

_Array = npt.NDArray[np.float64]

_ENOUGH_FOR_OUTLIERS = 8


@dataclass(frozen=True)
class Agreement:
    """How predicted and chronological age agree over n scans.

    ``mae``, ``bias`` (mean of predicted minus chronological) and ``sd`` (of that difference) in years;
    ``r`` is Pearson's correlation. ``sd`` and ``r`` are None where n or the spread of ages is too small.
    """

    n: int
    mae: float
    bias: float
    sd: float | None
    r: float | None


@dataclass(frozen=True)
class Components:
    """First two principal components: scores, shape (n, 2), and their shares of the variance."""

    scores: _Array
    explained: tuple[float, float]


def age_agreement(chronological: _Array, predicted: _Array) -> Agreement:
    """Compare ages in years, both of shape (n,) with n of 1 or more.

    >>> age_agreement(np.array([20.0, 40.0, 60.0]), np.array([22.0, 42.0, 62.0]))
    Agreement(n=3, mae=2.0, bias=2.0, sd=0.0, r=1.0)
    """
    gap = predicted - chronological
    spread = gap.size > 2 and np.ptp(chronological) > 0 and np.ptp(predicted) > 0
    return Agreement(
        n=gap.size,
        mae=float(np.abs(gap).mean()),
        bias=float(gap.mean()),
        sd=float(gap.std(ddof=1)) if gap.size > 1 else None,
        r=round(float(np.corrcoef(chronological, predicted)[0, 1]), 12) if spread else None,
    )


def principal_components(features: npt.NDArray[np.floating]) -> Components | None:
    """Return the first two components of centred features, shape (n, d), by singular values.

    Each component points to where its largest loading is positive, so that equal features give equal
    pictures. None with fewer than three scans, or where all features are equal.
    """
    if features.shape[0] < 3 or features.shape[1] < 2:
        return None
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    total = float((centred**2).sum())
    if total < 1e-12:
        return None
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(right[:2]).argmax(axis=1)
    signs = np.sign(right[[0, 1], largest])
    scores = left[:, :2] * singular[:2] * signs
    digits = 5 - int(np.floor(np.log10(np.abs(scores).max())))  # beyond these, libraries differ
    shares = singular[:2] ** 2 / total
    return Components(scores.round(digits), (float(shares[0]), float(shares[1])))


def outliers(values: _Array) -> list[int]:
    """Return the places of values far from the rest, farthest first.

    Far is more than 3.5 robust standard deviations (1.4826 times the median absolute deviation) from the
    median (Iglewicz and Hoaglin 1993). Fewer than eight values have no outliers.

    >>> outliers(np.array([1.0, 2, 3, 4, 5, 6, 7, 90]))
    [7]
    """
    if values.size < _ENOUGH_FOR_OUTLIERS:
        return []
    distance = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(distance))
    if spread == 0:
        return []
    far = np.flatnonzero(distance > 3.5 * spread)
    return [int(i) for i in far[np.argsort(-distance[far], kind="stable")]]
