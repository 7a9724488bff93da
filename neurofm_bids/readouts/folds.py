"""Folds of cross-validation: blocks of scans, such as people, stay together, classes are spread evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["blocks_with", "first_rows", "site_folds", "stratified_folds"]

_Ints = npt.NDArray[np.intp]


def first_rows(people: _Ints) -> _Ints:
    """Return the place of the first row of each person, in order of the numbers of people.

    >>> first_rows(np.array([1, 0, 1, 2]))
    array([1, 0, 3])
    """
    return np.asarray(np.unique(people, return_index=True)[1], dtype=np.intp)


def blocks_with(blocks: _Ints, classes: _Ints, count: int) -> _Ints:
    """Return the number of blocks that have a row of each of ``count`` classes.

    >>> blocks_with(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    array([1, 2, 0])
    """
    pairs = np.unique(np.stack([blocks, classes]), axis=1)
    return np.asarray(np.bincount(pairs[1], minlength=count), dtype=np.intp)


def stratified_folds(blocks: _Ints, strata: _Ints, count: int, seed: int) -> _Ints:
    """Return the fold of each row, shape (n,), from 0 to ``count`` - 1.

    The blocks of each stratum, in random order, are dealt to the folds in turn, so that folds differ by at
    most one block of each stratum and by at most one block in all.

    Parameters
    ----------
    blocks
        Number of the block of each row, such as the person, shape (n,); all rows of a block get one fold.
    strata
        Class of each row, shape (n,); that of a block is the rarest of its rows, of equal ones the first.
    seed
        Of the order.
    """
    names, places = np.unique(blocks, return_inverse=True)
    rarity = np.unique(strata, return_inverse=True, return_counts=True)
    by_block = np.lexsort((rarity[2][rarity[1]], places))
    of_block = strata[by_block[first_rows(places[by_block])]]
    order = np.random.default_rng(seed).permutation(len(names))
    dealt = order[np.argsort(of_block[order], kind="stable")]
    folds = np.empty(len(names), dtype=np.intp)
    folds[dealt] = np.arange(len(names)) % count
    return folds[places]


def site_folds(blocks: _Ints, sites: _Ints) -> _Ints:
    """Return the fold of each row, shape (n,): one for each site.

    Raises
    ------
    ValueError
        A block was scanned at several sites, and would be in training and test.
    """
    pairs = np.unique(np.stack([blocks, sites]), axis=1)
    if pairs.shape[1] > len(np.unique(blocks)):
        raise ValueError("some blocks were scanned at several sites")
    return np.asarray(np.unique(sites, return_inverse=True)[1], dtype=np.intp)
