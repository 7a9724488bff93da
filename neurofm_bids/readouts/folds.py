"""Folds of cross-validation: people stay together, classes are spread evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["first_rows", "site_folds", "stratified_folds"]

_Ints = npt.NDArray[np.intp]


def first_rows(people: _Ints) -> _Ints:
    """Return the place of the first row of each person, in order of the numbers of people.

    >>> first_rows(np.array([1, 0, 1, 2]))
    array([1, 0, 3])
    """
    return np.asarray(np.unique(people, return_index=True)[1], dtype=np.intp)


def stratified_folds(people: _Ints, strata: _Ints, count: int, seed: int) -> _Ints:
    """Return the fold of each row, shape (n,), from 0 to ``count`` - 1.

    The people of each stratum, in random order, are dealt to the folds in turn, so that folds differ by at
    most one person of each stratum and by at most one person in all.

    Parameters
    ----------
    people
        Number of the person of each row, shape (n,); all rows of a person get one fold.
    strata
        Class of each row, shape (n,); that of a person is the one of the first row.
    seed
        Of the order.
    """
    names, rows, places = np.unique(people, return_index=True, return_inverse=True)
    of_person = strata[rows]
    order = np.random.default_rng(seed).permutation(len(names))
    dealt = order[np.argsort(of_person[order], kind="stable")]
    folds = np.empty(len(names), dtype=np.intp)
    folds[dealt] = np.arange(len(names)) % count
    return folds[places]


def site_folds(people: _Ints, sites: _Ints) -> _Ints:
    """Return the fold of each row, shape (n,): one for each site.

    Raises
    ------
    ValueError
        A person was scanned at several sites, and would be in training and test.
    """
    pairs = np.unique(np.stack([people, sites]), axis=1)
    if pairs.shape[1] > len(np.unique(people)):
        raise ValueError("some people were scanned at several sites")
    return np.asarray(np.unique(sites, return_inverse=True)[1], dtype=np.intp)
