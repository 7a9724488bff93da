"""Tables as Parquet, and rows of texts and bytes in one file, both by Apache Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.storage.atomic import whole_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["read_rows", "write_parquet", "write_rows"]

_ROWS = 5_000  # that are read or written at once
_DETAILS = b"details"


def write_parquet(path: Path, frame: pd.DataFrame, about: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a table as Parquet, whole or not at all; equal tables give equal bytes.

    Numbers, bools and texts keep their types; whole numbers beside others, or that do not fit into 64 bits,
    become double. A column with cells of several types becomes text. One without any cell is double if its
    metadata have ``Units``, otherwise text.

    Parameters
    ----------
    about
        Metadata of columns by name: texts as they are, other values as JSON.

    Raises
    ------
    NeuroFMError
        The file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    arrays = [
        _array(frame.iloc[:, place], pa.float64() if "Units" in about.get(name, {}) else pa.string())
        for place, name in enumerate(frame.columns)
    ]
    fields = [
        pa.field(_known(name), array.type, metadata=_metadata(about.get(name, {})))
        for name, array in zip(frame.columns, arrays, strict=True)
    ]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    texts = [field.name for field in fields if pa.types.is_string(field.type)]
    with whole_file(path) as stream:
        parquet.write_table(table, stream, compression="zstd", use_dictionary=texts, write_statistics=texts)


def _array(column: pd.Series[Any], of_none: pa.DataType) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    if column.dtype.kind in "fiub":
        return pa.Array.from_pandas(column)
    cells = [None if pd.isna(cell) is True else _plain(cell) for cell in column.tolist()]
    kinds = {type(cell) for cell in cells} - {type(None)}
    if not kinds:
        return pa.array(cells, of_none)
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds <= {int, float}:
        return _number_array(cells)
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _plain(cell: object) -> object:
    """Return a scalar of NumPy as one of Python."""
    import numpy as np

    return cell.item() if isinstance(cell, np.generic) else cell


def _number_array(cells: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    if all(cell is None or (isinstance(cell, int) and -(2**63) <= cell < 2**63) for cell in cells):
        return pa.array(cells, pa.int64())
    try:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    except OverflowError:
        return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: object) -> str:
    return _known(cell if isinstance(cell, str) else json.dumps(cell, default=str))


def _known(text: str) -> str:
    return text.encode(errors="replace").decode()


def _metadata(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in entry.items()}


def write_rows(path: Path, rows: Iterable[Sequence[Any]], names: Mapping[str, str], details: str) -> None:
    """Write rows of texts, whole numbers and bytes, whole or not at all.

    Parameters
    ----------
    names
        Of the columns, and their types: ``string``, ``int32``, ``binary``.
    details
        A text that belongs to all rows.

    Raises
    ------
    NeuroFMError
        The file cannot be written.
    """
    import pyarrow as pa

    schema = pa.schema(
        [(name, pa.type_for_alias(kind)) for name, kind in names.items()], {_DETAILS: details.encode()}
    )
    rest = iter(rows)
    with whole_file(path) as stream, pa.ipc.new_stream(stream, schema) as writer:
        while some := list(islice(rest, _ROWS)):
            columns = zip(*some, strict=True)
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def read_rows(path: Path, names: Mapping[str, str]) -> Iterator[Any]:
    """Yield the details of a file that :func:`write_rows` wrote, then its rows.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is damaged, or has other columns.
    """
    import pyarrow as pa

    with path.open("rb") as stream, pa.ipc.open_stream(stream) as reader:
        if reader.schema.names != list(names):
            raise ValueError("it has other columns")
        yield reader.schema.metadata[_DETAILS].decode()
        for batch in reader:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
