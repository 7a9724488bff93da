"""Cox's proportional hazards, fitted with an L2 penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets

__all__ = ["CoxFit", "fit_cox"]

_Array = NDArray[np.float64]
_STEPS, _HALVINGS = 100, 40
_SOLVER_TOLERANCE = 1e-3
_WIDEST = 15.0  # of log hazard ratios without penalty: a hazard ratio of 3 million


@dataclass(frozen=True)
class CoxFit:
    """Coefficients that maximise the penalised log partial likelihood.

    Parameters
    ----------
    coefficients
        Log hazard ratio for each unit of each of q columns.
    log_likelihood
        Log partial likelihood, without the penalty.
    steps
        Of Newton's method.
    """

    coefficients: _Array
    log_likelihood: float
    steps: int


def fit_cox(
    columns: _Array,
    risk_sets: RiskSets,
    penalties: _Array,
    start: _Array | None = None,
    *,
    tolerance: float = 1e-12,
) -> CoxFit:
    """Maximise the log partial likelihood minus half the sum of penalties times squared coefficients.

    Newton's steps, halved until the likelihood increases. Each step is the solution of a linear system by
    conjugate gradients, preconditioned by the diagonal of the penalised sums of squares: with orthogonal
    columns, as of :class:`~neurofm_bids.readouts.hazard_columns.HazardColumns`, it takes few iterations, and
    no matrix of columns by columns is formed.

    Parameters
    ----------
    columns
        Values of n people, (n, q).
    risk_sets
        Of their times.
    penalties
        Of each column, (q,), 0 or more.
    start
        Coefficients to start from, (q,).
    tolerance
        Expected gain of log likelihood at which the steps end; the error of coefficients is about its square
        root in standard errors.

    Raises
    ------
    NeuroFMError
        The likelihood has no maximum, as when a column without penalty separates people with the event.
    """
    beta = np.zeros(columns.shape[1]) if start is None else start.copy()
    likelihood = PartialLikelihood(risk_sets, columns @ beta)
    squares = (columns**2).sum(axis=0) / len(columns)
    step = 0
    while step < _STEPS:
        step += 1
        gradient = columns.T @ likelihood.gradient() - penalties * beta
        direction = _newton_direction(
            columns, likelihood, penalties, squares * len(risk_sets.cases), gradient
        )
        gain = float(gradient @ direction)
        moved = gain > tolerance and _improved(columns, risk_sets, penalties, beta, direction, likelihood)
        if not moved:
            break
        beta, likelihood = moved
    free = penalties == 0
    if np.ptp(columns[:, free] @ beta[free]) > _WIDEST:
        raise NeuroFMError(
            "the partial likelihood has no maximum: a column separates people with the event from others",
            fix="Leave out the covariate that does, or set a penalty.",
        )
    return CoxFit(beta, likelihood.value, step)


def _newton_direction(
    columns: _Array, likelihood: PartialLikelihood, penalties: _Array, diagonal: _Array, gradient: _Array
) -> _Array:
    """Solve (information + penalties) direction = gradient by preconditioned conjugate gradients."""
    scale = 1 / np.maximum(diagonal + penalties, np.finfo(float).tiny)
    direction, residual = np.zeros_like(gradient), gradient.copy()
    search = scale * residual
    slope = float(residual @ search)
    enough = slope * _SOLVER_TOLERANCE**2
    for _ in range(10 * len(gradient)):
        if slope <= enough:
            break
        product = columns.T @ likelihood.information(columns @ search) + penalties * search
        curvature = float(search @ product)
        if curvature <= 0:
            break
        direction += slope / curvature * search
        residual -= slope / curvature * product
        ahead = float(residual @ (scale * residual))
        search = scale * residual + ahead / slope * search
        slope = ahead
    return direction


def _improved(
    columns: _Array,
    risk_sets: RiskSets,
    penalties: _Array,
    beta: _Array,
    direction: _Array,
    likelihood: PartialLikelihood,
) -> tuple[_Array, PartialLikelihood] | None:
    """Return the first of ever smaller steps that increases the penalised likelihood, None without."""
    now = likelihood.value - 0.5 * float(penalties @ beta**2)
    for halving in range(_HALVINGS):
        ahead = beta + 0.5**halving * direction
        there = PartialLikelihood(risk_sets, columns @ ahead)
        if there.value - 0.5 * float(penalties @ ahead**2) > now:
            return ahead, there
    return None
