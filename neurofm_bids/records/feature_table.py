"""The table of the features of one scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.records.columns import feature_columns
from neurofm_bids.storage.tables import read_tsv

__all__ = ["read_features"]


def read_features(path: Path) -> NDArray[np.float32]:
    """Return the features of a scan from its table, shape (n,).

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It does not have one row of finite features.
    """
    columns, rows = read_tsv(path)
    if len(rows) != 1 or tuple(columns) != feature_columns(len(columns)) or "" in rows[0].values():
        raise ValueError("the table does not have exactly one row with the columns f000, f001, ...")
    values = np.array(list(rows[0].values()), dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a feature is not finite")
    return values
