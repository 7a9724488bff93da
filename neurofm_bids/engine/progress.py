"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from neurofm_bids.engine.run_log import Timing

__all__ = ["Progress"]

_log = logging.getLogger(__name__)


class Progress:
    """Counts finished scans and names the step that was finished last.

    Parameters
    ----------
    total
        Number of scans of the run.
    """

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0
        self._bar: Bar | None = None
        console = Console(stderr=True)
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=console)
            self._bar.start()
            self._task = self._bar.add_task("scans", total=total)

    def step_done(self, timing: Timing) -> None:
        """Log the outcome of a step."""
        level = logging.DEBUG if self._bar else logging.INFO
        _log.log(level, "%s %s %s (%.1f s)", timing.scan, timing.step, timing.outcome, timing.seconds)
        if self._bar:
            self._bar.update(self._task, description=f"{timing.scan} {timing.step}")

    def scan_done(self, name: str, failure: str | None) -> None:
        """Count one scan; ``failure`` names the step in which it failed, and why."""
        self._count += 1
        if self._bar:
            self._bar.advance(self._task)
        what = f"failed in {failure}" if failure else "done"
        level = logging.ERROR if failure else logging.INFO
        _log.log(level, "[%d/%d] %s %s", self._count, self._total, name, what)

    def close(self) -> None:
        """Restore the terminal."""
        if self._bar:
            self._bar.stop()
