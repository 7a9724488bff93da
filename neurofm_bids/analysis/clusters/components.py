"""Principal components of the features of a cohort, the one implementation of the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["PrincipalComponents", "beyond_chance", "fit_components"]

_Array = npt.NDArray[np.float64]
_BLOCK = 10_000  # rows of which there are copies at once
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
        scores = np.concatenate([(rows - self.centre) @ self.directions.T for rows in _blocks(values)])
        return np.asarray(scores / np.sqrt(self.variances) if scale else scores)


def fit_components(values: npt.NDArray[np.floating], number: int) -> PrincipalComponents | None:
    """Return the first components of rows, shape (n, d): at most ``number``, and those that vary.

    None with fewer than three rows or two columns, or where all rows are equal.
    """
    n, d = values.shape
    if n < 3 or d < 2:
        return None
    centre = values.mean(axis=0, dtype=np.float64)
    total = float(sum(((rows - centre) ** 2).sum() for rows in _blocks(values)))
    if total < _ROUNDING:
        return None
    squares, directions = _leading(values, centre, min(number, n - 1, d))
    varies = squares > _ROUNDING * total
    squares, directions = squares[varies], directions[varies]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    return PrincipalComponents(centre, directions, squares / (n - 1), squares / total)


def _leading(values: npt.NDArray[np.floating], centre: _Array, number: int) -> tuple[_Array, _Array]:
    """Return the largest sums of squares along directions, and the directions, shape (number, d).

    With more rows than columns they come from the matrix of covariances, else from singular values.
    """
    n, d = values.shape
    if n > d:
        squares = np.zeros((d, d))
        for rows in _blocks(values):
            squares += (rows - centre).T @ (rows - centre)
        sums, directions = np.linalg.eigh(squares)
        return sums[::-1][:number], directions[:, ::-1][:, :number].T
    _, singular, right = np.linalg.svd(values.astype(np.float64) - centre, full_matrices=False)
    return singular[:number] ** 2, right[:number]


def _blocks(values: npt.NDArray[np.floating]) -> Iterator[_Array]:
    for start in range(0, len(values), _BLOCK):
        yield values[start : start + _BLOCK].astype(np.float64)


def beyond_chance(variances: _Array, n: int, d: int) -> int:
    """Return how many components of d columns of variance 1 vary more than those of unrelated columns.

    The largest variance of a component of n rows of d unrelated columns tends to (1 + sqrt(d / n))^2
    (Marchenko and Pastur 1967): Horn's parallel analysis (1965) in closed form.

    >>> beyond_chance(np.array([4.0, 2.0, 1.5]), n=400, d=36)
    2
    """
    return int((variances > (1 + np.sqrt(d / n)) ** 2).sum())
