"""A simulated cluster that runs the tasks of a job array, kills some and loses nodes.

It is imported by ``benchmarks/scaling.py``. A task processes its scans one after the other; what it has
finished is kept, as ``--executor slurm`` keeps it. It is killed when a scan needs more memory than it has
(all of it: a step of SLURM may survive that, so this is the worse case) or at its time limit, and gets more
in its next attempt, both by the rules of ``neurofm_bids.cluster.outcome``. A node that fails takes its tasks
with it, which SLURM puts back into the queue as they are. One generator with a seed makes everything random.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurofm_bids.cluster.outcome import ATTEMPTS, Killed, larger
from neurofm_bids.cluster.sizing import START_SECONDS, Size

__all__ = ["Machines", "Outcome", "Work", "simulate"]

_HOUR, _DAY = 3600.0, 86400.0
_HALF = 0.5  # of a scan is done when it is killed


@dataclass(frozen=True)
class Machines:
    """The nodes that an array has for itself.

    Parameters
    ----------
    nodes, cores, memory_mb
        Their number, and what each of them has.
    slow, slowness
        Share of nodes that are slower, and how many times longer they take.
    failures
        Of a node per day; it is away for ``repair_hours`` then.
    """

    nodes: int
    cores: int = 32
    memory_mb: int = 128_000
    slow: float = 0.0
    slowness: float = 1.0
    failures: float = 0.0
    repair_hours: float = 4.0


@dataclass(frozen=True)
class Work:
    """The tasks of an array, which have one processor each.

    Parameters
    ----------
    size
        What a task asks for at first.
    seconds, memory_mb
        Of each scan, by task.
    """

    size: Size
    seconds: list[npt.NDArray[np.float64]]
    memory_mb: list[npt.NDArray[np.float64]]


@dataclass
class Outcome:
    """What became of the tasks.

    Parameters
    ----------
    core_hours
        Of all attempts, with their starts.
    wall_hours
        From the first start to the last end.
    finished, left
        Scans that are done, and those that another command must process.
    killed
        Attempts that were killed, by reason.
    runs
        Attempts and what SLURM started again, all together.
    """

    core_hours: float = 0.0
    wall_hours: float = 0.0
    finished: int = 0
    left: int = 0
    killed: dict[Killed, int] = field(default_factory=lambda: dict.fromkeys(Killed, 0))
    runs: int = 0


@dataclass
class _Task:
    number: int
    size: Size
    place: int = 0  # of the first scan that is not done
    attempts: int = 0


@dataclass
class _Node:
    slowness: float
    cores: int
    memory_mb: float
    runs: dict[int, _Run] = field(default_factory=dict)
    is_up: bool = True

    def has_room(self, memory_mb: float) -> bool:
        return self.is_up and self.cores > 0 and self.memory_mb >= memory_mb


@dataclass(frozen=True)
class _Run:
    """An attempt: when each of its scans ends if nothing happens, and how it ends."""

    task: _Task
    node: int
    start: float
    ends: npt.NDArray[np.float64]
    end: float
    killed: Killed | None


def simulate(work: Work, machines: Machines, rng: np.random.Generator) -> Outcome:
    """Return what becomes of the tasks of an array.

    Raises
    ------
    ValueError
        A task fits on no node.
    """
    if work.size.memory_mb > machines.memory_mb:
        raise ValueError("a task does not fit on a node")
    return _Simulation(work, machines, rng).run()


class _Simulation:
    def __init__(self, work: Work, machines: Machines, rng: np.random.Generator) -> None:
        self._work, self._machines, self._rng = work, machines, rng
        n_slow = math.ceil(machines.nodes * machines.slow)
        self._nodes = [
            _Node(machines.slowness if place < n_slow else 1.0, machines.cores, machines.memory_mb)
            for place in range(machines.nodes)
        ]
        self._waiting: dict[int, deque[_Task]] = {}  # by memory
        self._events: list[tuple[float, int, str, int]] = []  # time, order, what, run or node
        self._running: dict[int, _Run] = {}
        self._counter = 0
        self._ends: list[float] = []
        self.outcome = Outcome()

    def run(self) -> Outcome:
        for number in range(len(self._work.seconds)):
            self._wait(_Task(number, self._work.size))
        for number in range(len(self._nodes)):
            self._plan_failure(number, 0.0)
        self._start_waiting(0.0)
        while self._running or any(self._waiting.values()):
            now, _, what, number = heapq.heappop(self._events)
            getattr(self, what)(now, number)
            self._start_waiting(now)
        self.outcome.wall_hours = max(self._ends, default=0.0) / _HOUR
        return self.outcome

    def ended(self, now: float, number: int) -> None:
        """End a run, unless its node has failed before."""
        if number not in self._running:
            return
        run = self._leave(number)
        self._account(run, now)
        task = run.task
        if run.killed is None:
            self._ends.append(now)
            return
        self.outcome.killed[run.killed] += 1
        task.attempts += 1
        bigger = larger(task.size, run.killed)
        if task.attempts >= ATTEMPTS or bigger.memory_mb > self._machines.memory_mb:
            self.outcome.left += len(self._work.seconds[task.number]) - task.place
            self._ends.append(now)
            return
        task.size = bigger
        self._wait(task)

    def failed(self, now: float, number: int) -> None:
        """Take a node away, with its runs."""
        node = self._nodes[number]
        node.is_up = False
        for key in list(node.runs):
            run = self._leave(key)
            self._account(run, now)
            self.outcome.killed[Killed.NODE] += 1
            self._wait(run.task)
        self._push(now + self._machines.repair_hours * _HOUR, "repaired", number)

    def repaired(self, now: float, number: int) -> None:
        """Give a node back."""
        self._nodes[number].is_up = True
        self._plan_failure(number, now)

    def _plan_failure(self, number: int, now: float) -> None:
        if self._machines.failures:
            self._push(now + self._rng.exponential(_DAY / self._machines.failures), "failed", number)

    def _push(self, time: float, what: str, number: int) -> None:
        self._counter += 1
        heapq.heappush(self._events, (time, self._counter, what, number))

    def _wait(self, task: _Task) -> None:
        self._waiting.setdefault(task.size.memory_mb, deque()).append(task)

    def _start_waiting(self, now: float) -> None:
        """Start what fits, tasks with most memory first."""
        for memory_mb in sorted(self._waiting, reverse=True):
            for number, node in enumerate(self._nodes):
                while self._waiting[memory_mb] and node.has_room(memory_mb):
                    self._start(self._waiting[memory_mb].popleft(), number, now)

    def _start(self, task: _Task, number: int, now: float) -> None:
        node = self._nodes[number]
        node.cores -= 1
        node.memory_mb -= task.size.memory_mb
        run = self._planned(task, number, now)
        self._counter += 1
        node.runs[self._counter] = self._running[self._counter] = run
        heapq.heappush(self._events, (run.end, self._counter, "ended", self._counter))
        self.outcome.runs += 1

    def _planned(self, task: _Task, number: int, now: float) -> _Run:
        slowness = self._nodes[number].slowness
        seconds = slowness * self._work.seconds[task.number][task.place :]
        ends = now + slowness * START_SECONDS + np.cumsum(seconds)
        end, killed = float(ends[-1]) if ends.size else now + slowness * START_SECONDS, None
        too_large = np.flatnonzero(self._work.memory_mb[task.number][task.place :] > task.size.memory_mb)
        if too_large.size:
            first = int(too_large[0])
            end, killed = float(ends[first] - _HALF * seconds[first]), Killed.MEMORY
        limit = now + 60 * task.size.minutes
        if end > limit:
            end, killed = limit, Killed.TIME
        return _Run(task, number, now, ends, end, killed)

    def _leave(self, number: int) -> _Run:
        run = self._running.pop(number)
        node = self._nodes[run.node]
        del node.runs[number]
        node.cores += 1
        node.memory_mb += run.task.size.memory_mb
        return run

    def _account(self, run: _Run, now: float) -> None:
        """Count the time of a run, and the scans that it has finished."""
        done = int(np.searchsorted(run.ends, now, side="right"))
        run.task.place += done
        self.outcome.finished += done
        self.outcome.core_hours += (now - run.start) / _HOUR
