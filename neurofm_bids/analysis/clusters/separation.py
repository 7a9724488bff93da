"""Whether clusters are separate: fewer scans between two of them than around either centre."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.partition import Labels

__all__ = ["SEPARATE", "separation_p", "valley_p"]

_Array = npt.NDArray[np.float64]

SEPARATE = 0.05
_BETWEEN, _HALF_BETWEEN, _HALF_AROUND = (0.35, 0.5, 0.65), 0.1, 0.25  # in distances of the two centres


def valley_p(first: _Array, second: _Array) -> float:
    """Return the p value of the hypothesis that two clusters are one, along the line of their centres.

    If the density along the line has one peak, it cannot be lower in an interval than in one on either side.
    Scans in a fifth of the distance between the centres, at three places, are compared with those within a
    quarter of it around each centre: two binomial tests, of which the weaker counts (Berger 1982), times
    three for the places (Bonferroni). It needs no assumption on the shape of a cluster: a continuum, however
    long, curved or skewed, has no valley.

    Parameters
    ----------
    first, second
        Places of the scans of each, shapes (n, m) and (k, m).
    """
    from scipy.stats import binom

    start, line = first.mean(axis=0), second.mean(axis=0) - first.mean(axis=0)
    length = float(line @ line)
    if length == 0:
        return 1.0
    along = np.sort((np.concatenate([first, second]) - start) @ line / length)
    around = [_count(along, centre, _HALF_AROUND) for centre in (0.0, 1.0)]
    share = _HALF_BETWEEN / (_HALF_BETWEEN + _HALF_AROUND)
    smallest = 1.0
    for place in _BETWEEN:
        between = _count(along, place, _HALF_BETWEEN)
        weaker = max(float(binom.cdf(between, between + side, share)) for side in around)
        smallest = min(smallest, weaker)
    return min(1.0, len(_BETWEEN) * smallest)


def _count(ordered: _Array, centre: float, half: float) -> int:
    low, high = np.searchsorted(ordered, (centre - half, centre + half))
    return int(high - low)


def separation_p(places: _Array, labels: Labels) -> _Array:
    """Return the largest :func:`valley_p` of each cluster and another, shape (number,); 1 for one alone."""
    number = labels.max()
    largest = np.full(number, 0.0 if number > 1 else 1.0)
    for one, other in combinations(range(number), 2):
        p = valley_p(places[labels == one + 1], places[labels == other + 1])
        largest[[one, other]] = np.maximum(largest[[one, other]], p)
    return largest
