"""The files of a group table: TSV, its data dictionary, and Parquet."""

from __future__ import annotations

from pathlib import Path

from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.group.tables import Table
from neurofm_bids.storage.arrow import write_parquet
from neurofm_bids.storage.atomic import whole_file, write_json

__all__ = ["table_paths", "write_table"]

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
