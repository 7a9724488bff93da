"""Atomic writing of every file.

A file is written under a temporary name in its own folder and then moved into place, so a reader never
sees half of it and several processes may write the same tree at once.
"""

from __future__ import annotations

import contextlib
import filecmp
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from neurofm_bids.errors import disk_errors

if TYPE_CHECKING:
    import nibabel as nib

__all__ = [
    "file_sha256",
    "file_version",
    "remove_leftovers",
    "status_version",
    "whole_file",
    "write_bytes",
    "write_json",
    "write_nifti",
    "write_text",
]

_TEMPORARY = ".tmp-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; leave an equal file alone.

    Raises
    ------
    NeuroFMError
        The disk is full, read-only or gone, or there is no write permission for the folder.
    """
    with disk_errors(path):
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content becomes a file when all is written, or nothing; leave an equal file alone.

    Raises
    ------
    NeuroFMError
        As :func:`write_bytes`.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_file(path) as (stream, temporary):
            yield stream
            stream.flush()
            if not (path.is_file() and filecmp.cmp(temporary, path, shallow=False)):
                _move(stream, temporary, path)


def _replace(path: Path, data: bytes) -> None:
    with _temporary_file(path) as (stream, temporary):
        stream.write(data)
        _move(stream, temporary, path)


def _move(stream: BinaryIO, temporary: Path, path: Path) -> None:
    stream.flush()
    os.fsync(stream.fileno())  # a power failure must not leave an empty file of that name
    temporary.chmod(0o666 & ~_umask())
    temporary.replace(path)


@contextlib.contextmanager
def _temporary_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a new file beside another, which is removed at the end unless it was moved."""
    handle, name = tempfile.mkstemp(prefix=_temporary(path), dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream, temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def file_version(path: Path) -> tuple[int, ...]:
    """Return what distinguishes one version of a file from another; empty if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def status_version(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes with the content of a file, even if its time of modification is set back."""
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove temporary files of interrupted writes; no other process may be writing these files.

    Raises
    ------
    NeuroFMError
        One cannot be removed.
    """
    beginnings: dict[Path, list[str]] = {}
    for path in paths:
        beginnings.setdefault(path.parent, []).append(_temporary(path))
    for folder, names in beginnings.items():
        for left in folder.glob(f"{_TEMPORARY}*"):
            if left.name.startswith(tuple(names)):
                _remove(left)


def _remove(path: Path) -> None:
    with disk_errors(path):
        path.unlink(missing_ok=True)


def _temporary(path: Path) -> str:
    return f"{_TEMPORARY}{path.name[:200]}-"


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; bytes of a file name that are not UTF-8 are written as escapes."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """Write JSON atomically, with sorted keys or in their order; refuse NaN and infinity."""
    text = json.dumps(value, indent=2, sort_keys=sort_keys, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_nifti(path: Path, image: nib.Nifti1Image) -> None:
    """Write ``.nii.gz`` atomically, without time or name in the gzip header (equal input, equal bytes)."""
    write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))
