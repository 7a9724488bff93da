"""Worker processes: one task each at a time, replaced when one dies, ended with the command.

This module imports nothing heavy: a worker bounds its threads before the libraries that start them are
imported.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.resources import out_of_memory_kills

__all__ = ["MEMORY_FIX", "Task", "Workers"]

MEMORY_FIX = "Give the job more memory, or do fewer scans at once (a lower --nprocs or --mem)."
_UNKNOWN = 255  # what is left of an exit code when the forkserver could not pass it on
_LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")


class _Worker:
    """One process behind an executor of its own, so that its death costs no other task."""

    def __init__(self, threads: int, folder: str) -> None:
        context = multiprocessing.get_context("forkserver")
        self._pool = ProcessPoolExecutor(1, context, initializer=_start, initargs=(threads, folder))
        self._process: BaseProcess | None = None

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        if self._process is not None:
            return self._pool.submit(function, *args)
        others = set(multiprocessing.active_children())
        future = self._pool.submit(function, *args)
        self._process = next(iter(set(multiprocessing.active_children()) - others), None)
        return future

    def exit_code(self) -> int | None:
        """Wait for the process, which is dying, and return its exit code."""
        if self._process is None:
            return None
        self._process.join(10)
        return self._process.exitcode

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            self._process.terminate()

    def join(self) -> None:
        if self._process is not None:
            self._process.join(2)


class Task:
    """A call under way in a worker."""

    def __init__(self, worker: _Worker, future: Future[Any], kills: int) -> None:
        self.worker, self._future, self._kills = worker, future, kills

    def is_over(self) -> bool:
        """Tell whether the call returned, raised, or lost its worker."""
        return self._future.done()

    def is_lost(self) -> bool:
        """Tell whether the worker died."""
        return self.is_over() and isinstance(self._future.exception(), BrokenProcessPool)

    def result(self) -> Any:
        """Wait for what the call returns, or raise what it raised."""
        return self._future.result()

    def cause_of_death(self) -> tuple[str, str]:
        """Return why the worker died and what to do, one sentence each."""
        code = self.worker.exit_code()
        if out_of_memory_kills() > self._kills:
            return "the worker process was killed: the memory of the control group ran out", MEMORY_FIX
        if code in (-signal.SIGKILL, _UNKNOWN, None):
            return "the worker process was killed, most likely for lack of memory", MEMORY_FIX
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the worker process crashed ({name}), for lack of memory or for a fault in a library", (
            f"{MEMORY_FIX} If that does not help, report it with the scan."
        )


class Workers:
    """The worker processes of a run, started when they are needed and kept for the next task.

    Parameters
    ----------
    threads
        Threads of OpenMP, MKL and OpenBLAS in each; ITK has one.
    folder
        For temporary files.
    """

    def __init__(self, threads: int, folder: Path) -> None:
        self._arguments = (threads, str(folder))
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._reserved: _Worker | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        workers = (*self._idle, *self._busy)
        for worker in workers:
            worker.close()
        for worker in workers:  # they may write until they are gone
            worker.join()

    def submit(self, function: Callable[..., Any], *args: Any, reserved: bool = False) -> Task:
        """Start a call in a worker that is free; ``reserved`` calls share one, which does nothing else.

        Raises
        ------
        NeuroFMError
            The system lets no process be started.
        """
        kills = out_of_memory_kills()
        try:
            worker = self._take(reserved)
            future = worker.submit(function, *args)
        except BrokenProcessPool:  # it died while it was idle
            worker.close()
            return self.submit(function, *args, reserved=reserved)
        except OSError as error:  # semaphores live in shared memory; processes and open files are limited
            raise NeuroFMError(
                f"worker processes cannot be started ({error.strerror})",
                fix="Check that /dev/shm may be written to, and the limits of ulimit -u and -n.",
                code=Exit.CANT_CREATE,
            ) from error
        self._busy.append(worker)
        if reserved:
            self._reserved = worker
        return Task(worker, future, kills)

    def _take(self, reserved: bool) -> _Worker:
        free = [w for w in self._idle if (w is self._reserved) == (reserved and self._reserved is not None)]
        if not free:
            return _Worker(*self._arguments)
        self._idle.remove(free[-1])
        return free[-1]

    def give_back(self, task: Task) -> None:
        """Make the worker of a task free for others; end it if it is dead or still at work."""
        self._busy.remove(task.worker)
        if task.is_lost() or not task.is_over():
            task.worker.close()
            if task.worker is self._reserved:
                self._reserved = None
        else:
            self._idle.append(task.worker)

    def unreserve(self) -> None:
        """Let the reserved worker do any task."""
        self._reserved = None

    def trim(self, count: int) -> None:
        """End idle workers until at most ``count`` are left idle: they keep memory."""
        spare = [worker for worker in self._idle if worker is not self._reserved]
        for worker in spare[: max(0, len(spare) - count)]:
            self._idle.remove(worker)
            worker.close()

    def call(self, function: Callable[..., Any], *args: Any, reserved: bool = False) -> Any:
        """Call a function in a worker and wait for what it returns.

        Raises
        ------
        NeuroFMError
            The worker died.
        """
        task = self.submit(function, *args, reserved=reserved)
        try:
            return task.result()
        except BrokenProcessPool as error:
            reason, fix = task.cause_of_death()
            raise NeuroFMError(reason, fix=fix, code=Exit.TRY_AGAIN) from error
        finally:
            self.give_back(task)


def _start(threads: int, folder: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself ends its workers
    for library in _LIBRARIES:
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    os.environ["TMPDIR"] = folder  # cleared with the rest, however this ends
    with contextlib.suppress(OSError):  # short of memory, the kernel ends a worker rather than the command
        Path("/proc/self/oom_score_adj").write_text("500")


def _end_with_parent() -> None:
    """End this worker when the command that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
