"""Data frames as tab-separated values, as :mod:`neurofm_bids.storage.tables` writes cells, but fast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.storage.tables import cell, table_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_text"]

_ROWS = 2_000  # of one text


def frame_text(frame: pd.DataFrame, digits: int = 10) -> Iterator[str]:
    r"""Yield a table as TSV, with this number of significant digits: the names, then some rows at a time.

    >>> import pandas as pd
    >>> "".join(frame_text(pd.DataFrame({"a": [1.0, 0.25], "b": ["x", None]})))
    'a\tb\n1\tx\n0.25\tn/a\n'
    """
    yield table_text(frame.columns, [])
    columns = [frame.iloc[:, place].to_numpy() for place in range(frame.shape[1])]
    for start in range(0, len(frame), _ROWS):
        parts = [_cells(column[start : start + _ROWS], digits) for column in columns]
        cells, formats = zip(*parts, strict=True)
        line = "\t".join(formats) + "\n"
        yield "".join([line % row for row in zip(*cells, strict=True)])


def _cells(column: npt.NDArray[np.generic], digits: int) -> tuple[Sequence[object], str]:
    """Return the values of a column, as they are or as texts, and the format with which they are cells."""
    values = column.tolist()
    if column.dtype.kind == "f" and not np.isnan(column).any():
        return values, f"%.{digits}g"
    if column.dtype.kind in "iu":
        return values, "%d"
    return [cell(value, digits) for value in values], "%s"
