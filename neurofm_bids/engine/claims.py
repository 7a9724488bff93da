"""Sharing the scans of an output folder between the runs that work on it at the same time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.participant.plan import Job
from neurofm_bids.participant.record import is_up_to_date
from neurofm_bids.storage.atomic import file_version
from neurofm_bids.storage.locks import Locks

__all__ = ["claimed_chunks", "lock_name"]

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0


def claimed_chunks(
    job: Job, scans: Sequence[Scan], locks: Locks, size: int, finished_elsewhere: list[Scan]
) -> Iterator[list[Scan]]:
    """Yield the scans in chunks of which this run alone holds the locks, until none is left.

    Scans that another run holds come last. When only those are left this waits for them: they are done
    then, or taken over if the other run failed or died.

    Parameters
    ----------
    size
        Most scans of a chunk. Its locks are released when the next chunk is asked for.
    finished_elsewhere
        Gets the scans that another run finished meanwhile.
    """
    waiting, told = list(scans), False
    before = {scan: file_version(job.out.sidecar(scan)) for scan in scans} if job.config.outputs.force else {}
    while waiting:
        chunk, waiting = _claim(job, waiting, locks, size, before, finished_elsewhere)
        if chunk:
            yield chunk
            for scan in chunk:
                locks.release(lock_name(scan))
        elif waiting:
            if not told:
                _log.info("Waiting for another run that works on %d of the same scans.", len(waiting))
                told = True
            time.sleep(_POLL_SECONDS)


def _claim(
    job: Job,
    scans: Sequence[Scan],
    locks: Locks,
    size: int,
    before: Mapping[Scan, tuple[int, ...]],
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
        elif _is_done(job, scan, before):
            finished_elsewhere.append(scan)
            locks.release(lock_name(scan))
        else:
            mine.append(scan)
    return mine, held_elsewhere


def lock_name(scan: Scan) -> str:
    """Return the name of the lock that a run holds while it works on a scan."""
    return f"scan {scan.relative}"


def _is_done(job: Job, scan: Scan, before: Mapping[Scan, tuple[int, ...]]) -> bool:
    """Tell whether another run finished a scan; with ``--force`` only if that was since this run began."""
    if scan in before and before[scan] == file_version(job.out.sidecar(scan)):
        return False
    return is_up_to_date(scan, job.out, job.config, job.weights_sha256)
