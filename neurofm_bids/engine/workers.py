"""Worker processes: one call each at a time, replaced when one dies, ended with the command.

This module imports nothing heavy: a worker bounds its threads before the libraries that start them are
imported.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from neurofm_bids.errors import MEMORY_FIX, Exit, NeuroFMError
from neurofm_bids.resources import end_with_parent, out_of_memory_kills

__all__ = ["Task", "Workers"]

_CHECK_MEMORY = f"Check the system log or the record of the job for a lack of memory. {MEMORY_FIX}"
_UNKNOWN = 255  # the exit code of a process whose forkserver is gone
_LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")


class _Worker:
    """A process and the pipe to it."""

    def __init__(self, threads: int, folder: str) -> None:
        context = multiprocessing.get_context("forkserver")
        self.pipe, end = context.Pipe()
        with end:
            self._process = context.Process(target=_serve, args=(end, threads, folder))
            self._process.start()

    def exit_code(self) -> int | None:
        """Wait for the process, which is ending, and return its exit code."""
        self._process.join(10)
        return self._process.exitcode

    def close(self) -> None:
        self.pipe.close()
        self._process.terminate()

    def join(self) -> None:
        self._process.join(2)


class Task:
    """A call in progress in a worker."""

    def __init__(self, worker: _Worker, kills: int) -> None:
        self.worker, self._kills = worker, kills
        self._answer: tuple[Any, Exception | None] | None = None
        self._over = False

    def is_over(self) -> bool:
        """Tell whether the call returned, raised, or lost its worker."""
        return self._over or (self.worker.pipe.poll() and self._receive())

    def is_lost(self) -> bool:
        """Tell whether the worker died."""
        return self.is_over() and self._answer is None

    def result(self) -> Any:
        """Wait for what the call returns, or raise what it raised.

        Raises
        ------
        NeuroFMError
            The worker died.
        """
        self._receive()
        if self._answer is None:
            raise self.cause_of_death()
        value, error = self._answer
        if error is not None:
            raise error
        return value

    def cause_of_death(self) -> NeuroFMError:
        """Return why the worker died and what to do."""
        code, fix = self.worker.exit_code(), MEMORY_FIX
        if out_of_memory_kills() > self._kills:
            reason = "the worker process was killed: the memory of the control group ran out"
        elif code in (-signal.SIGKILL, _UNKNOWN, None):
            reason, fix = "the worker process was killed (SIGKILL)", _CHECK_MEMORY
        else:
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            reason = f"the worker process crashed ({name})"
            fix = f"{MEMORY_FIX} If that does not help, report it with the scan."
        return NeuroFMError(reason, fix=fix, code=Exit.TRY_AGAIN)

    def _receive(self) -> bool:
        """Wait for the answer; the pipe of a worker that died is closed."""
        if not self._over:
            with contextlib.suppress(EOFError, OSError):
                self._answer = self.worker.pipe.recv()
            self._over = True
        return True


class Workers:
    """The worker processes of a run, started when they are needed and kept for the next call.

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
        for worker in workers:  # they may write until they have ended
            worker.join()

    def submit(self, function: Callable[..., Any], *args: Any, reserved: bool = False) -> Task:
        """Start a call in an idle worker; ``reserved`` calls share one, which does nothing else.

        Raises
        ------
        NeuroFMError
            The system does not allow another process.
        """
        kills, worker = out_of_memory_kills(), self._take(reserved)
        try:
            worker.pipe.send((function, args))
        except OSError:  # it died while it was idle
            worker.close()
            return self.submit(function, *args, reserved=reserved)
        self._busy.append(worker)
        if reserved:
            self._reserved = worker
        return Task(worker, kills)

    def _take(self, reserved: bool) -> _Worker:
        idle = [w for w in self._idle if (w is self._reserved) == (reserved and self._reserved is not None)]
        if idle:
            self._idle.remove(idle[-1])
            return idle[-1]
        try:
            return _Worker(*self._arguments)
        except OSError as error:  # semaphores live in shared memory; processes and open files are limited
            raise NeuroFMError(
                f"worker processes cannot be started ({error.strerror or error})",
                fix="Check the permissions of /dev/shm and of the temporary folder, and ulimit -u and -n.",
                code=Exit.CANT_CREATE,
            ) from error

    def give_back(self, task: Task) -> None:
        """Make the worker of a call available to others; end it if it died or is still busy."""
        self._busy.remove(task.worker)
        if task.is_over() and not task.is_lost():
            self._idle.append(task.worker)
            return
        task.worker.close()
        if task.worker is self._reserved:
            self._reserved = None

    def unreserve(self) -> None:
        """Let the reserved worker take any call."""
        self._reserved = None

    def trim(self, count: int) -> None:
        """End idle workers, which keep memory, until at most ``count`` are left."""
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
        finally:
            self.give_back(task)


def _serve(pipe: Connection, threads: int, folder: str) -> None:
    """Answer calls until the command closes the pipe."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself ends its workers
    for library in _LIBRARIES:
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    os.environ["TMPDIR"] = folder  # removed with the rest, however the run ends
    with contextlib.suppress(OSError):  # short of memory, the kernel ends a worker rather than the command
        Path("/proc/self/oom_score_adj").write_text("500")
    with contextlib.suppress(EOFError, OSError):
        while True:
            _answer(pipe)


def _answer(pipe: Connection) -> None:
    """Make one call and send its result, or what it raised."""
    try:
        function, args = pipe.recv()
        pipe.send((function(*args), None))
    except (EOFError, BrokenPipeError):
        raise
    except NeuroFMError as error:
        pipe.send((None, error))
    except Exception:
        pipe.send((None, RuntimeError(f"in a worker process:\n{traceback.format_exc()}")))
