"""Clusters of places by k-means, and by density."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = [
    "NOISE",
    "Labels",
    "Method",
    "centres_of",
    "hdbscan",
    "kmeans",
    "least_size",
    "nearest_centre",
    "nearest_label",
]

_Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]  # numbers of clusters from 1, the largest first
Method = Callable[[_Array, int], Labels]  # of places and a seed

NOISE = 0  # label of scans in no cluster
_STARTS = 10
_SHARE_OF_CLUSTER, _LEAST_OF_CLUSTER = 0.05, 5


def kmeans(places: _Array, number: int, seed: int = 0, starts: int = _STARTS) -> Labels:
    """Return the clusters of k-means (Lloyd 1982; k-means++), the best of several starts.

    Parameters
    ----------
    places
        Shape (n, m), of at least ``number`` rows.
    """
    from sklearn.cluster import KMeans

    return by_size(KMeans(number, n_init=starts, random_state=seed).fit(places).labels_)


def hdbscan(places: _Array, least: int | None = None) -> Labels:
    """Return the clusters of HDBSCAN (Campello, Moulavi and Sander 2013), and :data:`NOISE`.

    Parameters
    ----------
    places
        Shape (n, m).
    least
        The smallest cluster; by default that of :func:`least_size`.
    """
    from sklearn.cluster import HDBSCAN

    least = least or least_size(len(places))
    if len(places) < least:
        return np.zeros(len(places), dtype=np.intp)
    found = HDBSCAN(min_cluster_size=least, min_samples=_LEAST_OF_CLUSTER, copy=True).fit(places)
    return by_size(found.labels_)


def least_size(n: int) -> int:
    """Return the number of scans of the smallest cluster that is looked for: 5%, and at least 5.

    >>> least_size(40), least_size(1000)
    (5, 50)
    """
    return max(_LEAST_OF_CLUSTER, round(_SHARE_OF_CLUSTER * n))


def by_size(labels: npt.NDArray[np.integer]) -> Labels:
    """Return labels numbered from 1 by size; those below 0 become :data:`NOISE`."""
    names, first, counts = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    ranked = names[np.lexsort((first, -counts))]
    numbered = np.zeros(len(labels), dtype=np.intp)
    for number, name in enumerate(ranked, start=1):
        numbered[labels == name] = number
    return numbered


def centres_of(places: _Array, labels: Labels) -> _Array:
    """Return the mean place of each cluster, shape (number, m)."""
    return np.array([places[labels == number].mean(axis=0) for number in range(1, labels.max() + 1)])


def nearest_centre(places: _Array, centres: _Array) -> Labels:
    """Return the cluster whose centre is nearest to each place."""
    distances = np.column_stack([((places - centre) ** 2).sum(axis=1) for centre in centres])
    return np.asarray(distances.argmin(axis=1) + 1, dtype=np.intp)


def nearest_label(places: _Array, others: _Array, labels: Labels) -> Labels:
    """Return the label of the nearest of other places, whose labels are given, for each place."""
    from scipy.spatial import cKDTree

    return np.asarray(labels[cKDTree(others).query(places)[1]], dtype=np.intp)
