"""Restricted maximum likelihood of a linear mixed model with a random intercept, or intercept and slope.

The likelihood is profiled as in lme4 (Bates et al. 2015, doi:10.18637/jss.v067.i01), with sums over the scans
of each person in place of sparse matrices. A variance near zero is a result and not a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

__all__ = ["RemlFit", "reml_fit"]

_Array = npt.NDArray[np.float64]

_GRID = (-5.0, -3.5, -2.0, -0.5, 1.0, 2.5, 4.0)  # logarithms of relative standard deviations
_FARTHEST = np.array([9.0, 9.0, 4.0])  # of theta
_BOX, _BOXES = 1.5, 12
_ROUNDING = 1e-12  # relative to the outcome
_STEEP = 0.02  # deviance per unit of theta, at most at an optimum


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
class _Solution:
    """The best fixed effects for some variances between people, relative to that within people."""

    deviance: float
    gradient: _Array  # of the deviance, by the elements of the relative covariance, (q, q)
    estimates: _Array
    covariance: _Array  # of the estimates
    variance: float  # within people


@dataclass(frozen=True)
class _Sums:
    """Sums over the scans of each of g people, of q random and p fixed terms."""

    zz: _Array  # (g, q, q)
    zx: _Array  # (g, q, p + 1), the outcome last
    xx: _Array  # (p + 1, p + 1)
    count: int

    def solve(self, factor: _Array) -> _Solution:
        """Return the solution for a lower triangular factor of the relative covariance, (q, q)."""
        q, p = factor.shape[0], len(self.xx) - 1
        inner = np.eye(q) + factor.T @ self.zz @ factor
        middle = factor @ np.linalg.inv(inner) @ factor.T
        left = self.xx - self._product(self.zx, middle @ self.zx)
        inverse = np.linalg.inv(left[:p, :p])
        estimates = inverse @ left[:p, p]
        freedom = self.count - p
        variance = float(left[p, p] - left[:p, p] @ estimates) / freedom
        deviance = (
            float(np.log(np.linalg.det(inner)).sum())
            + float(np.linalg.slogdet(left[:p, :p])[1])
            + freedom * (1 + np.log(2 * np.pi * variance))
        )
        whitened = self.zx - self.zz @ middle @ self.zx  # Z' V^-1 [X, y]
        residual = whitened[:, :, p] - whitened[:, :, :p] @ estimates
        of_fixed = (whitened[:, :, :p] @ inverse) @ whitened[:, :, :p].transpose(0, 2, 1)
        gradient = (self.zz - self.zz @ middle @ self.zz - of_fixed).sum(axis=0)
        gradient -= residual.T @ residual / variance
        covariance = np.asarray(variance * inverse, dtype=np.float64)
        return _Solution(deviance, gradient, estimates, covariance, variance)

    @staticmethod
    def _product(one: _Array, other: _Array) -> _Array:
        width = one.shape[2]
        return np.asarray(one.reshape(-1, width).T @ other.reshape(-1, width))


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
    scale = np.sqrt((fixed**2).mean(axis=0))
    start = np.linalg.lstsq(fixed / scale, outcome, rcond=None)[0]
    residuals = outcome - fixed / scale @ start
    size = float(residuals.std())
    if not size > _ROUNDING * np.abs(outcome).max():
        raise ValueError("it does not vary beyond the fixed terms")
    random = np.ones((len(outcome), 1))
    unit = 1.0
    if slope_of is not None:
        unit = float(np.sqrt((slope_of**2).mean()))
        random = np.column_stack([random, slope_of / unit])
    sums = _sums(residuals / size, fixed / scale, random, people)
    factor, converged = _optimum(sums)
    best = sums.solve(factor)
    spread = size * np.sqrt(best.variance * np.diag(factor @ factor.T))
    return RemlFit(
        estimates=(start + size * best.estimates) / scale,
        standard_errors=size * np.sqrt(np.diag(best.covariance)) / scale,
        sd_intercept=float(spread[0]),
        sd_slope=float(spread[1]) / unit if slope_of is not None else 0.0,
        sd_residual=size * float(np.sqrt(best.variance)),
        log_likelihood=-best.deviance / 2,
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
    """Return the lower triangular factor of the relative covariance, (1, 1) or (2, 2).

    ``theta`` has the logarithms of the standard deviations, then the inverse hyperbolic tangent of the
    correlation of intercepts and slopes.
    """
    sd = np.exp(theta[:2])
    if len(theta) == 1:
        return sd[:, None]
    correlation = np.tanh(theta[2])
    return np.array([[sd[0], 0.0], [sd[1] * correlation, sd[1] * np.sqrt(1 - correlation**2)]])


def _by_theta(theta: _Array, gradient: _Array) -> _Array:
    """Return the gradient by ``theta`` from that by the elements of the relative covariance."""
    factor = _factor(theta)
    covariance = factor @ factor.T
    by_sd = 2 * (gradient * covariance).sum(axis=1)
    if len(theta) == 1:
        return np.asarray(by_sd)
    sd = np.exp(theta[:2])
    return np.append(by_sd, 2 * gradient[0, 1] * sd[0] * sd[1] * (1 - np.tanh(theta[2]) ** 2))


def _optimum(sums: _Sums) -> tuple[_Array, bool]:
    """Return the factor with the least deviance, and whether the optimiser ended there.

    The deviance is flat where a standard deviation is near zero. A descent therefore begins at the best place
    of a grid, and is kept near where it begins, again and again until it ends inside its box or at a
    standard deviation of nearly zero.
    """
    from scipy.optimize import minimize

    def deviance(theta: _Array) -> tuple[float, _Array]:
        solution = sums.solve(_factor(theta))
        return solution.deviance, _by_theta(theta, solution.gradient)

    is_slope = sums.zz.shape[1] == 2
    grid = [(*sd, 0.0) for sd in product(_GRID, _GRID)] if is_slope else [(sd,) for sd in _GRID]
    theta = np.array(min(grid, key=lambda place: deviance(np.array(place))[0]))
    for _ in range(_BOXES):
        low = np.maximum(theta - _BOX, -_FARTHEST[: len(theta)])
        high = np.minimum(theta + _BOX, _FARTHEST[: len(theta)])
        fit = minimize(deviance, theta, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)))
        theta = np.asarray(fit.x)
        free = (np.abs(theta) < _FARTHEST[: len(theta)]) & np.isfinite(fit.jac)
        if np.all(np.abs(fit.jac[free]) < _STEEP):
            return _factor(theta), bool(np.isfinite(fit.fun))
    return _factor(theta), False
