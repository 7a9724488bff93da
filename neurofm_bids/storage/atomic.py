"""Atomic writing of every file.

A file is written under a temporary name in its own folder and then moved into place, so a reader never
sees half of it and several processes may write the same tree at once.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.errors import os_error

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["file_version", "remove_leftovers", "write_bytes", "write_json", "write_nifti", "write_text"]

_TEMPORARY = ".tmp-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; leave an equal file alone.

    Raises
    ------
    NeuroFMError
        The disk is full, read-only or gone, or the folder may not be written.
    """
    try:
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise os_error(error, path) from error


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=_temporary(path), dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())  # a machine that goes down must not leave an empty file of that name
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def file_version(path: Path) -> tuple[int, ...]:
    """Return what tells one writing of a file from another; nothing if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove the temporary files of interrupted writes of these files; no one else may be writing them."""
    beginnings: dict[Path, list[str]] = {}
    for path in paths:
        beginnings.setdefault(path.parent, []).append(_temporary(path))
    for folder, names in beginnings.items():
        for left in folder.glob(f"{_TEMPORARY}*"):
            if left.name.startswith(tuple(names)):
                left.unlink(missing_ok=True)


def _temporary(path: Path) -> str:
    return f"{_TEMPORARY}{path.name[:200]}-"


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; bytes of a file name that are no UTF-8 are written as escapes."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys atomically; refuse NaN and infinity."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def write_nifti(path: Path, image: nib.Nifti1Image) -> None:
    """Write ``.nii.gz`` atomically, without time or name in the gzip header (equal input, equal bytes)."""
    write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))
