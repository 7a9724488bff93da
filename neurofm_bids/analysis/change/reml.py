"""Restricted maximum likelihood of a linear mixed model with a random intercept, or intercept and slope.

The likelihood is profiled as in lme4 (Bates et al. 2015, doi:10.18637/jss.v067.i01), with sums over the scans
of each person in place of sparse matrices. Relative covariance factors can be singular, so that a variance of
zero is a result and not a failure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RemlFit", "reml_fit"]

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RemlFit:
    """A fitted model.

    Parameters
    ----------
    estimates, standard_errors
        Of the fixed effects, shape (p,).
    sd_intercept, sd_slope, sd_residual
        Standard deviations between people, of their slopes (0 without random slopes), and within people.
    log_likelihood
        Restricted, for scaled terms: comparable between models of equal fixed effects.
    converged
        Whether the optimiser ended at an optimum.
    """

    estimates: _Array
    standard_errors: _Array
    sd_intercept: float
    sd_slope: float
    sd_residual: float
    log_likelihood: float
    converged: bool


@dataclass(frozen=True)
class _Sums:
    """Sums over the scans of each of g people, of q random and p fixed terms."""

    zz: _Array  # (g, q, q)
    zx: _Array  # (g, q, p + 1), the outcome last
    xx: _Array  # (p + 1, p + 1)
    count: int

    def solve(self, factor: _Array) -> tuple[float, _Array, _Array, float]:
        """Return deviance, fixed effects, their covariance and the residual variance for a factor (q, q)."""
        q, p = factor.shape[0], len(self.xx) - 1
        inner = np.eye(q) + factor.T @ self.zz @ factor
        middle = factor @ np.linalg.inv(inner) @ factor.T
        explained = (middle @ self.zx).reshape(-1, p + 1)
        left = self.xx - self.zx.reshape(-1, p + 1).T @ explained
        estimates = np.linalg.solve(left[:p, :p], left[:p, p])
        freedom = self.count - p
        variance = float(left[p, p] - left[:p, p] @ estimates) / freedom
        deviance = (
            float(np.log(np.linalg.det(inner)).sum())
            + float(np.linalg.slogdet(left[:p, :p])[1])
            + freedom * (1 + np.log(2 * np.pi * variance))
        )
        return deviance, estimates, variance * np.linalg.inv(left[:p, :p]), variance


def reml_fit(
    outcome: _Array, fixed: _Array, people: npt.NDArray[np.intp], slope_of: _Array | None = None
) -> RemlFit:
    """Return the fit of a model with a random intercept per person, and a random slope if asked for.

    Parameters
    ----------
    outcome
        Shape (n,).
    fixed
        Linearly independent terms, with the constant, shape (n, p).
    people
        Number of the person of each scan, shape (n,).
    slope_of
        The term whose slope differs between people, shape (n,).

    Raises
    ------
    ValueError
        The outcome does not vary beyond the fixed terms.
    """
    size, scale = float(outcome.std()), np.sqrt((fixed**2).mean(axis=0))
    if size == 0:
        raise ValueError("it does not vary")
    random = np.ones((len(outcome), 1))
    unit = 1.0
    if slope_of is not None:
        unit = float(np.sqrt((slope_of**2).mean()))
        random = np.column_stack([random, slope_of / unit])
    sums = _sums(outcome / size, fixed / scale, random, people)
    theta, converged = _optimum(sums)
    deviance, estimates, covariance, variance = sums.solve(_factor(theta))
    spread = size * np.sqrt(variance * np.diag(_factor(theta) @ _factor(theta).T))
    return RemlFit(
        estimates=size * estimates / scale,
        standard_errors=size * np.sqrt(np.diag(covariance)) / scale,
        sd_intercept=float(spread[0]),
        sd_slope=float(spread[1]) / unit if slope_of is not None else 0.0,
        sd_residual=size * float(np.sqrt(variance)),
        log_likelihood=-deviance / 2,
        converged=converged,
    )


def _sums(outcome: _Array, fixed: _Array, random: _Array, people: npt.NDArray[np.intp]) -> _Sums:
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    terms = np.column_stack([fixed, outcome])[order]
    z = random[order]

    def by_person(left: _Array, right: _Array) -> _Array:
        return np.add.reduceat(left[:, :, None] * right[:, None, :], starts, axis=0)

    return _Sums(by_person(z, z), by_person(z, terms), terms.T @ terms, len(outcome))


def _factor(theta: _Array) -> _Array:
    """Return the lower triangular factor of the relative covariance, (1, 1) or (2, 2)."""
    if len(theta) == 1:
        return np.array([[theta[0]]])
    return np.array([[theta[0], 0.0], [theta[1], theta[2]]])


def _optimum(sums: _Sums) -> tuple[_Array, bool]:
    """Return the factor's elements at the least deviance, and whether the optimiser ended there."""
    from scipy.optimize import minimize

    def deviance(theta: _Array) -> float:
        return sums.solve(_factor(theta))[0]

    is_slope = sums.zz.shape[1] == 2
    starts = [(1.0, 0.0, 0.3), (1.0, 0.0, 0.02)] if is_slope else [(1.0,), (0.1,)]
    bounds = [(0, None), (None, None), (0, None)] if is_slope else [(0, None)]
    fits = [minimize(deviance, start, method="L-BFGS-B", bounds=bounds, tol=1e-12) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun))
    if not best.success:  # differences are no exact gradients, so that a line search can end without progress
        options = {"xatol": 1e-5, "fatol": 1e-7}
        best = minimize(deviance, best.x, method="Nelder-Mead", bounds=bounds, options=options)
    return np.asarray(best.x), bool(best.success and np.isfinite(best.fun))
