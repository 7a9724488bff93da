"""Standard output whose reader may end first, as ``head`` does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

__all__ = ["CLOSED", "printing"]

CLOSED = 128 + signal.SIGPIPE


def printing(run: Callable[[], int]) -> int:
    """Return the exit code of a command that prints, :data:`CLOSED` if the reader of its output has ended.

    What is left of the output is discarded then, without an error.
    """
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    return code
