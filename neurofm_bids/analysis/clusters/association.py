"""Whether clusters go with a column of categories, such as site or sex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Association", "categories_of", "cramers_v"]

_Array = npt.NDArray[np.float64]

_MOST_CATEGORIES = 30
_EXPECTED = 5  # scans in each cell of a table from which chi-squared is trusted (Cochran 1954)
_TABLES = 9999


@dataclass(frozen=True)
class Association:
    """Cramer's V of two columns of categories, its p value, and the scans of which both are known."""

    n: int
    value: float = np.nan
    p: float = np.nan


def cramers_v(clusters: npt.NDArray[np.integer], categories: Sequence[str], seed: int = 0) -> Association:
    """Return Cramer's V of clusters and categories.

    V is corrected for bias (Bergsma 2013): its mean is near 0 without association, and 1 is complete
    association. p is that of chi-squared; where a cell expects fewer than five scans, that of 9,999 random
    tables of the same margins.

    Parameters
    ----------
    clusters
        Shape (n,).
    categories
        Of the same scans; empty where not known.
    """
    from scipy.stats import chi2_contingency, random_table

    known = np.array([bool(name) for name in categories], dtype=bool)
    names = np.array(categories, dtype=object)[known]
    _, row = np.unique(clusters[known], return_inverse=True)
    _, column = np.unique(names.astype(str), return_inverse=True)
    n, shape = int(known.sum()), (int(row.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1)
    if min(shape) < 2:
        return Association(n)
    table = np.zeros(shape)
    np.add.at(table, (row, column), 1)
    tested = chi2_contingency(table, correction=False)
    p = float(tested.pvalue)
    if tested.expected_freq.min() < _EXPECTED:
        margins = table.sum(axis=1).astype(int), table.sum(axis=0).astype(int)
        drawn = random_table(*margins).rvs(_TABLES, random_state=np.random.default_rng(seed))
        squared = ((drawn - tested.expected_freq) ** 2 / tested.expected_freq).sum(axis=(1, 2))
        p = (1 + int((squared >= tested.statistic * (1 - 1e-9)).sum())) / (1 + _TABLES)
    return Association(n, _corrected(float(tested.statistic), n, shape), p)


def _corrected(statistic: float, n: int, shape: tuple[int, int]) -> float:
    rows, columns = shape
    chance = (rows - 1) * (columns - 1) / (n - 1)
    smaller = min(size - (size - 1) ** 2 / (n - 1) for size in (rows, columns)) - 1
    return float(np.sqrt(max(0.0, statistic / n - chance) / smaller)) if smaller > 0 else float("nan")


def categories_of(texts: Sequence[str]) -> bool:
    """Tell whether texts are categories: 2 to 30 different ones, each of two scans on average.

    >>> categories_of(["a", "b", "a", "b"]), categories_of(["a", "b", "c", "d"])
    (True, False)
    """
    known = [text for text in texts if text]
    return 2 <= len(set(known)) <= min(_MOST_CATEGORIES, len(known) // 2)
