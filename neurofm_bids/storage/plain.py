"""Names of files and folders for other programs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["plain_name"]

_PLAIN = re.compile(r"/[A-Za-z0-9_./-]+")


@contextlib.contextmanager
def plain_name(path: Path) -> Iterator[Path]:
    """Yield a name of an existing file or folder that other programs accept, whatever its path contains.

    Some programs interpret brackets, commas and wildcards, or need UTF-8. A path with anything but ASCII
    letters, digits and ``_ . / -`` is replaced by the one that Linux gives to an open file.

    Raises
    ------
    OSError
        It cannot be opened.

    Examples
    --------
    >>> with plain_name(Path("/usr/lib")) as name:
    ...     print(name)
    /usr/lib
    """
    if _PLAIN.fullmatch(str(path)):
        yield path
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
