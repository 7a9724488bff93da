"""How many clusters there are, and whether they are stable and separate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.partition import (
    NOISE,
    Labels,
    Method,
    by_size,
    hdbscan,
    kmeans,
    nearest_label,
)
from neurofm_bids.analysis.clusters.separation import SEPARATE, separation_p
from neurofm_bids.analysis.clusters.stability import STABLE, jaccard
from neurofm_bids.readouts.threads import one_thread

__all__ = [
    "DENSITY_SAMPLE", "LEAST_PER_CLUSTER", "SAMPLE", "Clustering", "find_clusters", "search_density",
    "search_kmeans",
]  # fmt: skip

_Array = npt.NDArray[np.float64]

SAMPLE = 2000  # scans that are resampled, and of which silhouettes are computed
DENSITY_SAMPLE = 10_000  # scans whose density is computed
_STARTS_OF_RESAMPLE = 3
LEAST_PER_CLUSTER = 5  # scans


@dataclass(frozen=True)
class Clustering:
    """One way to divide scans into clusters.

    Parameters
    ----------
    method
        ``kmeans`` or ``hdbscan``.
    labels
        Of n scans, shape (n,).
    similarity
        Mean Jaccard similarity of each cluster under resampling; NaN where not resampled.
    separation
        Largest p value of each cluster and another being one.
    silhouette
        Mean silhouette of each cluster (Rousseeuw 1987).
    is_chosen
        Whether its labels are in the table of scans.
    """

    method: str
    labels: Labels
    similarity: _Array
    separation: _Array
    silhouette: _Array
    is_chosen: bool = False

    @property
    def number(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=0))

    def are_real(self, level: float) -> npt.NDArray[np.bool_]:
        """Tell which clusters are stable, and separate at a level of significance."""
        return np.asarray((self.similarity >= STABLE) & (self.separation < level))


def find_clusters(
    places: _Array, methods: Sequence[str], numbers: tuple[int, int], seed: int = 0
) -> list[Clustering]:
    """Return what :func:`search_kmeans` and :func:`search_density` find, for the methods that are named."""
    tried: list[Clustering] = []
    if "kmeans" in methods:
        tried += search_kmeans(places, numbers, seed)
    if "hdbscan" in methods:
        tried += search_density(places, seed)
    return tried


@one_thread()
def search_kmeans(places: _Array, numbers: tuple[int, int], seed: int = 0) -> list[Clustering]:
    """Return clusterings by k-means of each number, and the one that is chosen.

    Chosen is the largest number of which every cluster is stable (mean Jaccard similarity of at least
    0.75), and separate from every other one (p below 0.05 over the count of numbers tried); otherwise one
    cluster. Where only one number is allowed, it is chosen.

    Parameters
    ----------
    places
        Shape (n, m).
    numbers
        Least and greatest number; those for which there are fewer than five scans per cluster are not tried.
    """
    low, high = numbers
    tried = [_one("kmeans", places)]
    wanted = range(low, min(high, len(places) // LEAST_PER_CLUSTER) + 1)
    for number in wanted:
        labels = kmeans(places, number, seed)
        again = partial(_kmeans_again, number=number)
        tried.append(_measured("kmeans", places, labels, again, seed))
    if low == high and len(tried) > 1:
        return _with_choice(tried, 1)
    level = SEPARATE / max(len(wanted), 1)
    passing = [place for place, one in enumerate(tried) if place and one.are_real(level).all()]
    return _with_choice(tried, max(passing, default=0))


@one_thread()
def search_density(places: _Array, seed: int = 0) -> list[Clustering]:
    """Return the clustering by HDBSCAN, and the one that is chosen.

    Chosen are the clusters that are stable and separate, as in :func:`search_kmeans`, if there are at least
    two; scans of others are noise. Otherwise one cluster is. Clusters of more than 10,000 scans are those of
    as many, drawn at random; other scans belong to the cluster of the nearest of these.
    """
    rows = _drawn(len(places), DENSITY_SAMPLE, seed)
    own = hdbscan(places[rows])
    labels = own if len(rows) == len(places) else nearest_label(places, places[rows], own)
    single = _one("hdbscan", places)
    if labels.max(initial=0) < 2:
        return _with_choice([single], 0)
    found = _measured("hdbscan", places, labels, _density_again, seed, replace=False)
    real = np.flatnonzero(found.are_real(SEPARATE)) + 1
    if len(real) < 2:
        return _with_choice([single, found], 0)
    if len(real) == found.number:
        return _with_choice([single, found], 1)
    left = by_size(np.where(np.isin(labels, real), labels, NOISE - 1))
    similarity, separation, silhouette = (
        values[real - 1] for values in (found.similarity, found.separation, found.silhouette)
    )
    kept = Clustering("hdbscan", left, similarity, separation, silhouette)
    return _with_choice([single, found, kept], 2)


def _one(method: str, places: _Array) -> Clustering:
    nothing = np.full(1, np.nan)
    return Clustering(method, np.ones(len(places), dtype=np.intp), nothing, nothing, nothing)


def _kmeans_again(places: _Array, seed: int, number: int) -> Labels:
    return kmeans(places, number, seed, _STARTS_OF_RESAMPLE)


def _density_again(places: _Array, seed: int) -> Labels:
    return hdbscan(places)


def _measured(
    method: str, places: _Array, labels: Labels, again: Method, seed: int, *, replace: bool = True
) -> Clustering:
    rows = _drawn(len(places), SAMPLE, seed)
    similarity = jaccard(places[rows], labels[rows], again, seed=seed, replace=replace)
    number = labels.max()
    return Clustering(
        method,
        labels,
        _filled(similarity, number),
        separation_p(places, labels),
        _silhouettes(places[rows], labels[rows], number),
    )


def _filled(values: _Array, number: int) -> _Array:
    """Return one value per cluster, 0 for those of which no scan was drawn."""
    return np.concatenate([values, np.zeros(number - len(values))])


def _silhouettes(places: _Array, labels: Labels, number: int) -> _Array:
    from sklearn.metrics import silhouette_samples

    member = labels != NOISE
    if len(np.unique(labels[member])) < 2:
        return np.full(number, np.nan)
    values = np.full(len(labels), np.nan)
    values[member] = silhouette_samples(places[member], labels[member])
    return np.array(
        [values[labels == one].mean() if (labels == one).any() else np.nan for one in range(1, number + 1)]
    )


def _drawn(n: int, most: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the rows of at most so many scans, drawn at random, in their order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _with_choice(tried: Sequence[Clustering], chosen: int) -> list[Clustering]:
    return [replace(one, is_chosen=place == chosen) for place, one in enumerate(tried)]
