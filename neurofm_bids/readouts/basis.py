"""Standardised features of a training in their singular directions: one decomposition, all fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["PENALTIES", "Basis", "Solution", "decompose"]

_Values = npt.NDArray[np.float64]
# Relative to the sum of squares of the standardised features; the strongest first.
PENALTIES = tuple(float(10.0 ** (step / 2)) for step in range(2, -11, -1))
_LEAST = 1e-10  # of the largest singular value


@dataclass(frozen=True)
class Basis:
    """Singular value decomposition of standardised features, shape (n, p), of rank r.

    Parameters
    ----------
    scores
        The features in the new directions, shape (n, r).
    squares
        Squared singular values, shape (r,).
    directions
        Shape (p, r), orthonormal columns.
    size
        Sum of squares of the features, n times p: penalties are relative to it.
    """

    scores: _Values
    squares: _Values
    directions: _Values
    size: float


@dataclass(frozen=True)
class Solution:
    """Linear functions in the directions of a basis.

    Parameters
    ----------
    weights
        Shape (r, m), for m functions.
    intercepts
        Shape (m,).
    shape
        What else the family has, such as thresholds; shape (k,).
    """

    weights: _Values
    intercepts: _Values
    shape: _Values

    def values(self, scores: _Values) -> _Values:
        """Return the functions of scans, scores (n, r), shape (n, m)."""
        return scores @ self.weights + self.intercepts


def decompose(standardised: _Values) -> Basis:
    """Return the singular value decomposition of standardised features, shape (n, p)."""
    left, singular, right = np.linalg.svd(standardised, full_matrices=False)
    kept = singular > _LEAST * max(float(singular[0]), np.finfo(float).tiny)
    singular, right = singular[kept], right[kept]
    scores = np.ascontiguousarray(left[:, kept] * singular)
    return Basis(scores, singular**2, np.ascontiguousarray(right.T), float(standardised.size))
