"""Following an array: counting scans as they finish, submitting killed tasks again."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.cluster.array import Array, Round
from neurofm_bids.cluster.outcome import ATTEMPTS, Ending, ending, killed_by, larger, lost_scan, read_failures
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster.slurm import TaskState, array_states, cancel
from neurofm_bids.engine.process import Processed
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.participant.freshness import is_older
from neurofm_bids.participant.job import Job
from neurofm_bids.records.failure import Failure

__all__ = ["PATIENCE", "PAUSES", "Follower"]

_log = logging.getLogger(__name__)
PAUSES = (1.0, 30.0)  # seconds between two looks, the first and the longest
PATIENCE = 90.0  # seconds until what an ended task wrote is seen through a network file system


class Follower:
    """Follows the tasks of an array until each scan is done or has failed.

    Parameters
    ----------
    job
        What the scans share.
    array
        The array.
    scans
        Those of its scans that count.
    log, processed, progress
        Are notified.
    """

    def __init__(
        self,
        job: Job,
        array: Array,
        scans: Collection[Scan],
        log: RunLog,
        processed: Processed,
        progress: Progress,
    ) -> None:
        self._job, self._array = job, array
        self._log, self._processed, self._progress = log, processed, progress
        self._open: defaultdict[int, list[Scan]] = defaultdict(list)
        for scan in scans:
            if (number := array.task_of(scan)) is not None:
                self._open[number].append(scan)
        self._subjects = {number: {scan.subject for scan in mine} for number, mine in self._open.items()}
        self._ended: dict[int, float] = {}
        self._refused: set[int] = set()

    def follow(self) -> Iterator[set[str]]:
        """Yield the participants of each task when it has ended for good.

        Raises
        ------
        NeuroFMError
            A list of failures or the state of the array cannot be written.
        """
        pause, longest = PAUSES
        while self._open:
            again: defaultdict[Size, list[int]] = defaultdict(list)
            for number, end in self._endings().items():
                size = self._next_size(number, end)
                if size:
                    again[size].append(number)
                else:
                    self._close(number, end)
                    yield self._subjects[number]
                if self._processed.failed and self._job.config.running.stop_on_first_crash:
                    self._stop()
                    return
            for size, numbers in again.items():
                self._submit_again(numbers, size)
            if self._open:
                time.sleep(pause)
                pause = min(longest, 1.3 * pause)
        self._array.save(is_finished=True)

    def _endings(self) -> dict[int, Ending]:
        """Count the scans that are done, and return how tasks ended that have nothing more to say."""
        ended = {}
        for job, numbers in self._by_job().items():
            for number, state in (array_states(job, numbers) or {}).items():
                if state.name != "PENDING":
                    self._count_done(number)
                if state.is_ended and self._is_settled(number, state):
                    ended[number] = ending(self._array.folder, number, state)
        return ended

    def _by_job(self) -> Mapping[str, list[int]]:
        jobs: defaultdict[str, list[int]] = defaultdict(list)
        for number in self._open:
            jobs[self._last(number).job].append(number)
        return jobs

    def _last(self, number: int) -> Round:
        """Return the latest round of a task."""
        return next(one for one in reversed(self._array.rounds) if number in one.tasks)

    def _count_done(self, number: int) -> None:
        done = [scan for scan in self._open[number] if self._is_done(scan)]
        self._processed.done += done
        self._open[number] = [scan for scan in self._open[number] if scan not in done]
        for scan in done:
            self._progress.scan_done(scan.stem, None)

    def _is_done(self, scan: Scan) -> bool:
        forced = self._job.config.outputs.force
        if forced and is_older(self._job.marker(scan), self._array.folder.index):
            return False
        return self._job.why(scan) is None

    def _is_settled(self, number: int, state: TaskState) -> bool:
        """Tell whether all files of an ended task are seen; those of one that was killed are not awaited."""
        since = self._ended.setdefault(number, time.monotonic())
        if not ending(self._array.folder, number, state).is_regular:
            return True
        failures = read_failures(self._array.folder, number, self._open[number])
        return len(failures) == len(self._open[number]) or time.monotonic() - since > PATIENCE

    def _next_size(self, number: int, end: Ending) -> Size | None:
        """Return what a task that was killed gets in its next attempt, None if it has none."""
        failures = read_failures(self._array.folder, number, self._open[number])
        killed = killed_by(end, failures.values()) if self._open[number] else None
        attempts = sum(number in one.tasks for one in self._array.rounds)
        if killed is None or attempts >= ATTEMPTS or number in self._refused:
            return None
        last = self._last(number)
        size = larger(Size(self._array.tasks, last.memory_mb, last.minutes), killed)
        _log.warning(
            "Task %d was killed (%s; %s). It is submitted again with %d MiB and %d minutes.",
            number,
            killed.value,
            end,
            size.memory_mb,
            size.minutes,
        )
        return size

    def _submit_again(self, numbers: Sequence[int], size: Size) -> None:
        """Submit tasks again; where SLURM refuses that, what they did stays as it is."""
        for number in numbers:
            self._ended.pop(number, None)
        try:
            self._array.submit(self._job.config, numbers, size)
        except NeuroFMError as error:
            _log.error("%s", error)
            self._refused.update(numbers)

    def _close(self, number: int, end: Ending) -> None:
        """Record what failed of the scans of a task that ended for good."""
        scans = self._open.pop(number)
        recorded = read_failures(self._array.folder, number, scans)
        for scan in scans:
            self._fail(scan, recorded.get(scan) or self._lost(scan, number, end))

    def _lost(self, scan: Scan, number: int, end: Ending) -> Failure:
        last = self._last(number)
        size = Size(self._array.tasks, last.memory_mb, last.minutes)
        self._job.forget(scan)
        return lost_scan(scan, self._array.folder, number, end, killed_by(end, ()), size)

    def _fail(self, scan: Scan, failure: Failure) -> None:
        self._processed.failed.append(failure)
        self._log.failed(failure)
        self._progress.scan_done(scan.stem, f"{failure.step}: {failure.reason}")

    def _stop(self) -> None:
        """Cancel what is left after the first failure."""
        for job in self._by_job():
            cancel(job)
        self._array.save(is_finished=True)
        _log.error("Stopped at the first failure; finished scans are kept.")
