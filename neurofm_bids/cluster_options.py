"""The settings of a run that say which part of the scans it processes, and on which cluster."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from neurofm_bids.option import WholeNumber, memory_gb, option

__all__ = ["EXECUTORS", "Cluster", "Shard", "shard", "slurm_time"]

T = TypeVar("T")
EXECUTORS = ("local", "slurm")


@dataclass(frozen=True)
class Shard:
    """One of several equal parts.

    Parameters
    ----------
    number
        From 1 to ``count``.
    count
        Number of parts.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, items: Sequence[T]) -> list[T]:
        """Return every ``count``-th item: the parts are disjoint, and their sizes differ by one at most.

        >>> Shard(2, 3).of("abcdefg")
        ['b', 'e']
        """
        return list(items[self.number - 1 :: self.count])


def shard(text: str) -> Shard:
    """Read the number of a part and the number of parts.

    >>> shard("2/10")
    Shard(number=2, count=10)
    """
    number, count = (int(part) for part in text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(text)
    return Shard(number, count)


shard.__name__ = "part such as 1/10"


def slurm_time(text: str) -> int:
    """Read a time limit as SLURM does, in whole minutes.

    >>> [slurm_time(text) for text in ("90", "1:30:00", "2-12", "10:30")]
    [90, 90, 3600, 11]
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if not match:
        raise ValueError(text)
    days, *rest = match.groups()
    numbers = [int(part) for part in rest if part]
    first = "hours" if days or len(numbers) == 3 else "minutes"
    hours, minutes, seconds = ([*numbers, 0, 0] if first == "hours" else [0, *numbers, 0])[:3]
    total = int(days or 0) * 1440 + hours * 60 + minutes + (seconds > 0)
    if not total:
        raise ValueError(text)
    return total


slurm_time.__name__ = "time such as 90 (minutes), 1:30:00 or 2-12"


@dataclass(frozen=True)
class Cluster:
    """Where the scans are processed, and what each task of a cluster gets."""

    executor: str = option(
        "--executor",
        default=EXECUTORS[0],
        section="Options for clusters",
        choices=EXECUTORS,
        help="where scans are processed: by this command, or as a job array of SLURM, which this command "
        "submits and follows; the same command again follows an array that is still running",
    )
    slurm_partition: str = option("--slurm-partition", default="", metavar="NAME", help="partition")
    slurm_account: str = option("--slurm-account", default="", metavar="NAME", help="account")
    slurm_minutes: int | None = option(
        "--slurm-time",
        default=None,
        convert=slurm_time,
        metavar="TIME",
        default_text="from measured seconds per scan",
        help="time limit of a task, such as 90 (minutes) or 1:30:00",
    )
    slurm_memory_gb: float | None = option(
        "--slurm-mem",
        default=None,
        convert=memory_gb,
        metavar="SIZE",
        default_text="from measured memory per scan",
        unit="GB",
        help="memory of a task; a task that is killed for memory gets twice as much, at most two times",
    )
    slurm_cpus: int = option(
        "--slurm-cpus", default=1, convert=WholeNumber(), metavar="N", help="processors of a task"
    )
    slurm_tasks: int = option(
        "--slurm-tasks",
        default=1000,
        convert=WholeNumber(),
        metavar="N",
        help="most tasks of the array; fewer if the cluster allows fewer",
    )
    slurm_scans: int | None = option(
        "--slurm-scans",
        default=None,
        convert=WholeNumber(),
        metavar="N",
        default_text="as many as take ten minutes; fewer for less than 50 tasks",
        help="scans of a task, more if the array would have too many tasks",
    )
    slurm_args: str = option(
        "--slurm-args",
        default="",
        metavar="TEXT",
        help='further arguments of sbatch in one word: --slurm-args="--qos=long --gres=gpu:1"',
    )
    slurm_prefix: str = option(
        "--slurm-prefix",
        default="",
        metavar="TEXT",
        help="what comes before neurofm in the command of a task, such as "
        '"apptainer exec -B /data -B /out neurofm.sif"',
    )
