"""The folder of intermediate files of one run: made, locked, emptied; those of runs that died are cleared."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.locks import Locks

__all__ = ["work_folder"]

_log = logging.getLogger(__name__)
_KEPT = "neurofm-kept-"


@contextlib.contextmanager
def work_folder(work_dir: Path, *, keep: bool = False) -> Iterator[Path]:
    """Make a folder for one run under ``work_dir`` and remove it at the end.

    Parameters
    ----------
    keep
        Leave the folder, and say where it is.

    Raises
    ------
    NeuroFMError
        It cannot be made, or lies in a folder of another user that everyone may write to.
    """
    number = uuid.uuid4().hex[:12]
    folder, new = work_dir / f"{_live()}{number}", work_dir / f"neurofm-new-{number}"
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        _check_owner(work_dir)
        new.mkdir(mode=0o700)
    except OSError as error:
        raise NeuroFMError(
            f"the work folder cannot be made ({error.strerror})",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.CANT_CREATE,
        ) from error
    _clear(work_dir)
    with Locks(new / "lock") as lock, _temporary_files():
        lock.try_acquire("run")
        new.rename(folder)  # it gets its name when it is locked, so that no other run takes it for a dead one
        try:
            yield folder
        finally:
            _end(folder, keep=keep)
            _clear(work_dir, but=folder)  # a run that died meanwhile had its lock when this one began


def _end(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    kept = folder.with_name(folder.name.replace(_live(), _KEPT))
    with contextlib.suppress(OSError):
        folder.rename(kept)
        _log.info("The intermediate files are kept in %s", kept)


def _check_owner(work_dir: Path) -> None:
    """Refuse a folder that another user made where everyone may: what is read back from it is trusted."""
    status, above = work_dir.stat(), work_dir.parent.stat()
    if above.st_mode & stat.S_IWOTH and status.st_uid != os.geteuid():
        raise NeuroFMError(
            "the work folder belongs to another user",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.CANT_CREATE,
        )


def _live() -> str:
    """Return how the names of folders of runs on this machine begin."""
    return f"neurofm-run-{re.sub('[^A-Za-z0-9]', '', platform.node())}-"


def _clear(work_dir: Path, *, but: Path | None = None) -> None:
    """Remove the folders of runs of this machine that were killed; those at work hold their lock.

    Some file systems have locks that other machines do not see: what those left is theirs to clear.
    """
    for folder in work_dir.glob(f"{_live()}*"):
        status = folder.lstat()
        if folder == but or not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            continue
        with contextlib.suppress(NeuroFMError), Locks(folder / "lock", create=False) as lock:
            if lock.try_acquire("run") and lock.works:
                _log.info("Clearing away what a killed run left in %s", folder)
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _temporary_files() -> Iterator[None]:
    """Let this process keep its sockets in shared memory where the system has no folder for temporary files.

    The work folder cannot serve: the name of a socket has 107 characters at most.
    """
    before = tempfile.tempdir
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = "/dev/shm"
    try:
        yield
    finally:
        tempfile.tempdir = before
