"""Columns of a table as the terms of a linear model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.columns import numbers, texts

__all__ = ["LEAST_KNOWN", "LEAST_OF_LEVEL", "Terms", "complete", "independent", "terms_of"]

_Array = npt.NDArray[np.float64]

LEAST_OF_LEVEL = 10  # people: errors that are clustered by people are too small for fewer
LEAST_KNOWN = 0.8  # share of rows of what is adjusted for unasked


@dataclass(frozen=True)
class Terms:
    """The terms of one column.

    Parameters
    ----------
    column
        Name of the column.
    names
        Of the k terms: the column, or ``column[level]`` for each level but the reference.
    values
        Shape (n, k); NaN in rows where the column is not known.
    reference
        The level that others are compared with; empty for a column of numbers.
    rare
        Levels of fewer than :data:`LEAST_OF_LEVEL` people, which count as not known.
    """

    column: str
    names: tuple[str, ...]
    values: _Array
    reference: str = ""
    rare: tuple[str, ...] = ()

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Rows in which the column is known, shape (n,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def levels(self) -> tuple[str, ...]:
        """Level of each term; empty for a column of numbers."""
        return tuple(name[len(self.column) + 1 : -1] for name in self.names) if self.reference else ()


def terms_of(
    column: str,
    values: Iterable[Any],
    categories: Collection[str] = (),
    references: Collection[str] = (),
    people: npt.NDArray[np.intp] | None = None,
) -> Terms:
    """Return the terms of a column: its numbers if all known values are numbers, otherwise its levels.

    Parameters
    ----------
    values
        Of n rows; None, NaN, empty and ``n/a`` are not known.
    categories
        Columns that are levels although their values are numbers.
    references
        Levels of which the most frequent one is the reference; without any that is frequent enough, it is the
        most frequent of all.
    people
        Number of the person of each row, shape (n,); all differ if absent.

    >>> terms_of("moca", ["28", "n/a", "30"]).values.ravel()
    array([28., nan, 30.])
    >>> terms_of("sex", ["F"] * 11 + ["M"] * 10).names
    ('sex[M]',)
    """
    cells = texts(values)
    numeric = None if column in categories else numbers(cells)
    if numeric is not None:
        return Terms(column, (column,), numeric[:, None])
    persons = range(len(cells)) if people is None else people.tolist()
    counts = Counter(cell for cell, _ in {*zip(cells, persons, strict=True)} if cell)
    frequent = sorted(level for level, count in counts.items() if count >= LEAST_OF_LEVEL)
    rare = tuple(sorted(counts.keys() - set(frequent)))
    if not frequent:
        return Terms(column, (), np.full((len(cells), 0), np.nan), rare=rare)
    preferred = [level for level in frequent if level in references]
    reference = max(preferred or frequent, key=lambda level: counts[level])
    others = [level for level in frequent if level != reference]
    known = np.isin(cells, frequent)
    matrix = np.array([[cell == level for level in others] for cell in cells], dtype=np.float64)
    matrix = matrix.reshape(len(cells), len(others))
    matrix[~known] = np.nan
    return Terms(column, tuple(f"{column}[{level}]" for level in others), matrix, reference, rare)


def independent(matrix: _Array, tolerance: float = 1e-8) -> npt.NDArray[np.bool_]:
    """Tell which columns do not follow from a constant and the columns before them, shape (k,).

    >>> independent(np.array([[1.0, 0, 1], [2, 0, 2], [4, 0, 5]]))
    array([ True, False,  True])
    """
    centred = matrix - matrix.mean(axis=0)
    scale = np.linalg.norm(centred, axis=0)
    left = centred / np.where(scale > tolerance * (1 + np.abs(matrix).max(axis=0, initial=0)), scale, np.inf)
    kept = np.zeros(matrix.shape[1], dtype=bool)
    for place in range(matrix.shape[1]):
        size = np.linalg.norm(left[:, place])
        if size > tolerance:
            kept[place] = True
            direction = left[:, place] / size
            left -= np.outer(direction, direction @ left)
    return kept


def complete(parts: Sequence[Terms]) -> npt.NDArray[np.bool_]:
    """Return the rows in which all columns are known, shape (n,)."""
    return np.asarray(np.logical_and.reduce([part.known for part in parts]), dtype=bool)
