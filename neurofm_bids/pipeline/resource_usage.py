"""What a piece of work takes: seconds, processor time and peak memory of this process."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

__all__ = ["Meter"]

_SELF = Path("/proc/self")


class Meter:
    """Measures from its making on.

    The peak is that of the resident memory. Linux forgets the peak before it when asked to; where it cannot
    be asked, there is no peak.
    """

    def __init__(self) -> None:
        self._resettable = False
        with contextlib.suppress(OSError):
            (_SELF / "clear_refs").write_text("5")
            self._resettable = True
        self._started, self._processor = time.monotonic(), time.process_time()

    def read(self) -> dict[str, float | None]:
        """Return ``seconds``, ``cpu_seconds`` (all threads) and ``peak_memory_mb`` (1e6 bytes) so far."""
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "cpu_seconds": round(time.process_time() - self._processor, 3),
            "peak_memory_mb": self._peak() if self._resettable else None,
        }

    def _peak(self) -> float | None:
        with contextlib.suppress(OSError):
            peak = re.search(r"VmHWM:\s+(\d+) kB", (_SELF / "status").read_text())
            return round(int(peak.group(1)) * 1024 / 1e6, 1) if peak else None
        return None
