"""One chunk of scans under way: each step is timed, each scan is counted and cleared away when it is over."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import Failure, RunLog, Timing
from neurofm_bids.errors import ENDS_THE_RUN, Exit, NeuroFMError, os_error
from neurofm_bids.participant.plan import Job
from neurofm_bids.pipeline.nipype_graph import FAILURE, STEPS, TIMING, step_folder

__all__ = ["Chunk"]

_log = logging.getLogger(__name__)
_ERRNO = re.compile(r"Error: \[Errno (\d+)\]")


class Chunk:
    """Hears of every node of a chunk (a :class:`neurofm_bids.engine.plugin.Listener`).

    A scan is over when its last step is done or one of them failed: it is counted, its failure is written
    down, and its folder is removed unless ``--keep-work`` is given.

    Parameters
    ----------
    job
        What the scans of the run share.
    scans
        The scans of the chunk; number ``n`` is ``scan_<n>`` in its graph.
    folder
        Where the graph works.
    log, progress
        Are told.
    """

    def __init__(
        self, job: Job, scans: Sequence[Scan], folder: Path, log: RunLog, progress: Progress
    ) -> None:
        self.done: list[Scan] = []
        self.failed_scans: list[Failure] = []
        self.folder = folder
        self._job, self._scans = job, scans
        self._log, self._progress = log, progress
        self._started: dict[tuple[int, str], float] = {}
        self._open = set(range(len(scans)))

    def started(self, node: Any) -> None:
        """Remember when a node was first given to a worker."""
        self._started.setdefault(_place(node), time.monotonic())

    def ended(self, node: Any) -> None:
        """Time a step; after the last one the scan is done."""
        index, step = _place(node)
        self._time(index, step, "done")
        if step == STEPS[-1]:
            self._close(index, None)

    def failed(self, node: Any, trace: str) -> None:
        """Note the failure of a step.

        Raises
        ------
        NeuroFMError
            It is one that the other scans would not escape either, such as a full disk.
        """
        index, step = _place(node)
        self._time(index, step, "failed")
        self._close(index, self._failure(index, step, trace))

    def retried(self, node: Any, reason: str) -> None:
        """Say that a step lost its worker and is tried again."""
        index, step = _place(node)
        _log.warning("%s %s: %s; once more, alone.", self._scans[index].stem, step, reason)
        self._time(index, step, "killed")
        self.started(node)

    def killed(self, node: Any, reason: str, fix: str) -> None:
        """Note that a step was killed."""
        index, step = _place(node)
        self._time(index, step, "killed")
        self._close(index, _failure(self._scans[index], step, reason, fix))

    def finish(self, said: str) -> None:
        """Close the scans of which nothing was heard; ``said`` are nipype's words, for the crash file.

        With ``--stop-on-first-crash`` and a failure they were not begun, or cut short, and stay open.
        """
        for index in sorted(self._open):
            if (step_folder(self.folder, index, STEPS[-1]) / TIMING).is_file():
                failure = self._recorded(index)
            elif self._job.config.running.stop_on_first_crash and self.failed_scans:
                continue
            else:
                failure = self._recorded(index) or _failure(
                    self._scans[index],
                    "preprocess",
                    "preprocessing left no outputs",
                    "Please report this with the crash file.",
                    said,
                )
            self._close(index, failure)

    def _close(self, index: int, failure: Failure | None) -> None:
        scan = self._scans[index]
        self._open.remove(index)
        self._progress.scan_done(scan.stem, f"{failure.step}: {failure.reason}" if failure else None)
        if failure is None:
            self.done.append(scan)
        else:
            self.failed_scans.append(failure)
            self._log.failed(failure)
            self._forget(scan)
        if not self._job.config.running.keep_work:
            shutil.rmtree(step_folder(self.folder, index), ignore_errors=True)

    def _forget(self, scan: Scan) -> None:
        """Let outputs of an older run no longer stand for a scan that failed."""
        try:
            self._job.out.forget(scan)
        except NeuroFMError as error:
            if self._is_hopeless(error.code):
                raise
            _log.warning("Older outputs of %s could not be cleared: %s", scan.stem, error)

    def _time(self, index: int, step: str, outcome: str) -> None:
        seconds = time.monotonic() - self._started.pop((index, step), time.monotonic())
        path = step_folder(self.folder, index, step) / TIMING
        try:
            measured = json.loads(path.read_text())
        except (OSError, ValueError):  # a step that was killed, or that nipype could not start
            measured = {"seconds": round(seconds, 3), "cpu_seconds": None, "peak_memory_mb": None}
        timing = Timing(self._scans[index].stem, step, outcome, **measured)
        self._log.timed(timing)
        self._progress.step_done(timing)

    def _recorded(self, index: int) -> Failure | None:
        """Return the failure that a step of a scan wrote down."""
        for step in STEPS:
            if (step_folder(self.folder, index, step) / FAILURE).is_file():
                return self._failure(index, step, "")
        return None

    def _failure(self, index: int, step: str, trace: str) -> Failure:
        try:
            record = json.loads((step_folder(self.folder, index, step) / FAILURE).read_text())
        except (OSError, ValueError):
            self._stop_if_hopeless(trace)
            reason = "the step ended without a word"
            return _failure(
                self._scans[index], step, reason, "Please report this with the crash file.", trace
            )
        if self._is_hopeless(record["code"]):
            raise NeuroFMError(record["reason"], fix=record["fix"], code=Exit(record["code"]))
        return _failure(self._scans[index], step, record["reason"], record["fix"], record["traceback"])

    def _is_hopeless(self, code: int) -> bool:
        """Tell whether no other scan would escape an error; the folder of one participant may be closed."""
        closed = code == Exit.CANT_CREATE and not os.access(self._job.config.out_dir, os.W_OK | os.X_OK)
        return code == Exit.IO or closed

    def _stop_if_hopeless(self, trace: str) -> None:
        """Raise if a step could not even write down its failure because of the disk."""
        if not self.folder.is_dir():
            raise os_error(FileNotFoundError(errno.ENOENT, ""), self.folder)
        for number in map(int, _ERRNO.findall(trace)):
            if number in ENDS_THE_RUN:
                raise os_error(OSError(number, ""), self.folder)


def _place(node: Any) -> tuple[int, str]:
    """Return the number of the scan and the step of a node named ``chunk.scan_<n>.<step>``."""
    _, scan, step = node.fullname.split(".")
    return int(scan.removeprefix("scan_")), step


def _failure(scan: Scan, step: str, reason: str, fix: str, trace: str = "") -> Failure:
    return Failure(str(scan.relative), scan.subject, scan.stem, step, reason, fix, trace)
