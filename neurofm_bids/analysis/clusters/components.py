"""Principal components of the features of a cohort, the one implementation of the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["PrincipalComponents", "beyond_chance", "fit_components"]

_Array = npt.NDArray[np.float64]
_TALL = 10  # rows per column from which the covariance is decomposed: much faster, and as exact here
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PrincipalComponents:
    """Directions of the greatest variance of n rows of d values.

    Parameters
    ----------
    centre
        Mean of the rows, shape (d,).
    directions
        Unit vectors, shape (m, d); the largest value of each is positive.
    variances
        Of the scores, shape (m,), largest first.
    shares
        Of the total variance, shape (m,).
    """

    centre: _Array
    directions: _Array
    variances: _Array
    shares: _Array

    def scores(self, values: npt.NDArray[np.floating], scale: bool = False) -> _Array:
        """Return the scores of rows, shape (n, m), centred; with ``scale`` each of variance 1 in the fit."""
        scores = (values.astype(np.float64) - self.centre) @ self.directions.T
        return np.asarray(scores / np.sqrt(self.variances) if scale else scores)


def fit_components(values: npt.NDArray[np.floating], number: int) -> PrincipalComponents | None:
    """Return the first components of rows, shape (n, d): at most ``number``, and those that vary.

    None with fewer than three rows or two columns, or where all rows are equal.
    """
    from sklearn.decomposition import PCA

    n, d = values.shape
    if n < 3 or d < 2:
        return None
    exact = values.astype(np.float64)
    total = float(exact.var(axis=0, ddof=1).sum())
    if total * (n - 1) < _ROUNDING:
        return None
    solver = "covariance_eigh" if n >= _TALL * d else "full"
    fitted = PCA(min(number, n - 1, d), svd_solver=solver).fit(exact)
    varies = fitted.explained_variance_ > _ROUNDING * total
    directions = fitted.components_[varies]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    variances = fitted.explained_variance_[varies]
    return PrincipalComponents(fitted.mean_, directions, variances, variances / total)


def beyond_chance(variances: _Array, n: int, d: int) -> int:
    """Return how many components of d columns of variance 1 vary more than those of unrelated columns.

    The largest variance of a component of n rows of d unrelated columns tends to (1 + sqrt(d / n))^2
    (Marchenko and Pastur 1967): Horn's parallel analysis (1965) in closed form.

    >>> beyond_chance(np.array([4.0, 2.0, 1.5]), n=400, d=36)
    2
    """
    return int((variances > (1 + np.sqrt(d / n)) ** 2).sum())
