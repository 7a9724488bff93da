"""Processes that share the work on a large cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from threading import Thread
from typing import Any

from neurofm_bids.errors import MEMORY_FIX, Exit, NeuroFMError
from neurofm_bids.resources import end_with_parent

__all__ = ["worker_pool"]


@contextmanager
def worker_pool(
    processes: int, what: str, start: Callable[..., object] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Yield processes, which end with this one.

    Parameters
    ----------
    what
        What they do, after "a process that".
    start
        What each does first, with these arguments.

    Raises
    ------
    NeuroFMError
        A process was killed.
    """
    initial = (start, *arguments)
    with ProcessPoolExecutor(processes, get_context("forkserver"), _begin, initial) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            text = f"a process that {what} was killed, probably for lack of memory"
            raise NeuroFMError(text, fix=MEMORY_FIX, code=Exit.SOFTWARE) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(start: Callable[..., object] | None, *arguments: Any) -> None:
    Thread(target=end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)
