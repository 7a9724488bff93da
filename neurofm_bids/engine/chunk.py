"""One chunk of scans being processed: steps are timed, scans are counted and their folders cleared."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import PREPROCESS, Config
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import RunLog, Timing
from neurofm_bids.errors import Exit, NeuroFMError, os_error
from neurofm_bids.pipeline.hand_over import interim_folder, write_hand_over_failure
from neurofm_bids.pipeline.nipype_graph import TIMING, read_failure, step_folder
from neurofm_bids.pipeline.steps import steps_of
from neurofm_bids.records.failure import Failure
from neurofm_bids.storage.text import read_json

__all__ = ["Chunk"]

_log = logging.getLogger(__name__)
_REPORT = "Please report this with the crash file."


class Chunk:
    """Follows every node of a chunk (a :class:`neurofm_bids.engine.plugin.Observer`).

    A scan is finished when its last step is done or one of its steps has failed; what steps that run at the
    same time report after that does not count. It is counted, its failure is recorded, and its folder is
    removed unless ``--keep-work`` is given.

    Parameters
    ----------
    config
        Settings of the run.
    scans
        The scans of the chunk; number ``n`` is ``scan_<n>`` in its graph.
    folder
        Where the graph works.
    forget
        Called with a scan that failed, so that outputs of an older run no longer stand for it.
    log, progress
        Are notified.
    """

    def __init__(
        self,
        config: Config,
        scans: Sequence[Scan],
        folder: Path,
        forget: Callable[[Scan], None],
        log: RunLog,
        progress: Progress,
    ) -> None:
        self.done: list[Scan] = []
        self.failed_scans: list[Failure] = []
        self.folder = folder
        self._config, self._scans, self._forget_outputs = config, scans, forget
        self._steps = [step.name for step in steps_of(config.processing, config.running.stage)]
        self._log, self._progress = log, progress
        self._started: dict[tuple[int, str], float] = {}
        self._open = set(range(len(scans)))

    def started(self, node: Any) -> None:
        """Remember when a node was first submitted to a worker."""
        self._started.setdefault(_place(node), time.monotonic())

    def ended(self, node: Any) -> None:
        """Time a step; after the last one the scan is done."""
        index, step = _place(node)
        self._time(index, step, "done")
        if step == self._steps[-1]:
            self._close(index, None)

    def failed(self, node: Any, trace: str, errno: int | None) -> None:
        """Record the failure of a step.

        Raises
        ------
        NeuroFMError
            It would hit the other scans too, such as a full disk.
        """
        index, step = _place(node)
        self._time(index, step, "failed")
        if index in self._open:
            self._close(index, self._failure(index, step, trace, errno))

    def retried(self, node: Any, death: NeuroFMError) -> None:
        """Log that the worker of a step died and the step is tried again."""
        index, step = _place(node)
        _log.warning(
            "%s %s: %s. Trying once more while nothing else is running.",
            self._scans[index].stem,
            step,
            death.reason,
        )
        self._time(index, step, "killed")
        self.started(node)

    def killed(self, node: Any, death: NeuroFMError) -> None:
        """Record that a step was killed."""
        index, step = _place(node)
        self._time(index, step, "killed")
        if index in self._open:
            self._close(index, _failure(self._scans[index], step, death.reason, death.fix))

    def finish(self, message: str) -> None:
        """Close the scans of which no end was reported; ``message`` is nipype's, for the crash file.

        With ``--stop-on-first-crash`` and a failure they were not started, or cut short, and stay open.
        """
        for index in sorted(self._open):
            if (step_folder(self.folder, index, self._steps[-1]) / TIMING).is_file():
                failure = self._recorded(index)
            elif self._config.running.stop_on_first_crash and self.failed_scans:
                continue
            else:
                failure = self._recorded(index) or _failure(
                    self._scans[index], "preprocess", "preprocessing left no outputs", _REPORT, message
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
            self._forget(scan, failure)
        if not self._config.running.keep_work:
            shutil.rmtree(step_folder(self.folder, index), ignore_errors=True)

    def _forget(self, scan: Scan, failure: Failure) -> None:
        """Remove what marks a scan as finished; the stage of encoding is left why it cannot follow."""
        try:
            self._forget_outputs(scan)
            if self._config.running.stage == PREPROCESS:
                folder = interim_folder(self._config.out_dir, scan)
                write_hand_over_failure(folder, failure)
        except NeuroFMError as error:
            if self._ends_the_run(error.code):
                raise
            _log.warning("Older outputs of %s could not be removed: %s", scan.stem, error)

    def _time(self, index: int, step: str, outcome: str) -> None:
        seconds = time.monotonic() - self._started.pop((index, step), time.monotonic())
        path = step_folder(self.folder, index, step) / TIMING
        try:
            measured = read_json(path)
        except (OSError, ValueError):  # the step was killed, or nipype could not start it
            measured = {"seconds": round(seconds, 3), "cpu_seconds": None, "peak_memory_mb": None}
        timing = Timing(self._scans[index].stem, step, outcome, **measured)
        self._log.timed(timing)
        self._progress.step_done(timing)

    def _recorded(self, index: int) -> Failure | None:
        """Return the failure that a step of a scan recorded."""
        folders = (step_folder(self.folder, index, step) for step in self._steps)
        return next((failure for failure in map(read_failure, folders) if failure is not None), None)

    def _failure(self, index: int, step: str, trace: str, errno: int | None) -> Failure:
        failure = read_failure(step_folder(self.folder, index, step))
        if failure is None and errno is not None:  # so much so that the step could not record it
            raise os_error(OSError(errno, os.strerror(errno)), self.folder)
        if failure is None:
            reason = "the step terminated without an error message"
            return _failure(self._scans[index], step, reason, _REPORT, trace)
        if self._ends_the_run(failure.code):
            raise NeuroFMError(failure.reason, fix=failure.fix, code=failure.code)
        return failure

    def _ends_the_run(self, code: Exit) -> bool:
        """Tell whether an error would hit every scan; the folder of one participant may be read-only."""
        closed = code == Exit.CANT_CREATE and not os.access(self._config.out_dir, os.W_OK | os.X_OK)
        return code == Exit.IO or closed


def _place(node: Any) -> tuple[int, str]:
    """Return the number of the scan and the step of a node named ``chunk.scan_<n>.<step>``."""
    _, scan, step = node.fullname.split(".")
    return int(scan.removeprefix("scan_")), step


def _failure(scan: Scan, step: str, reason: str, fix: str, trace: str = "") -> Failure:
    return Failure(str(scan.relative), scan.subject, scan.stem, step, reason, fix, trace)
