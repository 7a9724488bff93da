"""``--resource-monitor``: what the processes of a run take, second by second."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["monitored"]

_COLUMNS = ("seconds", "processes", "memory_mb", "cpu_percent", "work_mb")


@contextlib.contextmanager
def monitored(wanted: bool, log_folder: Path, work: Path, *, interval: float = 1.0) -> Iterator[None]:
    """Write ``resources.tsv`` into the log folder while the body runs, if it is wanted.

    Columns: seconds since the start; number of processes; their total resident memory (shared pages
    count for each), 1e6 bytes; processor use since the previous line, 100 for one core; size of the
    work folder, 1e6 bytes. ``interval`` is the time between two lines in seconds.
    """
    if not wanted:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(stop, log_folder / "resources.tsv", work, interval), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch(stop: threading.Event, path: Path, work: Path, interval: float) -> None:
    import psutil

    me, started = psutil.Process(), time.monotonic()
    seen: dict[psutil.Process, psutil.Process] = {}
    with contextlib.suppress(OSError), path.open("w", encoding="utf-8", buffering=1) as stream:
        stream.write("\t".join(_COLUMNS) + "\n")
        while not stop.wait(interval):
            seen = {p: seen.get(p, p) for p in (me, *me.children(recursive=True))}
            memory, percent = map(sum, zip(*(_use(p) for p in seen.values()), strict=True))
            size = _folder_mb(work)
            row = (f"{time.monotonic() - started:.0f}", len(seen), memory, f"{percent:.0f}", f"{size:.0f}")
            stream.write("\t".join(map(str, row)) + "\n")


def _use(process: object) -> tuple[int, float]:
    """Return memory in MB and processor use in percent; zeros for a process that has ended."""
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.memory_info().rss // 10**6, process.cpu_percent()
    except psutil.Error:
        return 0, 0.0


def _folder_mb(folder: Path) -> float:
    """Return the size of a folder whose files come and go."""
    size = 0
    for place, _, names in os.walk(folder):  # skips what is removed meanwhile
        for name in names:
            with contextlib.suppress(OSError):
                size += Path(place, name).lstat().st_size
    return size / 1e6
