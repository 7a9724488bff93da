"""Outliers: scans whose features are far from those of the other scans, in many directions at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.components import evenly_chosen, robust_components

__all__ = ["LEAST_SCANS", "find_outliers", "outlier_distances", "outlier_p_values"]

LEAST_SCANS = 20
_MOST_COMPONENTS, _LEAST_SHARE, _PER_COMPONENT = 15, 0.002, 10
_SINGLE_SCANS = 5  # that a component explains more than: each has a share of 1 / n
_LEAST_REST = 1e-4  # robust standard deviations
_LEAST_DISTANCE = 1e-12
# Of n values, the relative error of the 90th centile is 1.33 / sqrt(n), of an sd with df 1 / sqrt(2 df).
_FREEDOM = 0.28
_FITTED = 1500  # scans that the centre and the covariance are fitted to

_Array = npt.NDArray[np.float64]


def find_outliers(
    features: npt.NDArray[np.floating], included: npt.NDArray[np.bool_], false_share: float = 0.05
) -> pd.DataFrame:
    """Return for each scan how far it is from the cohort, and whether it is an outlier.

    Parameters
    ----------
    features
        Shape (n, d).
    included
        Shape (n,): scans that the distribution is estimated from and that may be outliers; others have empty
        cells. With fewer than 20 of them, or where no feature varies, all cells are empty.
    false_share
        Expected share of false ones among the outliers (Benjamini-Hochberg). If there are no outliers, the
        probability that any scan is called one is the same.

    Returns
    -------
    pandas.DataFrame
        ``outlier_distance`` (of the two of :func:`outlier_distances` the more unusual one, over its median),
        ``outlier_p`` (probability of a scan of the cohort to be as unusual in one of the two) and
        ``is_outlier``.
    """
    n = len(features)
    distance, p = np.full(n, np.nan), np.full(n, np.nan)
    is_outlier = pd.array([None] * n, dtype="boolean")
    enough = included.sum() >= LEAST_SCANS
    both = outlier_distances(features[included]) if enough else np.zeros((n, 0))
    if both.size:
        of_both = np.column_stack([outlier_p_values(values) for values in both.T])
        rows, which = np.arange(len(both)), of_both.argmin(axis=1)
        distance[included] = (both / np.maximum(np.median(both, axis=0), _LEAST_DISTANCE))[rows, which]
        p[included] = np.minimum(both.shape[1] * of_both[rows, which], 1)
        is_outlier[included] = _rejected(p[included], false_share)
    return pd.DataFrame({"outlier_distance": distance, "outlier_p": p, "is_outlier": is_outlier})


def outlier_distances(features: npt.NDArray[np.floating]) -> _Array:
    """Return how far each row is from the others, shape (n, 2), or (n, 1) where components leave no rest.

    Where no feature varies, the shape is (n, 0); one of which half of the values are equal does not.

    First the robust Mahalanobis distance of the scores on at most 15 robust principal components, one for ten
    rows; its centre and covariance are those of the minimum covariance determinant (Rousseeuw and Van
    Driessen, Technometrics 41, 1999), of at most 1500 rows. Second the distance from the space that the
    components span, the root mean square over the standardised features: features that do not fit
    together (Hubert et al., Technometrics 47, 2005).
    """
    from sklearn.covariance import MinCovDet

    most = min(_MOST_COMPONENTS, max(len(features) // _PER_COMPONENT, 1))
    least = max(_LEAST_SHARE, _SINGLE_SCANS / len(features))
    parts = robust_components(features, most, least)
    if not parts.spread.size:  # no direction stands out
        parts = robust_components(features, 1)
    if not parts.spread.size:
        return np.zeros((len(features), 0))
    scores = parts.scores(features)
    fit = MinCovDet(random_state=0, support_fraction=0.75).fit(scores[evenly_chosen(len(scores), _FITTED)])
    within = np.sqrt(np.maximum(fit.mahalanobis(scores), 0))
    rest = parts.standardised(features) - (scores * parts.spread) @ parts.axes.T
    beyond = np.sqrt((rest**2).mean(axis=1))
    return np.column_stack([within, beyond] if np.median(beyond) > _LEAST_REST else [within])


def outlier_p_values(distances: npt.NDArray[np.floating]) -> _Array:
    """Return the probability of each distance, or a larger one, among scans that are no outliers.

    Logarithms of distances have a normal distribution with the median and the upper spread of the cohort:
    the tail is that of the cohort and not of a chi-squared distribution, because features are not normal.
    The spread is that from the median to the 90th centile, or to the 75th where this gives more. The tail is
    that of a t distribution, whose degrees of freedom (0.28 for each scan) allow for the error of the spread.
    """
    from scipy.stats import norm, t

    logs = np.log(np.maximum(distances, _LEAST_DISTANCE))
    middle, upper, high = np.quantile(logs, [0.5, 0.75, 0.9])
    spread = max((upper - middle) / norm.ppf(0.75), (high - middle) / norm.ppf(0.9), 1e-9)
    return np.asarray(t.sf((logs - middle) / spread, _FREEDOM * len(logs)), dtype=np.float64)


def _rejected(p: _Array, share: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses the procedure of Benjamini and Hochberg rejects."""
    order = np.sort(p)
    below = np.flatnonzero(order <= share * np.arange(1, len(p) + 1) / len(p))
    return p <= order[below[-1]] if below.size else np.zeros(len(p), dtype=bool)
