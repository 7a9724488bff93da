"""Reading scans in several processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
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
_Folders = dict[str, tuple[Derivatives, Path]]
_reader_of: Callable[[str], ScanReader] | None = None  # of a worker process


def read_all(
    readers: Mapping[str, ScanReader], scans: Sequence[StoredScan], processes: int = 1
) -> Iterator[Row | str]:
    """Yield what is kept of scans, or why they cannot be used, in their order.

    Many scans are read by as many processes, in which warnings about tables of the dataset are not shown.

    Parameters
    ----------
    readers
        By the key of the output folder; they differ in that and the dataset only.

    Raises
    ------
    NeuroFMError
        A process was killed.
    """
    if processes < 2 or len(scans) < FEW:
        yield from (readers[scan.source].read(scan) for scan in scans)
        return
    folders = {key: (one.out, one.covariates.bids_dir) for key, one in readers.items()}
    first = next(iter(readers.values()))
    used = folders, first.selector, first.reference, first.include_failed
    with worker_pool(processes, "read scans", _start, *used) as pool:
        yield from pool.map(_read, scans, chunksize=_AT_ONCE)


def _start(folders: _Folders, selector: Selector, reference: Reference, include_failed: bool) -> None:
    global _reader_of
    logging.disable()  # the process that started this one reads the same tables
    covariates_of, is_ignored_in = cache(Covariates), cache(read_bidsignore)

    @cache
    def reader_of(key: str) -> ScanReader:
        out, bids_dir = folders[key]
        known, is_ignored = covariates_of(bids_dir), is_ignored_in(bids_dir)
        return ScanReader(out, known, selector, is_ignored, reference, include_failed)

    _reader_of = reader_of


def _read(scan: StoredScan) -> Row | str:
    assert _reader_of is not None
    return _reader_of(scan.source).read(scan)
