"""How measures differ between the scans of a cluster and the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Difference", "adjusted_difference"]

_Array = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

_LEAST_OF_GROUP = 3
_COLLINEAR = 1e-9


@dataclass(frozen=True)
class Difference:
    """A standardised difference of two groups.

    Parameters
    ----------
    n_cluster, n_rest
        Scans that are compared.
    value
        Difference of the means, adjusted, over the standard deviation within groups; NaN if it cannot be
        estimated.
    lower, upper
        95 % confidence interval.
    p
        Of no difference (t test).
    """

    n_cluster: int
    n_rest: int
    value: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    p: float = np.nan


def adjusted_difference(values: _Array, member: _Mask, covariates: _Array) -> Difference:
    """Return the difference of a measure between the scans of a cluster and the rest.

    The measure is regressed on membership and the covariates. The difference is the coefficient of
    membership over the residual standard deviation: without covariates, Cohen's d. The variance of it is
    v + d^2 / (2 df), where v is the diagonal element of the inverse of the cross products, 1/n1 + 1/n2
    without covariates (Hedges and Olkin 1985).

    Parameters
    ----------
    values
        Shape (n,); scans whose value or covariates are not finite are left out.
    member
        Which scans are in the cluster, shape (n,).
    covariates
        Shape (n, k).
    """
    from scipy.stats import t as student

    known = np.isfinite(values) & np.isfinite(covariates).all(axis=1)
    inside = member[known].astype(np.float64)
    counts = int(inside.sum()), int(len(inside) - inside.sum())
    others = _independent(covariates[known])
    df = len(inside) - others.shape[1] - 1
    if min(counts) < _LEAST_OF_GROUP or df < 1:
        return Difference(*counts)
    outcome, left = _residuals(values[known], others), _residuals(inside, others)
    free = float(left @ left)
    residual = outcome - (slope := float(left @ outcome) / free) * left if free > _COLLINEAR else outcome
    spread = float(np.sqrt(residual @ residual / df))
    if free <= _COLLINEAR * len(inside) or spread <= _COLLINEAR * float(np.abs(values[known]).max()):
        return Difference(*counts)
    value, v = slope / spread, 1 / free
    half = student.ppf(0.975, df) * np.sqrt(v + value**2 / (2 * df))
    p = float(2 * student.sf(abs(value) / np.sqrt(v), df))
    return Difference(*counts, value, value - half, value + half, p)


def _independent(covariates: _Array) -> _Array:
    """Return an orthonormal basis of a constant and the covariates, shape (n, rank)."""
    if not len(covariates):
        return np.empty((0, 1))
    centred = covariates - covariates.mean(axis=0)
    spread = centred.std(axis=0)
    varying = centred[:, spread > _COLLINEAR * np.abs(covariates).max(axis=0, initial=0)]
    varying = varying / varying.std(axis=0)
    left, singular, _ = np.linalg.svd(varying, full_matrices=False)
    basis = left[:, singular > _COLLINEAR * singular.max(initial=0)]
    return np.column_stack([np.full(len(covariates), len(covariates) ** -0.5), basis])


def _residuals(values: _Array, basis: _Array) -> _Array:
    return np.asarray(values - basis @ (basis.T @ values))
