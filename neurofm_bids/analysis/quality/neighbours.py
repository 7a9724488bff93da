"""Nearest neighbours among scans, and how near those of other people come by chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.components import evenly_chosen

__all__ = ["chance_of_neighbours", "nearest_pairs"]

_Array = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]
_SEARCHED, _NEIGHBOURS = 8, 10  # components and neighbours of the search
_REFERENCE, _LOW_RANK, _RANK = 2000, 3, 10  # scans that distances are compared with, ranks of neighbours
_CHUNK = 2000


def nearest_pairs(scores: _Array) -> tuple[_Places, _Places]:
    """Return pairs of rows that are near each other, the smaller row first, each pair once.

    The ten nearest neighbours of each row in the first eight columns: what is near in all columns is near in
    these, and a search by tree stays fast in them.

    Parameters
    ----------
    scores
        Shape (m, q), columns in descending order of what they explain.
    """
    from scipy.spatial import cKDTree

    leading = np.ascontiguousarray(scores[:, :_SEARCHED])
    k = min(_NEIGHBOURS + 1, len(leading))
    _, near = cKDTree(leading).query(leading, k=k)
    rows = np.repeat(np.arange(len(leading)), k)
    columns = near.reshape(-1)
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    pairs = np.unique((low * len(leading) + high)[low < high])
    return pairs // len(leading), pairs % len(leading)


def chance_of_neighbours(
    scores: _Array, people: npt.NDArray[np.intp], first: _Places, other: _Places
) -> pd.DataFrame:
    """Return for pairs of rows how many pairs of a cohort of strangers would be as near.

    Around a scan, the number of other people's scans within a distance r grows as r**D. D, the intrinsic
    dimension, is estimated from the median ratio of the distances to the third and the tenth nearest of up to
    2000 reference scans (as in Facco et al., Scientific Reports 7, 2017; the third is no copy, even if each
    scan has two), the density from the distance to the tenth. Where the tenth is farther than the median over
    all scans, that median is used, so that the members of a small group apart from the others are not all
    taken for one person. Of the two scans of a pair, the larger number counts.

    Parameters
    ----------
    scores
        Shape (m, q).
    people
        Number of the participant of each row, shape (m,).
    first, other
        Rows of the pairs.

    Returns
    -------
    pandas.DataFrame
        ``first``, ``other``, ``distance`` (root mean square over the columns), ``typical`` (median distance
        to the nearest reference scan of another participant), ``chance``.
    """
    from scipy.stats import beta

    m, q = scores.shape
    reference = evenly_chosen(m, _REFERENCE)
    rank = min(_RANK, max(len(reference) // 5, 2))
    low = min(_LOW_RANK, rank - 1)
    nearest, lower, ranked = _reference_distances(scores, people, reference, (1, low, rank))
    ratio = float(np.median(np.log(np.maximum(lower, 1e-12) / np.maximum(ranked, 1e-12))))
    dimension = float(np.clip(np.log(beta.median(low, rank - low)) / min(ratio, -1e-9), 1, q))
    radius = np.minimum(ranked, np.median(ranked))
    distance = np.linalg.norm(scores[first] - scores[other], axis=1)
    smaller = np.maximum(np.minimum(radius[first], radius[other]), 1e-12)
    chance = m / 2 * m * rank / len(reference) * (distance / smaller) ** dimension
    found = {"first": first, "other": other, "distance": distance / np.sqrt(q)}
    return pd.DataFrame({**found, "typical": np.median(nearest) / np.sqrt(q), "chance": chance})


def _reference_distances(
    scores: _Array, people: npt.NDArray[np.intp], reference: _Places, ranks: tuple[int, ...]
) -> tuple[_Array, ...]:
    """Return the distances of each row to the nearest scans of others of some ranks, shape (m,) each."""
    chosen, squares = scores[reference], (scores[reference] ** 2).sum(axis=1)
    places = [rank - 1 for rank in ranks]
    parts = []
    for start in range(0, len(scores), _CHUNK):
        rows = scores[start : start + _CHUNK]
        squared = (rows**2).sum(axis=1)[:, None] + squares - 2 * rows @ chosen.T
        squared[people[start : start + _CHUNK, None] == people[reference]] = np.inf
        parts.append(np.partition(squared, places, axis=1)[:, places])
    near = np.sqrt(np.maximum(np.vstack(parts), 0))
    return tuple(np.where(np.isfinite(column), column, near[:, 0]) for column in near.T)
