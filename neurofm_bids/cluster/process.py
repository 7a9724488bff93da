"""Processing the scans of a run as a job array of SLURM."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.cluster.array import Array, digest_of, new_array, unfinished_array
from neurofm_bids.cluster.follow import Follower
from neurofm_bids.cluster.script import Folder
from neurofm_bids.cluster.sizing import size_of
from neurofm_bids.cluster.slurm import check_commands, largest_array
from neurofm_bids.engine.process import Processed
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.participant.job import Job
from neurofm_bids.participant.run import Executor
from neurofm_bids.storage.locks import Locks

__all__ = ["SLURM", "process_on_slurm"]

_log = logging.getLogger(__name__)


def process_on_slurm(
    job: Job, scans: Sequence[Scan], locks: Locks, log: RunLog, processed: Processed
) -> Generator[set[str], None, None]:
    """Process scans in an array of tasks and yield the participants of each task when it has ended.

    An array that the same command submitted earlier, and that no command has followed to its end, is
    followed first. The tasks write outputs and reports; only failures are left to the caller.

    Raises
    ------
    NeuroFMError
        There is no SLURM here, or it does not accept the array; or a file cannot be written.
    """
    if not scans:
        return
    check_commands()
    progress, array = Progress(len(scans)), None
    try:
        with _alone(job, locks):
            left = [scan for scan in scans if not job.is_done(scan)]
            processed.elsewhere += [scan for scan in scans if scan not in left]
            array = unfinished_array(job.config)
            if array:
                _log_array("Following the array of an earlier command", array)
                mine = [scan for scan in left if array and array.task_of(scan) is not None]
                yield from Follower(job, array, mine, log, processed, progress).follow()
                left = [scan for scan in left if scan not in mine]
            if left and not (processed.failed and job.config.running.stop_on_first_crash):
                array = _submitted(job, left, log)
                _log_array("Submitted", array)
                yield from Follower(job, array, left, log, processed, progress).follow()
    except KeyboardInterrupt:
        if array:
            _log.warning(
                "The tasks go on: the same command follows them again; scancel %s ends them.",
                " ".join(sorted({one.job for one in array.rounds})),
            )
        raise
    finally:
        progress.close()


@contextmanager
def _alone(job: Job, locks: Locks) -> Iterator[None]:
    """Wait until no other command follows the arrays of the same command."""
    name = f"array {digest_of(job.config)}"
    if not locks.try_acquire(name):
        _log.info("Waiting for the same command, which follows its array of tasks elsewhere.")
    with locks.held(name):
        yield


def _submitted(job: Job, scans: Sequence[Scan], log: RunLog) -> Array:
    participants = len({scan.subject for scan in scans})
    size = size_of(job.config, len(scans), participants, most_tasks=largest_array(), variant=job.spec.variant)
    return new_array(job.config, Folder(log.folder), scans, size)


def _log_array(what: str, array: Array) -> None:
    last = array.rounds[-1]
    _log.info(
        "%s: job %s, %d tasks with %d MiB and %d minutes each. Log: %s",
        what,
        last.job,
        array.tasks,
        last.memory_mb,
        last.minutes,
        array.folder.path,
    )


SLURM = Executor(process_on_slurm, writes_reports=True)
