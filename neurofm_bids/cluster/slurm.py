"""The commands of SLURM: submit an array, ask for the states of its tasks, cancel it."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["GONE", "TaskState", "array_states", "cancel", "check_commands", "largest_array", "submit"]

_log = logging.getLogger(__name__)
GONE = "GONE"  # of a task that SLURM no longer knows
_ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
    GONE,
}
_WIDTH = 40
_SECONDS = 60.0  # after which a command has no answer
_UNKNOWN_JOB = "Invalid job id"


@dataclass(frozen=True)
class TaskState:
    """What SLURM says of a task.

    Parameters
    ----------
    name
        Such as ``RUNNING``.
    code, signal
        How its script ended, where that is known.
    """

    name: str
    code: int | None = None
    signal: int | None = None

    @property
    def is_ended(self) -> bool:
        """Whether the task will not go on, nor start again."""
        return self.name in _ENDED


def check_commands() -> None:
    """Raise if this machine cannot submit jobs.

    Raises
    ------
    NeuroFMError
        A command of SLURM is absent.
    """
    absent = [name for name in ("sbatch", "squeue") if shutil.which(name) is None]
    if absent:
        raise NeuroFMError(
            "a command of SLURM was not found",
            where=", ".join(absent),
            fix="Run this on a machine that submits jobs, or use neurofm-tools slurm-script or --shard.",
            code=Exit.USAGE,
        )


def largest_array() -> int:
    """Return how many tasks the cluster allows in an array; a thousand if it does not say."""
    done = _run("scontrol", "show", "config")
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", done.stdout, re.MULTILINE)
    return max(1, int(match[1]) - 1) if match else 1000


def submit(script: Path, arguments: Sequence[str]) -> str:
    """Submit a script and return the number of the job.

    Raises
    ------
    NeuroFMError
        SLURM does not accept it.
    """
    done = _run("sbatch", "--parsable", *arguments, str(script))
    job = done.stdout.strip().split(";")[0]
    if done.returncode or not job.isdigit():
        raise NeuroFMError(
            f"sbatch did not accept the job ({_line(done)})",
            where=script,
            fix="Check the options that begin with --slurm.",
            code=Exit.USAGE,
        )
    return job


def array_states(job: str, tasks: Sequence[int]) -> Mapping[int, TaskState] | None:
    """Return the states of the tasks of an array; None if SLURM does not answer.

    Tasks that ended long ago are known from the accounting of the cluster, if it has one.
    """
    done = _run("squeue", "-h", "-r", "-t", "all", "-j", job, "-O", _columns())
    if done.returncode and _UNKNOWN_JOB not in done.stderr:
        _log.debug("squeue: %s", _line(done))
        return None
    states = dict(filter(None, map(_queued, done.stdout.splitlines())))
    gone = [task for task in tasks if task not in states]
    if gone:
        states |= dict.fromkeys(gone, TaskState(GONE)) | _accounted(job)
    return {task: states[task] for task in tasks}


def cancel(job: str) -> None:
    """Cancel what is left of an array."""
    _run("scancel", job)


def _columns() -> str:
    return ",".join(f"{name}:{_WIDTH}" for name in ("ArrayTaskID", "State", "exit_code"))


def _queued(line: str) -> tuple[int, TaskState] | None:
    """Return the number and the state of a task in a line of squeue, whose exit code is a wait status."""
    number, name, status = (line[i * _WIDTH : (i + 1) * _WIDTH].strip() for i in range(3))
    if not number.isdigit():
        return None
    if not status.isdigit():
        return int(number), TaskState(name)
    return int(number), TaskState(name, os.WEXITSTATUS(int(status)), os.WTERMSIG(int(status)))


def _accounted(job: str) -> dict[int, TaskState]:
    """Return the states in the accounting, by task; none where there is no accounting."""
    if shutil.which("sacct") is None:
        return {}
    done = _run("sacct", "-n", "-P", "-X", "-j", job, "-o", "JobID,State,ExitCode")
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2]
    return {
        int(number): _state(name, status)
        for identifier, name, status in rows
        if (number := identifier.rpartition("_")[2]).isdigit()
    }


def _state(name: str, status: str) -> TaskState:
    """Return the state in a row of sacct, such as ``CANCELLED by 0`` and ``0:9``."""
    code, _, signal = status.partition(":")
    return TaskState(name.split()[0], int(code or 0), int(signal or 0))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _line(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
