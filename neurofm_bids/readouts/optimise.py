"""Penalised maximum likelihood for linear functions in the directions of a basis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.basis import Basis, Solution

__all__ = ["Loss", "Start", "minimise", "minimise_path"]

_Values = npt.NDArray[np.float64]
# Functions (n, m) and shape (k,) -> sum of losses, its gradients by functions and by shape.
Loss = Callable[[_Values, _Values], tuple[float, _Values, _Values]]
_GRADIENT, _CHANGE, _STEPS, _MEMORY = 1e-7, 1e-13, 2000, 20


@dataclass(frozen=True)
class Start:
    """Where the minimisation begins, and what it knows of the loss.

    Parameters
    ----------
    solution
        To start from.
    curvature
        Second derivative of the loss of a scan by its function, near the solution.
    has_intercept
        Whether functions have an intercept.
    """

    solution: Solution
    curvature: float
    has_intercept: bool = True


def minimise(basis: Basis, loss: Loss, penalty: float, start: Start) -> Solution:
    """Minimise a sum of losses plus half the penalty times the sum of squared weights.

    The steps are those of L-BFGS in variables that are scaled by the square root of the curvature, in which
    singular directions are alike, so that few steps are needed whatever the penalty.

    Parameters
    ----------
    loss
        Of all scans of the basis, convex.
    penalty
        Absolute; intercepts and shape are not penalised.
    """
    from scipy.optimize import minimize

    rank, count = start.solution.weights.shape
    rows = len(basis.scores)
    widths = 1 / np.sqrt(start.curvature * basis.squares + penalty)[:, None]
    of_intercept = float(1 / np.sqrt(start.curvature * rows)) if start.has_intercept else 0.0
    split = (rank * count, rank * count + count)

    def unpacked(packed: _Values) -> Solution:
        weights, intercepts, shape = np.split(packed, split)
        return Solution(weights.reshape(rank, count) * widths, intercepts * of_intercept, shape)

    def objective(packed: _Values) -> tuple[float, _Values]:
        now = unpacked(packed)
        total, by_function, by_shape = loss(now.values(basis.scores), now.shape)
        by_weight = (basis.scores.T @ by_function + penalty * now.weights) * widths
        by_intercept = by_function.sum(axis=0) * of_intercept
        total += 0.5 * penalty * float(np.square(now.weights).sum())
        gradient = np.concatenate([by_weight.ravel(), by_intercept, by_shape])
        return total / rows, gradient / rows

    first = start.solution
    packed = np.concatenate([(first.weights / widths).ravel(), first.intercepts, first.shape])
    if start.has_intercept:
        packed[split[0] : split[1]] /= of_intercept
    options = {"gtol": _GRADIENT, "ftol": _CHANGE, "maxiter": _STEPS, "maxfun": 2 * _STEPS}
    found = minimize(objective, packed, jac=True, method="L-BFGS-B", options={**options, "maxcor": _MEMORY})
    return unpacked(np.asarray(found.x, dtype=np.float64))


def minimise_path(basis: Basis, loss: Loss, penalties: Sequence[float], start: Start) -> list[Solution]:
    """Return the solution of each penalty, each started from the one before."""
    found: list[Solution] = []
    for penalty in penalties:
        found.append(minimise(basis, loss, penalty, start))
        start = replace(start, solution=found[-1])
    return found
