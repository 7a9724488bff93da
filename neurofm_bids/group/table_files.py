"""The files of a group table: TSV, its data dictionary, and Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.group.table import Table
from neurofm_bids.group.worker_pool import worker_pool
from neurofm_bids.storage.arrow import write_parquet
from neurofm_bids.storage.atomic import whole_file, write_json

__all__ = ["MANY_CELLS", "table_paths", "write_table", "write_tables"]

MANY_CELLS = 1_000_000  # of a table that a process of its own writes
_TSV, _PARQUET = ".tsv", ".parquet"


def table_paths(out: Derivatives, name: str) -> list[Path]:
    """Return the files of one of ``bids.names.GROUP_OUTPUTS``: it, its JSON file, and its Parquet file.

    Only tables of the group level itself have the latter: BIDS has no Parquet files in ``phenotype/``.
    """
    path = out.group(name)
    paths = [path, image_sidecar(path)]
    is_own = path.suffix == _TSV and path.parent == out.out_dir
    return [*paths, path.with_suffix(_PARQUET)] if is_own else paths


def write_table(out: Derivatives, name: str, table: Table) -> list[Path]:
    """Write the files of a table; equal tables give equal bytes.

    Raises
    ------
    NeuroFMError
        A file cannot be written.
    """
    text, sidecar, *others = paths = table_paths(out, name)
    with whole_file(text) as stream:
        for part in table.parts():
            stream.write(part.encode(errors="backslashreplace"))
    write_json(sidecar, table.sidecar())
    for path in others:
        write_parquet(path, table.frame, table.columns)
    return paths


def write_tables(out: Derivatives, tables: Mapping[str, Table], processes: int = 1) -> list[Path]:
    """Write the files of tables, the large ones in as many processes.

    Raises
    ------
    NeuroFMError
        A file cannot be written, or a process was killed.
    """
    large = sorted(
        (name for name in tables if tables[name].frame.size >= MANY_CELLS),
        key=lambda name: -tables[name].frame.size,
    )
    if processes < 2 or len(large) < 2:
        return [path for name, table in tables.items() for path in write_table(out, name, table)]
    with worker_pool(processes, "wrote a table") as pool:
        writing = [pool.submit(write_table, out, name, tables[name]) for name in large]
        for name in tables.keys() - set(large):
            write_table(out, name, tables[name])
        for one in writing:
            one.result()
    return [path for name in tables for path in table_paths(out, name)]
