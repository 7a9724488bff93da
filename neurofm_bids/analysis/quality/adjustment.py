"""Values adjusted for age and sex, without adjusting away differences between groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.design import LEAST_KNOWN
from neurofm_bids.records.statistics import SD_PER_MAD

__all__ = ["adjusted", "confounding", "design"]

_STEPS, _TUNING = 10, 1.345  # of Huber's estimator, whose efficiency is then 95 % for normal errors

_Array = npt.NDArray[np.float64]


def design(age: _Array, sex: npt.NDArray[np.object_]) -> tuple[_Array, tuple[str, ...]]:
    """Return the columns that values are adjusted for, shape (n, p), and their names.

    Age and its square, and sex, each if it is known for 80 % of the scans and varies; unknown values count as
    the mean.

    >>> design(np.array([20.0, 30.0, 40.0]), np.array(["F", "F", "F"], dtype=object))[1]
    ('age',)
    """
    columns, names = [], []
    known = np.isfinite(age)
    if known.mean() >= LEAST_KNOWN and np.ptp(age[known]) > 0:
        standard = np.where(known, (age - age[known].mean()) / age[known].std(), 0.0)
        columns += [standard, standard**2]
        names.append("age")
    male = np.select([sex == "M", sex == "F"], [1.0, 0.0], np.nan)
    known = np.isfinite(male)
    if known.mean() >= LEAST_KNOWN and np.ptp(male[known]) > 0:
        columns.append(np.where(known, male - male[known].mean(), 0.0))
        names.append("sex")
    return np.column_stack([*columns, np.zeros((len(age), 0))]), tuple(names)


def adjusted(values: _Array, covariates: _Array, groups: npt.NDArray[np.intp]) -> _Array:
    """Return values without what covariates explain within groups, shape (n,).

    The slopes are estimated together with a level for each group, so that a group that is older keeps its own
    shift. Huber's estimator by iteratively reweighted least squares (Huber, Robust Statistics, 1981).

    Parameters
    ----------
    values
        Shape (n,), finite.
    covariates
        Shape (n, p); p may be 0.
    groups
        Number of the group of each value, shape (n,).
    """
    if not covariates.shape[1]:
        return values
    weights, slopes = np.ones(len(values)), np.zeros(covariates.shape[1])
    for _ in range(_STEPS):
        x, y = (_centred(part, groups, weights) for part in (covariates, values[:, None]))
        root = np.sqrt(weights)[:, None]
        new = np.linalg.lstsq(x * root, (y * root).ravel(), rcond=None)[0]
        rest = (y.ravel() - x @ new) / max(_spread(y.ravel() - x @ new), 1e-30)
        weights = np.minimum(1, _TUNING / np.maximum(np.abs(rest), 1e-30))
        if np.allclose(new, slopes, rtol=1e-3, atol=0):
            break
        slopes = new
    return np.asarray(values - covariates @ new, dtype=np.float64)


def confounding(covariates: _Array, groups: npt.NDArray[np.intp]) -> _Array:
    """Return how much the error of the slopes adds to that of the shift of each group, one number each.

    The standard error of a shift after adjustment, over the one without: it is 1 if the group has the same
    covariates as the others, and large if it lies apart from them, where slopes are extrapolated. By ordinary
    least squares.

    Parameters
    ----------
    covariates, groups
        As those of :func:`adjusted`; groups are numbered from 0 without a gap.
    """
    counts = np.bincount(groups).astype(float)
    if not covariates.shape[1]:
        return np.ones(len(counts))
    others = len(groups) - counts
    sums = np.column_stack([np.bincount(groups, weights=v) for v in covariates.T])
    apart = sums / counts[:, None] - (sums.sum(axis=0) - sums) / np.maximum(others, 1)[:, None]
    within = _centred(covariates, groups, np.ones(len(groups)))
    added = np.einsum("gp,pq,gq->g", apart, np.linalg.pinv(within.T @ within), apart)
    return np.asarray(np.sqrt(1 + added / (1 / counts + 1 / np.maximum(others, 1))), dtype=np.float64)


def _centred(values: _Array, groups: npt.NDArray[np.intp], weights: _Array) -> _Array:
    """Return columns less the weighted mean of their group."""
    total = np.bincount(groups, weights=weights)
    means = [np.bincount(groups, weights=weights * v) / np.maximum(total, 1e-30) for v in values.T]
    return np.asarray(values - np.column_stack(means)[groups], dtype=np.float64)


def _spread(values: _Array) -> float:
    return float(SD_PER_MAD * np.median(np.abs(values - np.median(values))))
