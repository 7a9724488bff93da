"""Effective dimension: in how many independent directions a set of features varies over people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["participation_ratio"]


def participation_ratio(features: NDArray[np.float64], *, standardised: bool = True) -> float:
    """Return the participation ratio of features: (sum of variances)^2 / sum of squared variances.

    The variances are those of the principal components. It is 1 if everything varies together, and f for f
    uncorrelated features of equal variance. Few people limit it: n people have at most n - 1 components.
    Features without variance are left out.

    Parameters
    ----------
    features
        Values of n people, (n, f).
    standardised
        Divide each feature by its standard deviation first, so that units do not matter.

    Raises
    ------
    ValueError
        No feature varies, or a value is not finite.

    References
    ----------
    Gao et al. 2017, bioRxiv 214262.

    >>> values = np.random.default_rng(0).normal(size=(1000, 1))
    >>> round(participation_ratio(np.hstack([values, 3 * values])), 3)
    1.0
    """
    if not np.isfinite(features).all():
        raise ValueError("a feature is not finite")
    centred = features - features.mean(axis=0)
    sds = centred.std(axis=0)
    varying = sds > 1e-9 * np.abs(features).max(axis=0)
    if not varying.any():
        raise ValueError("no feature varies")
    centred = centred[:, varying]
    if standardised:
        centred = centred / sds[varying]
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    return float(variances.sum() ** 2 / (variances**2).sum())
