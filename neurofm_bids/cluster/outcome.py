"""What became of a task: how it ended, what failed in it, and whether it is worth another attempt."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.names import FAILED
from neurofm_bids.cluster.script import Folder
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster.slurm import GONE, TaskState
from neurofm_bids.errors import MEMORY_FIX, Exit
from neurofm_bids.records.failure import Failure
from neurofm_bids.storage.tables import cell, read_tsv

__all__ = ["ATTEMPTS", "Ending", "Killed", "ending", "killed_by", "larger", "lost_scan", "read_failures"]

ATTEMPTS = 3  # of a task: twice again
_STEP = "slurm"
_LINES = 3  # of the output of a task, in the reason
_SIGKILL = 9
_OF_THE_NODE = {"BOOT_FAIL", "NODE_FAIL", "PREEMPTED", "REVOKED"}
_OF_TIME = {"DEADLINE", "TIMEOUT"}
_OF_THE_PROGRAM = {"COMPLETED", "FAILED", GONE}


class Killed(Enum):
    """Why a task did not come to its end."""

    MEMORY = "memory"
    TIME = "time"
    NODE = "node"


@dataclass(frozen=True)
class Ending:
    """How a task ended: its state, and the exit code of the program where that is known."""

    state: str
    code: int | None

    @property
    def is_regular(self) -> bool:
        """Whether the program says what became of each scan, as far as is known."""
        return self.state in _OF_THE_PROGRAM and self.code in {None, Exit.OK, Exit.SOME_FAILED}

    def __str__(self) -> str:
        known = "" if self.code is None else f", exit code {self.code}"
        return f"state {self.state}{known}"


def ending(folder: Folder, number: int, state: TaskState) -> Ending:
    """Return how a task ended; its script has left the exit code in a file, unless it was killed itself."""
    if state.signal:
        return Ending(state.name, 128 + state.signal)
    if state.code is not None:
        return Ending(state.name, state.code)
    try:
        return Ending(state.name, int(folder.ending(number).read_text()))
    except (OSError, ValueError):
        return Ending(state.name, None)


def killed_by(end: Ending, failures: Iterable[Failure]) -> Killed | None:
    """Return what killed a task or one of its steps, None if nothing did.

    A task that a user cancelled has its wish. Without accounting, SLURM says of one that used too much memory
    only that it was killed.
    """
    if end.state == "CANCELLED":
        return None
    if end.state in _OF_TIME:
        return Killed.TIME
    if end.state in _OF_THE_NODE:
        return Killed.NODE
    is_killed = end.code == 128 + _SIGKILL or (end.code is None and end.state in {"FAILED", GONE})
    if end.state == "OUT_OF_MEMORY" or is_killed or any(MEMORY_FIX in one.fix for one in failures):
        return Killed.MEMORY
    return None


def larger(size: Size, killed: Killed) -> Size:
    """Return what a task gets in its next attempt."""
    more_memory, more_time = (2 if killed is cause else 1 for cause in (Killed.MEMORY, Killed.TIME))
    return Size(size.tasks, math.ceil(size.memory_mb * more_memory), size.minutes * more_time)


def read_failures(folder: Folder, number: int, scans: Collection[Scan]) -> dict[Scan, Failure]:
    """Return which of the scans of a task failed in its latest attempt."""
    try:
        rows = {row.get("scan", ""): row for row in read_tsv(folder.task(number) / FAILED)[1]}
    except OSError:
        return {}
    known = {scan: rows[name] for scan in scans if (name := cell(str(scan.relative))) in rows}
    return {scan: _failure(scan, row) for scan, row in known.items()}


def _failure(scan: Scan, row: Mapping[str, str]) -> Failure:
    step, reason, fix = (row.get(name, "").removeprefix("'") for name in ("step", "reason", "fix"))
    return Failure(str(scan.relative), scan.subject, scan.stem, step, reason, "" if fix == "n/a" else fix)


def lost_scan(
    scan: Scan, folder: Folder, number: int, end: Ending, killed: Killed | None, size: Size
) -> Failure:
    """Return the failure of a scan whose task ended without saying what became of it.

    Parameters
    ----------
    size
        What the task got in its last attempt.
    """
    reason, fix = f"task {number} of the array ended without this scan ({end})", ""
    if killed is Killed.MEMORY:
        reason += f"; it was killed, probably for lack of memory, with {size.memory_mb} MiB"
        fix = "Give tasks more memory with --slurm-mem. "
    elif killed is Killed.TIME:
        reason += f"; its time limit was {size.minutes} minutes"
        fix = "Give tasks more time with --slurm-time. "
    elif said := _last_lines(folder, number):
        reason += f": {said}"
    fix += f"See {folder.output(number)}"
    return Failure(str(scan.relative), scan.subject, scan.stem, _STEP, reason, f"{fix}.", code=Exit.SOFTWARE)


def _last_lines(folder: Folder, number: int) -> str:
    try:
        text = folder.output(number).read_text(errors="replace")
    except OSError:
        return ""
    return " ".join(" ".join(text.splitlines()[-_LINES:]).split())
