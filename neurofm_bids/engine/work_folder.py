"""The folder of intermediate files of one run: created, locked, removed; those of killed runs are cleared."""

from __future__ import annotations

import contextlib
import errno
import hashlib
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

from neurofm_bids.errors import ENDS_THE_RUN, Exit, NeuroFMError
from neurofm_bids.storage.locks import Locks

__all__ = ["default_work_dir", "disk_errno", "run_prefix", "work_folder"]

_log = logging.getLogger(__name__)
_KEPT, _LOCK = "neurofm-kept-", "lock"
_MAX_BYTES = 107 - len("/pymp-12345678/listener-12345678")  # the path of a socket has at most 107
_PROBE = 2**16  # bytes: more than a step writes when it fails


@contextlib.contextmanager
def work_folder(work_dir: Path, *, out_dir: Path | None = None, keep: bool = False) -> Iterator[Path]:
    """Create a folder for one run under ``work_dir`` and remove it at the end.

    Parameters
    ----------
    out_dir
        Output folder: the last run also removes ``work_dir`` if it is the default one of this folder.
    keep
        Keep the folder, and log where it is.

    Raises
    ------
    NeuroFMError
        It cannot be created, or ``work_dir`` belongs to another user.
    """
    is_default = out_dir is not None and _is_default(work_dir, out_dir)
    number = uuid.uuid4().hex[:12]
    folder, new = work_dir / f"{run_prefix()}{number}", work_dir / f"neurofm-new-{number}"
    try:
        _create(new)
    except OSError as error:
        raise NeuroFMError(
            f"the work folder cannot be created ({error.strerror})",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.CANT_CREATE,
        ) from error
    _clear(work_dir)
    with Locks(new / _LOCK) as lock, _temporary_files():
        lock.try_acquire("run")
        new.rename(folder)  # only now, locked: another run would remove it otherwise
        try:
            yield folder
        finally:
            _end(folder, keep=keep)
            _clear(work_dir, but=folder)  # of a run that was killed in the meantime
            if is_default:
                with contextlib.suppress(OSError):  # another run or a kept folder is in it
                    work_dir.rmdir()


def default_work_dir(out_dir: Path) -> Path:
    """Return the folder in the temporary directory for the runs of one output folder.

    Raises
    ------
    NeuroFMError
        There is no temporary directory.
    """
    name = hashlib.sha256(os.fsencode(out_dir)).hexdigest()[:8]
    try:
        return Path(tempfile.gettempdir()) / f"neurofm-work-{os.geteuid()}-{name}"
    except FileNotFoundError as error:
        raise NeuroFMError(
            "no writable temporary folder found",
            fix="Choose a folder for intermediate files with --work-dir.",
            code=Exit.CANT_CREATE,
        ) from error


def _is_default(work_dir: Path, out_dir: Path) -> bool:
    try:
        return work_dir == default_work_dir(out_dir)
    except NeuroFMError:
        return False


def _create(new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        _check_owner(new.parent)
        new.mkdir(mode=0o700)
    except FileNotFoundError:  # a run that ended in this moment removed the empty folder
        _create(new)


def _end(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    kept = folder.with_name(folder.name.replace(run_prefix(), _KEPT))
    with contextlib.suppress(OSError):
        folder.rename(kept)
        _log.info("Intermediate files were kept in %s", kept)


def _check_owner(work_dir: Path) -> None:
    """Refuse a folder of another user in a world-writable place: what is read from it is trusted."""
    status, above = work_dir.stat(), work_dir.parent.stat()
    if above.st_mode & stat.S_IWOTH and status.st_uid != os.geteuid():
        raise NeuroFMError(
            "the work folder belongs to another user",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.CANT_CREATE,
        )


def run_prefix() -> str:
    """Return the prefix of the folders of runs on this machine."""
    return f"neurofm-run-{re.sub('[^A-Za-z0-9]', '', platform.node())}-"


def _clear(work_dir: Path, *, but: Path | None = None) -> None:
    """Remove the folders of killed runs of this machine; runs in progress hold their lock.

    On some file systems other machines do not see the locks: their folders are left to them.
    """
    for folder in work_dir.glob(f"{run_prefix()}*"):
        with contextlib.suppress(NeuroFMError, FileNotFoundError):  # another run removed it in this moment
            status = folder.lstat()
            if folder == but or not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            with Locks(folder / _LOCK, create=False) as lock:
                if lock.try_acquire("run") and lock.works:
                    _log.info("Removing the work folder of a killed run: %s", folder)
                    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _temporary_files() -> Iterator[None]:
    """Keep the sockets of this process in shared memory where the temporary folder has no place for them."""
    before = tempfile.tempdir
    if not _has_place_for_sockets():
        tempfile.tempdir = "/dev/shm"
    try:
        yield
    finally:
        tempfile.tempdir = before


def _has_place_for_sockets() -> bool:
    """Tell whether there is a temporary folder whose path leaves room for the names of sockets."""
    try:
        return len(os.fsencode(tempfile.gettempdir())) <= _MAX_BYTES
    except FileNotFoundError:
        return False


def disk_errno(error: BaseException | None, folder: Path) -> int | None:
    """Return the ``errno`` of a disk that no other scan could use either, or None.

    Parameters
    ----------
    error
        What a step raised. nipype passes on only the text of an exception, so that the cause may be lost.
    folder
        Where steps work: a file is written to it if ``error`` does not carry the cause. In the folder of
        a run, its lock must be there too: a step may have created an empty folder of that name.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in ENDS_THE_RUN:
            return error.errno
        error = error.__cause__ or error.__context__
    if any(place.name.startswith(run_prefix()) and not (place / _LOCK).exists() for place in folder.parents):
        return errno.ENOENT
    probe = folder / f"probe-{os.getpid()}"
    try:
        probe.write_bytes(bytes(_PROBE))
    except OSError as failure:
        return failure.errno if failure.errno in {*ENDS_THE_RUN, errno.ENOENT} else None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None
