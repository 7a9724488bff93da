"""Pairs of scans of one person, and how much such scans differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.quality.components import robust_scale

__all__ = ["PairModel", "fit_pairs", "person_pairs"]

_Array = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]
# Before any pair is seen: the standard deviation of a difference, over that between people, and the number
# of pairs that this counts as. The simulated second scans of benchmarks/resaved_scans.py differ by less.
_EXPECTED, _WEIGHT = 0.3, 10
_PER_COMPONENT = 3  # pairs for each component from which their covariance is estimated
_KEPT = 0.8  # share of the pairs, the closest ones, from which it is estimated
_FREEDOM = 24  # of the t distribution: some scans differ much more than others
_STRANGERS = np.sqrt(2.0)  # standard deviation of differences of components with a standard deviation of 1
_MOST_SCANS = 30  # of one person, that are compared with one another


@dataclass(frozen=True)
class PairModel:
    """Differences of scores of one person's scans: ``axes`` (q, q) turn them, ``scale`` (q,) is their spread.

    Both hypotheses, one person and two people, are multivariate t distributions with 24 degrees of freedom.
    """

    axes: _Array
    scale: _Array

    def log_ratio(self, differences: _Array) -> _Array:
        """Return the logarithm of the likelihood ratio of two people to one person, shape (n,).

        Parameters
        ----------
        differences
            Of the scores of two scans, shape (n, q).
        """
        return self.log_ratio_of_turned(differences @ self.axes)

    def log_ratio_of_turned(self, turned: _Array) -> _Array:
        """Return the same of differences along the axes, shape (n, q)."""
        return _log_density(turned, np.full_like(self.scale, _STRANGERS)) - _log_density(turned, self.scale)


def person_pairs(people: npt.NDArray[np.intp]) -> tuple[_Places, _Places]:
    """Return the places of all pairs of scans of one person, the earlier scan first.

    Of more than 30 scans of a person, the first 30 are paired.

    >>> person_pairs(np.array([0, 1, 0, 0]))[1].tolist()
    [2, 3, 3]
    """
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    groups = [np.sort(group)[:_MOST_SCANS] for group in np.split(order, starts[1:]) if len(group) > 1]
    if not groups:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    pairs = [(group[i], group[j]) for group in groups for j in range(len(group)) for i in range(j)]
    first, second = np.array(pairs, dtype=np.intp).T
    return first, second


def fit_pairs(differences: _Array) -> PairModel:
    """Return how much scans of one person differ.

    The axes are those of the covariance of the spatial signs if there are three pairs for each component, of
    the 80 % that differ least along the components: pairs of two exchanged people differ in one direction,
    which would else be an axis of its own, on which honest pairs hardly differ. Scales are robust, and shrunk
    to 0.3 of the spread between people by the weight of ten pairs.

    Parameters
    ----------
    differences
        Between two scans of each person, shape (m, q), m may be 0; up to a fifth may be of two people.
    """
    m, q = differences.shape
    axes = np.eye(q)
    if m >= _PER_COMPONENT * q:
        size = ((differences / _scale(differences)) ** 2).sum(axis=1)
        kept = differences[np.argsort(size, kind="stable")[: int(np.ceil(_KEPT * m))]]
        signs = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-30)
        axes = np.linalg.eigh(signs.T @ signs)[1]
    return PairModel(axes, _scale(differences @ axes))


def _scale(turned: _Array) -> _Array:
    """Return the robust scale of differences along each column, shrunk to what is expected, shape (q,)."""
    m, q = turned.shape
    found = robust_scale(np.vstack([turned, -turned]))[1] if m else np.zeros(q)
    variance = (_WEIGHT * _EXPECTED**2 + m * found**2) / (_WEIGHT + m)
    return np.asarray(np.minimum(np.sqrt(variance), _STRANGERS))


def _log_density(values: _Array, scale: _Array) -> _Array:
    """Return the logarithm of the density of a t distribution, but for a constant."""
    size = ((values / scale) ** 2).sum(axis=1)
    return np.asarray(
        -np.log(scale).sum() - (_FREEDOM + values.shape[1]) / 2 * np.log1p(size / _FREEDOM), dtype=np.float64
    )
