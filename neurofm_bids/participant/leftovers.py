"""Removing what the stage of preprocessing left of scans that are up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import PREPROCESS
from neurofm_bids.engine.claims import lock_name
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.participant.job import Job
from neurofm_bids.pipeline.hand_over import has_leftovers, remove_hand_over, remove_unfinished
from neurofm_bids.storage.locks import Locks

__all__ = ["remove_leftovers"]

_log = logging.getLogger(__name__)


def remove_leftovers(job: Job, done: Iterable[Scan], locks: Locks) -> None:
    """Remove what the stage of preprocessing left of scans, such as of one killed when it had been finished.

    The stage of preprocessing itself, or ``--keep-work``, only removes what it left half written. A scan that
    another run is processing is left alone.

    Parameters
    ----------
    done
        Scans that are up to date.
    """
    running = job.config.running
    remove = remove_unfinished if running.keep_work or running.stage == PREPROCESS else remove_hand_over
    for scan in done:
        folder = job.out.interim(scan)
        if not has_leftovers(folder) or not locks.try_acquire(lock_name(scan)):
            continue
        try:
            remove(folder)
        except NeuroFMError as error:
            _log.warning("What preprocessing left of %s could not be removed: %s", scan.stem, error)
        finally:
            locks.release(lock_name(scan))
