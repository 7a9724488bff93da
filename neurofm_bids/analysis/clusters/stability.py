"""Stability of clusters under resampling of the scans."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.partition import Labels, Method
from neurofm_bids.readouts.threads import one_thread

__all__ = ["RESAMPLES", "STABLE", "UNSTABLE", "jaccard", "verdict"]

_Array = npt.NDArray[np.float64]

RESAMPLES = 50
STABLE, UNSTABLE = 0.75, 0.6


@one_thread()
def jaccard(places: _Array, labels: Labels, method: Method, *, seed: int = 0, replace: bool = True) -> _Array:
    """Return the mean Jaccard similarity of each cluster to the most similar one of resampled scans.

    Hennig (2007, Computational Statistics & Data Analysis 52:258): scans are resampled
    :data:`RESAMPLES` times and clustered anew, and each cluster is compared, among the scans drawn, with the
    new cluster that is most like it.

    Parameters
    ----------
    places
        Shape (n, m).
    labels
        Of the places, shape (n,).
    method
        Clusters places, given a seed.
    replace
        Whether scans are drawn with replacement (bootstrap); otherwise half of them are drawn without, for
        methods by which a scan that is drawn twice is a dense place.

    Returns
    -------
    Shape (number of clusters,), between 0 and 1.
    """
    random, n = np.random.default_rng(seed), len(places)
    found = np.zeros((RESAMPLES, labels.max()))
    for draw in range(RESAMPLES):
        rows = np.sort(random.choice(n, n if replace else n // 2, replace=replace))
        found[draw] = _most_alike(labels[rows], method(places[rows], draw), labels.max())
    return np.asarray(found.mean(axis=0))


def _most_alike(labels: Labels, others: Labels, number: int) -> _Array:
    shared = np.zeros((number + 1, others.max(initial=0) + 1))
    np.add.at(shared, (labels, others), 1)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0) - shared
    similar = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return np.asarray(similar[1:, 1:].max(axis=1, initial=0))


def verdict(similarity: float) -> str:
    """Return stable, doubtful or unstable, by the limits of Hennig (2008).

    >>> verdict(0.8), verdict(0.7), verdict(0.5)
    ('stable', 'doubtful', 'unstable')
    """
    if similarity >= STABLE:
        return "stable"
    return "doubtful" if similarity >= UNSTABLE else "unstable"
