"""How the residuals of a regression vary: whether their sd depends on age, and whether they are normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shape", "fit_shape", "is_normal", "sd_slope"]

_Values = NDArray[np.float64]
_STEEPEST = 0.5  # change of the logarithm of the sd per decade
_RATIO = 3.84  # of likelihoods, as chi-squared of one degree, p = 0.05
_NORMAL_P = 0.001
_PENALTY = (2.0, 8.0)  # on the squares of skew and tail: normal errors are likelier


@dataclass(frozen=True)
class Shape:
    """Sinh-arcsinh errors, and what they change of a regression.

    Parameters
    ----------
    change
        Of the coefficients, (k,).
    scale, skew, tail
        As in :class:`~neurofm_bids.norms.distribution.Distribution`.
    """

    change: _Values
    scale: float
    skew: float
    tail: float


def sd_slope(design: _Values, values: _Values, decades: _Values) -> float:
    """Return the change of the logarithm of the sd per decade by restricted maximum likelihood.

    It is 0 where a likelihood ratio test does not reject that (p < 0.05).

    Parameters
    ----------
    design, values
        Predictors (n, k) and values (n,).
    decades
        Ages from their centre, (n,).
    """
    from scipy.optimize import minimize_scalar

    def loss(slope: float) -> float:
        return -_restricted(design, values, decades, slope)

    found = minimize_scalar(loss, bounds=(-_STEEPEST, _STEEPEST), method="bounded", options={"xatol": 1e-4})
    return float(found.x) if 2 * (loss(0.0) - float(found.fun)) > _RATIO else 0.0


def is_normal(residuals: _Values) -> bool:
    """Tell whether residuals may be normal: the test of D'Agostino and Pearson (1973)."""
    from scipy.stats import normaltest

    return bool(normaltest(residuals).pvalue >= _NORMAL_P)


def fit_shape(design: _Values, residuals: _Values, sd: float) -> Shape:
    """Return the errors by penalised maximum likelihood, together with the coefficients.

    Parameters
    ----------
    design
        Predictors, (n, k), divided by the relative sd of each person.
    residuals
        Of the regression with normal errors, (n,), divided so.
    sd
        Of the residuals.
    """
    from scipy.optimize import minimize

    count = design.shape[1]
    scaled = design / np.linalg.norm(design, axis=0) * np.sqrt(len(design))

    def loss(parameters: _Values) -> float:
        change, (log_scale, skew, tail) = parameters[:count], parameters[count:]
        z = (residuals / sd - scaled @ change) / np.exp(log_scale)
        inner = np.exp(tail) * np.arcsinh(z) - skew
        log_density = tail + np.log(np.cosh(inner)) - np.log1p(z**2) / 2 - np.sinh(inner) ** 2 / 2 - log_scale
        return float(_PENALTY[0] * skew**2 + _PENALTY[1] * tail**2 - log_density.sum())

    bounds = [(-5.0, 5.0)] * count + [(-1.0, 1.0), (-2.0, 2.0), (-1.0, 1.0)]
    found = minimize(loss, np.zeros(count + 3), method="L-BFGS-B", bounds=bounds)
    change, (log_scale, skew, tail) = found.x[:count], found.x[count:]
    unit = sd * np.sqrt(len(design)) / np.linalg.norm(design, axis=0)
    return Shape(change * unit, float(sd * np.exp(log_scale)), float(skew), float(tail))


def _restricted(design: _Values, values: _Values, decades: _Values, slope: float) -> float:
    """Return the restricted log-likelihood but for a constant (Patterson and Thompson 1971)."""
    relative = np.exp(slope * decades)
    weighted = design / relative[:, None]
    coefficients = np.linalg.lstsq(weighted, values / relative, rcond=None)[0]
    left = values / relative - weighted @ coefficients
    degrees = len(design) - design.shape[1]
    spread = degrees / 2 * np.log(max(float(left @ left), np.finfo(float).tiny) / degrees)
    return float(-np.log(relative).sum() - spread - np.linalg.slogdet(weighted.T @ weighted)[1] / 2)
