"""Exit codes and the one exception class that every expected failure uses."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

__all__ = ["Exit", "NeuroFMError"]


class Exit(IntEnum):
    """Exit codes of the command line (BIDS Apps execution specification and sysexits)."""

    OK = 0
    SOME_FAILED = 1
    INVALID_BIDS = 16
    UNKNOWN_LEVEL = 17
    NOTHING_SELECTED = 18
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    SOFTWARE = 70
    CANT_CREATE = 73
    IO = 74
    TRY_AGAIN = 75


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
        """Say what, where and what to do, in one line."""
        return f"{self.reason}. {self.fix}".rstrip() if self.fix else self.reason

    @property
    def reason(self) -> str:
        """What is wrong and where, without the advice."""
        return self.what if self.where is None else f"{self.what}: {self.where}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip between worker processes."""
        return _rebuild, (self.what, self.where, self.fix, self.code)


def _rebuild(what: str, where: str | Path | None, fix: str, code: Exit) -> NeuroFMError:
    return NeuroFMError(what, where=where, fix=fix, code=code)
