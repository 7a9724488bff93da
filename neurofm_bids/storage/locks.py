"""Locks by which several runs share one output folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from neurofm_bids.errors import disk_errors

__all__ = ["Locks"]

_log = logging.getLogger(__name__)
_HELD_ELSEWHERE = {errno.EACCES, errno.EAGAIN}


class Locks:
    """Locks by name within one file, held by this process until it releases them or ends, however it ends.

    Each name is one byte of the file (its place is a hash of the name), locked as POSIX record locks are:
    also between machines that share a network file system, and released by the kernel when a process ends.
    Where the file system does not support locks, every lock is granted and a warning is logged.

    Parameters
    ----------
    path
        The file; nothing is ever written to it. No other code of the process may open it: closing any handle
        of a file releases all locks of the process on it.
    create
        Create the file and its folder if they do not exist.

    Attributes
    ----------
    works
        False once the file system has turned out not to support locks.

    Raises
    ------
    NeuroFMError
        The file cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        how = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors(path):
            if create:
                path.parent.mkdir(exist_ok=True)
                how |= os.O_CREAT
            self._handle = os.open(path, how, 0o666)
        self.works = True

    def __enter__(self) -> Locks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def try_acquire(self, name: str) -> bool:
        """Acquire a lock unless another process holds it, and tell whether it is held now."""
        return self._lock(name, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self, name: str) -> None:
        """Release a lock."""
        self._lock(name, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def held(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """Wait for a lock and hold it; a shared lock excludes only exclusive ones."""
        self._lock(name, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            self.release(name)

    def _lock(self, name: str, how: int) -> bool:
        if not self.works:
            return True
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])
        try:
            fcntl.lockf(self._handle, how, 1, place)
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                return False
            self.works = False
            _log.warning(
                "No file locks on the file system of %s (%s): concurrent runs may process the same scans.",
                self._path.parent,
                error.strerror,
            )
        return True
