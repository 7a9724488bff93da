"""Reading scans in several processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.group.scan_index import Row
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.group.worker_pool import worker_pool
from neurofm_bids.norms.reference import Reference

__all__ = ["FEW", "read_all"]

FEW = 500  # scans that one process reads
_AT_ONCE = 50  # that a process gets at once
_reader: ScanReader | None = None  # of a worker process


def read_all(reader: ScanReader, scans: Sequence[StoredScan], processes: int = 1) -> Iterator[Row | str]:
    """Yield what is kept of scans, or why they cannot be used, in their order.

    Many scans are read by as many processes, in which warnings about tables of the dataset are not shown.

    Raises
    ------
    NeuroFMError
        A process was killed.
    """
    if processes < 2 or len(scans) < FEW:
        yield from map(reader.read, scans)
        return
    used = reader.out, reader.covariates.bids_dir, reader.selector, reader.reference, reader.include_failed
    with worker_pool(processes, "read scans", _start, *used) as pool:
        yield from pool.map(_read, scans, chunksize=_AT_ONCE)


def _start(
    out: Derivatives, bids_dir: Path, selector: Selector, reference: Reference, include_failed: bool
) -> None:
    global _reader
    logging.disable()  # the process that started this one reads the same tables
    is_ignored = read_bidsignore(bids_dir)
    _reader = ScanReader(out, Covariates(bids_dir), selector, is_ignored, reference, include_failed)


def _read(scan: StoredScan) -> Row | str:
    assert _reader is not None
    return _reader.read(scan)
