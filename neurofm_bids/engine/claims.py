"""Sharing the scans of an output folder between the runs that process it at the same time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.storage.locks import Locks

__all__ = ["claimed_chunks", "lock_name"]

_log = logging.getLogger(__name__)


def claimed_chunks(
    scans: Sequence[Scan],
    locks: Locks,
    size: int,
    is_done: Callable[[Scan], bool],
    finished_elsewhere: list[Scan],
    poll_seconds: float = 1.0,
) -> Iterator[list[Scan]]:
    """Yield the scans in chunks of which this run alone holds the locks, until none is left.

    Scans that another run holds come last. When only those are left this waits for them: they are finished
    then, or taken over if the other run failed or died.

    Parameters
    ----------
    size
        Most scans of a chunk. Its locks are released when the next chunk is requested.
    is_done
        Tells whether another run has finished a scan.
    finished_elsewhere
        Receives the scans that another run finished in the meantime.
    poll_seconds
        Time between two looks at scans that another run holds.
    """
    waiting, logged = list(scans), False
    while waiting:
        chunk, waiting = _claim(waiting, locks, size, is_done, finished_elsewhere)
        if chunk:
            yield chunk
            for scan in chunk:
                locks.release(lock_name(scan))
        elif waiting:
            if not logged:
                _log.info("Waiting for another run that is processing %d of the same scans.", len(waiting))
                logged = True
            time.sleep(poll_seconds)


def _claim(
    scans: Sequence[Scan],
    locks: Locks,
    size: int,
    is_done: Callable[[Scan], bool],
    finished_elsewhere: list[Scan],
) -> tuple[list[Scan], list[Scan]]:
    """Return scans that this run holds now, and those left for later."""
    mine: list[Scan] = []
    held_elsewhere: list[Scan] = []
    for place, scan in enumerate(scans):
        if len(mine) == size:
            return mine, [*scans[place:], *held_elsewhere]
        if not locks.try_acquire(lock_name(scan)):
            held_elsewhere.append(scan)
        elif is_done(scan):
            finished_elsewhere.append(scan)
            locks.release(lock_name(scan))
        else:
            mine.append(scan)
    return mine, held_elsewhere


def lock_name(scan: Scan) -> str:
    """Return the name of the lock that a run holds while it processes a scan."""
    return f"scan {scan.relative}"
