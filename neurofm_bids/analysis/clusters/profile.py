"""What distinguishes clusters: the table of their differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.association import categories_of, cramers_v
from neurofm_bids.analysis.clusters.difference import adjusted_difference
from neurofm_bids.analysis.clusters.partition import Labels
from neurofm_bids.readouts.columns import numbers, texts
from neurofm_bids.readouts.permutation import holm_values

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROFILE_COLUMNS", "cluster_profile"]

_Array = npt.NDArray[np.float64]
_Row = tuple[object, ...]

PROFILE_COLUMNS = (
    "cluster",
    "kind",
    "measure",
    "effect",
    "effect_size",
    "lower95",
    "upper95",
    "n_cluster",
    "n_rest",
    "p",
    "p_holm",
    "adjusted_for",
)
_MOST_CODES = 10  # different numbers in a column of the dataset that may be codes of categories
_P, _P_HOLM = PROFILE_COLUMNS.index("p"), PROFILE_COLUMNS.index("p_holm")


def cluster_profile(
    table: pd.DataFrame, labels: Labels, kinds: Mapping[str, str], adjust: Mapping[str, _Array]
) -> pd.DataFrame:
    """Return how each cluster differs from all other scans, in each column.

    Columns of numbers are compared by :func:`~neurofm_bids.analysis.clusters.difference.adjusted_difference`,
    and columns of categories, once for all clusters, by
    :func:`~neurofm_bids.analysis.clusters.association.cramers_v`. p values are adjusted for their number by
    Holm's method.

    The clusters were made from the same scans: p values of what they were made from, and of what goes with
    it, are small even where there are no clusters. They rank differences, and prove none.

    Parameters
    ----------
    table
        n scans, of n different people.
    labels
        Their clusters, shape (n,); scans in none count among the others.
    kinds
        The columns to compare, and the kind of each for the column ``kind``.
    adjust
        Numbers by name that differences are adjusted for, shape (n,) each: a column of the same name is not
        adjusted for itself.

    Returns
    -------
    Columns :data:`PROFILE_COLUMNS`, ordered by cluster, kind and measure.
    """
    import pandas as pd

    rows: list[_Row] = []
    for column, kind in kinds.items():
        values, categories = _read(table[column], kind)
        if values is not None:
            rows += _differences(column, kind, values, labels, adjust)
        elif categories:
            found = cramers_v(labels, categories)
            effect = ("cramers_v", found.value, np.nan, np.nan, None, None, found.p, np.nan, "")
            rows.append((None, kind, column, *effect))
    adjusted = holm_values(np.array([row[_P] for row in rows], dtype=np.float64))
    whole = [(*row[:_P_HOLM], p, *row[_P_HOLM + 1 :]) for row, p in zip(rows, adjusted, strict=True)]
    frame = pd.DataFrame(sorted(whole, key=_cluster_of), columns=list(PROFILE_COLUMNS), dtype=object)
    numeric = ["effect_size", "lower95", "upper95", "p", "p_holm"]
    return frame.astype(dict.fromkeys(numeric, np.float64))


def _cluster_of(row: _Row) -> int:
    return row[0] if isinstance(row[0], int) else 0


def _read(column: pd.Series, kind: str) -> tuple[_Array | None, tuple[str, ...]]:
    """Return a column as numbers, or as categories; neither if nothing is known, or if it has names."""
    if column.isna().all():
        return None, ()
    if column.dtype.kind == "f":
        return column.to_numpy(np.float64), ()
    cells = texts(column)
    values, distinct = numbers(cells), set(cells) - {""}
    if values is not None and (kind != "column" or len(distinct) > _MOST_CODES):
        return values, ()
    return None, cells if categories_of(cells) else ()


def _differences(
    column: str, kind: str, values: _Array, labels: Labels, adjust: Mapping[str, _Array]
) -> list[_Row]:
    others = {name: known for name, known in adjust.items() if name != column}
    design = np.column_stack([*others.values(), np.empty((len(labels), 0))])
    rows: list[_Row] = []
    for cluster in range(1, labels.max() + 1):
        one = adjusted_difference(values, labels == cluster, design)
        effect = ("smd", one.value, one.lower, one.upper, one.n_cluster, one.n_rest, one.p, np.nan)
        rows.append((cluster, kind, column, *effect, ", ".join(others)))
    return rows
