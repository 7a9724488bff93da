"""Values of the linear functions of a readout, and the probabilities of classes that follow from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from neurofm_bids.readouts.readout import Linear, Readout

__all__ = ["class_probabilities", "function_values"]

_Array = NDArray[np.float64]


def function_values(functions: Sequence[Linear], features: ArrayLike, covariates: ArrayLike) -> _Array:
    """Return the values of k functions for n scans, shape (n, k).

    Parameters
    ----------
    features, covariates
        Shapes (n, p) and (n, c); covariates are coded.

    Examples
    --------
    >>> function_values([Linear(1.0, (2.0, 0.0), (10.0,))], [[3.0, 5.0]], [[0.5]])
    array([[12.]])
    """
    weights = np.array([one.coefficients for one in functions], dtype=np.float64)
    of_covariates = np.array([one.covariates for one in functions], dtype=np.float64)
    intercepts = np.array([one.intercept for one in functions])
    rows, coded = np.asarray(features, dtype=np.float64), np.asarray(covariates, dtype=np.float64)
    return np.asarray(rows @ weights.T + coded @ of_covariates.T + intercepts)


def class_probabilities(readout: Readout, values: _Array, thresholds: ArrayLike | None = None) -> _Array:
    """Return the probability of each class from values of the functions, shapes (n, k) and (n, classes).

    Parameters
    ----------
    thresholds
        Of ordered classes, shape (n, classes - 1); by default those of the readout.

    Raises
    ------
    ValueError
        The readout has no classes.
    """
    kind = readout.task.kind
    if kind == "binary":
        positive = expit(values)
        return np.hstack([1 - positive, positive])
    if kind == "multiclass":
        relative = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(relative / relative.sum(axis=1, keepdims=True))
    if kind == "ordinal":
        above = expit(values - np.asarray(readout.thresholds if thresholds is None else thresholds))
        edge = np.ones((len(values), 1))
        return np.asarray(-np.diff(np.hstack([edge, above, 0 * edge]), axis=1))
    raise ValueError(f"a readout of the kind {kind} has no classes")
