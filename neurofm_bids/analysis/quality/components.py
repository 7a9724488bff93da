"""Robust standardisation and principal components, which a minority of wrong scans does not turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.statistics import SD_PER_MAD

__all__ = ["Components", "evenly_chosen", "robust_components", "robust_scale"]

_Array = npt.NDArray[np.float64]
_MOST_ROWS = 5000


@dataclass(frozen=True)
class Components:
    """Principal components of columns that vary.

    ``kept`` (d,) tells which columns vary, ``centre`` and ``scale`` (k,) standardise them, ``axes`` (k, q)
    has orthonormal columns, ``spread`` (q,) is the robust standard deviation along each, in descending order
    of explained variance.
    """

    kept: npt.NDArray[np.bool_]
    centre: _Array
    scale: _Array
    axes: _Array
    spread: _Array

    def standardised(self, values: npt.NDArray[np.floating]) -> _Array:
        """Return the columns that vary, shape (n, k), centred and in robust standard deviations."""
        return (np.asarray(values, dtype=np.float64)[:, self.kept] - self.centre) / self.scale

    def scores(self, values: npt.NDArray[np.floating]) -> _Array:
        """Return the scores of rows, shape (n, q), each component with a robust standard deviation of 1."""
        return np.asarray(self.standardised(values) @ self.axes / self.spread)


def robust_scale(values: npt.NDArray[np.floating]) -> tuple[_Array, _Array]:
    """Return the median and the robust standard deviation of each column.

    The robust standard deviation is 1.4826 times the median absolute deviation.

    >>> centre, scale = robust_scale(np.array([[1.0], [2.0], [3.0], [4.0], [1000.0]]))
    >>> float(centre[0]), float(scale[0])
    (3.0, 1.4826)
    """
    values = np.asarray(values, dtype=np.float64)
    centre = np.median(values, axis=0)
    return centre, SD_PER_MAD * np.median(np.abs(values - centre), axis=0)


def robust_components(values: npt.NDArray[np.floating], most: int, least_share: float = 0.0) -> Components:
    """Return robust principal components: those of the spatial signs of the standardised rows.

    Each standardised row is divided by its length before the covariance is computed, so that a row counts the
    same however far it lies from the others (Locantore et al., Test 8, 1999).

    Parameters
    ----------
    values
        Shape (n, d), without missing values. Columns of which half of the values are equal are not used. Of
        more than 5000 rows, 5000 at equal distances are used.
    most
        Components that are kept at most.
    least_share
        Components that explain a smaller share of the variance of the spatial signs are dropped.
    """
    values = values[evenly_chosen(len(values))]
    centre, scale = robust_scale(values)
    kept = scale > 1e-9 * np.maximum(np.abs(centre), 1e-30)
    whole = Components(kept, centre[kept], scale[kept], np.zeros((kept.sum(), 0)), np.zeros(0))
    rows = whole.standardised(values)
    signs = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    shares, axes = np.linalg.eigh(signs.T @ signs / max(len(signs), 1))
    order = np.argsort(-shares, kind="stable")[:most]
    order = order[shares[order] > max(least_share, 1e-12)]
    axes = axes[:, order] * _signs(axes[:, order])
    spread = robust_scale(rows @ axes)[1]
    return Components(kept, whole.centre, whole.scale, axes[:, spread > 0], spread[spread > 0])


def evenly_chosen(n: int, most: int = _MOST_ROWS) -> npt.NDArray[np.intp]:
    """Return at most so many of n places, at equal distances.

    >>> evenly_chosen(5, 3).tolist()
    [0, 2, 4]
    """
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.intp)


def _signs(axes: _Array) -> _Array:
    """Return 1 or -1 for each axis, so that its largest element is positive on every machine."""
    largest = np.abs(axes).argmax(axis=0) if axes.size else np.zeros(axes.shape[1], dtype=int)
    return np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
