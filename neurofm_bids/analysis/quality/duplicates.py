"""Duplicates: one image under two names, as it was or saved in another way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.quality.fingerprint import Fingerprints
from neurofm_bids.analysis.quality.neighbours import chance_of_neighbours, nearest_pairs
from neurofm_bids.analysis.quality.pairs import person_pairs

__all__ = ["exact_duplicates", "resaved_duplicates", "same_brains", "share_that_agrees"]

_Places = npt.NDArray[np.intp]
_LEAST_PAIRS = 20
_TYPICAL, _LEAST_TYPICAL = 0.1, 0.02  # robust standard deviations
_CLOSER = 0.1  # of the typical difference between scans of one person
_LEAST_SHARE = 0.5
_LEAST_CHANCE = 0.01  # pairs of honest scans that are expected in a cohort


def exact_duplicates(features: npt.NDArray[np.floating]) -> pd.DataFrame:
    """Return the scans whose features are equal to the last bit to those of an earlier scan.

    A copy with another name, another place in the scanner or another compression has the same features.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``other``: rows of the features; the first scan of a group is paired with each other.
    """
    rows = np.ascontiguousarray(features + 0.0)  # the two zeros of floating point are one
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    firsts = first[inverse]
    other = np.flatnonzero(firsts != np.arange(len(rows)))
    return pd.DataFrame({"first": firsts[other], "other": other})


def resaved_duplicates(prints: Fingerprints, people: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return pairs of scans that are closer than two scans of one brain can be.

    Half of all numbers (features, volumes, image quality metrics) or more must differ by less than a tenth of
    what is typical of two scans of one person: the median over the pairs of the cohort if there are 20 or
    more, else 0.1 robust standard deviations.

    Parameters
    ----------
    people
        Number of the participant of each fingerprint, shape (m,).

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``other`` (rows of the fingerprints), ``share`` of the numbers that agree.
    """
    own = person_pairs(people)
    near = nearest_pairs(prints.scores)
    first, other = (np.concatenate(both) for both in zip(own, near, strict=True))
    pairs = pd.DataFrame({"first": first, "other": other}).drop_duplicates()
    differences = np.abs(prints.numbers[own[0]] - prints.numbers[own[1]])
    typical = np.full(prints.numbers.shape[1], _TYPICAL)
    if len(differences) >= _LEAST_PAIRS:
        typical = np.nan_to_num(np.nanmedian(differences, axis=0), nan=_TYPICAL)
    share = share_that_agrees(prints.numbers, pairs, np.maximum(typical, _LEAST_TYPICAL) * _CLOSER)
    return pairs.assign(share=share)[share >= _LEAST_SHARE].sort_values(["first", "other"], ignore_index=True)


def share_that_agrees(
    numbers: npt.NDArray[np.floating], pairs: pd.DataFrame, tolerance: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Return for each pair the share of the numbers known of both that differ by less than a tolerance."""
    share = np.zeros(len(pairs))
    first, other = pairs["first"].to_numpy(), pairs["other"].to_numpy()
    for start in range(0, len(pairs), 10_000):
        part = slice(start, start + 10_000)
        differences = np.abs(numbers[first[part]] - numbers[other[part]])
        known = np.isfinite(differences).sum(axis=1)
        share[part] = (differences < tolerance).sum(axis=1) / np.maximum(known, 1)
    return share


def same_brains(prints: Fingerprints, people: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return pairs of scans of two participants that are closer than brains of two people.

    The chance of a pair is the number of honest pairs of the cohort that would be as close
    (:func:`~neurofm_bids.analysis.quality.neighbours.chance_of_neighbours`); those with less than 0.01 are
    returned.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``other`` (rows of the fingerprints), ``distance`` (robust standard deviations, root
        mean square over the components), ``typical`` (median distance to the nearest scan of another
        participant), ``chance``.
    """
    first, other = nearest_pairs(prints.scores)
    strangers = people[first] != people[other]
    found = chance_of_neighbours(prints.scores, people, first[strangers], other[strangers])
    return found[found["chance"] < _LEAST_CHANCE].reset_index(drop=True)
