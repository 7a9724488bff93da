"""Exit codes and the one exception class that every expected failure uses."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

__all__ = [
    "ENDS_THE_RUN",
    "INTERRUPTED",
    "MEMORY_FIX",
    "Exit",
    "NeuroFMError",
    "disk_errors",
    "os_error",
    "with_fix",
]

MEMORY_FIX = "Request more memory for the job, or process fewer scans at once (lower --nprocs or --mem)."

# Errors of the output and work folders that would hit every other scan too.
ENDS_THE_RUN = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.ESTALE,
        errno.EIO,
        errno.ENOTCONN,
        errno.EACCES,
        errno.ENODEV,
    }
)


class Exit(IntEnum):
    """Exit codes of the command line (BIDS Apps execution specification and sysexits), and their meanings."""

    OK = 0, "all scans processed"
    SOME_FAILED = 1, "some failed"
    INVALID_BIDS = 16, "not a BIDS dataset"
    UNKNOWN_LEVEL = 17, "unknown level"
    NOTHING_SELECTED = 18, "no scan selected"
    USAGE = 64, "wrong usage"
    DATA = 65, "wrong file content"
    NO_INPUT = 66, "input not found"
    SOFTWARE = 70, "unexpected error"
    CANT_CREATE = 73, "output cannot be written"
    IO = 74, "disk error"
    TRY_AGAIN = 75, "download failed"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        """Return a code that knows its meaning."""
        member = int.__new__(cls, code)
        member._value_, member.meaning = code, meaning
        return member


INTERRUPTED = 130  # as shells report a command that SIGINT ended


class NeuroFMError(Exception):
    """A failure that a user can understand and act on.

    Parameters
    ----------
    what
        One sentence without a full stop: what is wrong.
    where
        The file, option or value concerned.
    fix
        What the user can do about it.
    code
        Exit code if this error ends the run.

    Examples
    --------
    >>> print(NeuroFMError("the image is constant", where="sub-01_T1w.nii.gz", fix="Check it."))
    the image is constant: sub-01_T1w.nii.gz. Check it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        fix: str = "",
        code: Exit = Exit.DATA,
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.fix, self.code = what, where, fix, code

    def __str__(self) -> str:
        """Return what is wrong, where, and what to do, in one line."""
        return with_fix(self.reason, self.fix)

    @property
    def reason(self) -> str:
        """What is wrong and where, without the advice."""
        return self.what if self.where is None else f"{self.what}: {self.where}"

    def __reduce__(self) -> tuple[object, ...]:
        """Let worker processes return the error."""
        return _rebuild, (self.what, self.where, self.fix, self.code)


def with_fix(reason: str, fix: str) -> str:
    """Return what is wrong, without a full stop, and what to do, if anything, in one line.

    >>> with_fix("the image is constant", "Check it."), with_fix("the image is constant", "")
    ('the image is constant. Check it.', 'the image is constant')
    """
    return f"{reason}. {fix}".rstrip() if fix else reason


def _rebuild(what: str, where: str | Path | None, fix: str, code: Exit) -> NeuroFMError:
    return NeuroFMError(what, where=where, fix=fix, code=code)


_ADVICE = {
    errno.ENOSPC: ("the disk is full", "Free some space and run the same command again.", Exit.IO),
    errno.EDQUOT: ("the quota is exceeded", "Free some space and run the same command again.", Exit.IO),
    errno.EROFS: ("the file system is read-only", "Choose a folder with write permission.", Exit.CANT_CREATE),
    errno.EACCES: ("access is not permitted", "Check the permissions of the folder.", Exit.CANT_CREATE),
    errno.EPERM: ("access is not permitted", "Check the permissions of the folder.", Exit.CANT_CREATE),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "Shorten the path.", Exit.DATA),
    errno.ESTALE: (
        "the network file system lost the folder (stale file handle)",
        "Run the same command again when it is available.",
        Exit.IO,
    ),
    errno.ENOENT: (
        "the file or its folder has vanished",
        "Run the same command again when it is available.",
        Exit.IO,
    ),
    errno.EMFILE: ("too many files are open", "Raise the limit with: ulimit -n 4096.", Exit.IO),
}


@contextmanager
def disk_errors(where: str | Path) -> Iterator[None]:
    """Raise errors of the disk as :func:`os_error` describes them."""
    try:
        yield
    except OSError as error:
        raise os_error(error, where) from error


def os_error(error: OSError, where: str | Path) -> NeuroFMError:
    """Return the error for a file or folder that could not be written.

    Examples
    --------
    >>> print(os_error(OSError(errno.ENOSPC, ""), "out"))
    the disk is full: out. Free some space and run the same command again.
    """
    code = Exit.IO if error.errno in ENDS_THE_RUN else Exit.CANT_CREATE
    otherwise = (f"writing failed ({error.strerror or error})", "Check the folder and its disk.", code)
    what, fix, code = _ADVICE.get(error.errno or 0, otherwise)
    return NeuroFMError(what, where=where, fix=fix, code=code)
