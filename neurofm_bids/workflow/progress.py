"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]

_log = logging.getLogger(__name__)


class Progress:
    """Counts finished scans and names the step at work.

    Parameters
    ----------
    total
        Number of scans of the run.
    """

    def __init__(self, total: int) -> None:
        self._total, self._count = total, 0
        self._started: dict[str, float] = {}
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

    def step_callback(self, names: Mapping[str, str]) -> Callable[[Any, str], None]:
        """Return a nipype status callback; ``names`` maps sub-workflows to scan names."""

        def on_step(node: Any, status: str) -> None:
            scan = names.get(node.fullname.split(".")[1], node.fullname)
            if status == "start":
                self._started[node.fullname] = time.monotonic()
                return
            seconds = time.monotonic() - self._started.pop(node.fullname, time.monotonic())
            word = "failed" if status == "exception" else "done"
            _log.log(
                logging.DEBUG if self._bar else logging.INFO,
                "%s %s %s (%.1f s)",
                scan,
                node.name,
                word,
                seconds,
            )
            if self._bar:
                self._bar.update(self._task, description=f"{scan} {node.name}")

        return on_step

    def scan_done(self, name: str, failure: str | None) -> None:
        """Count one scan; ``failure`` says in which step it failed, and why."""
        self._count += 1
        if self._bar:
            self._bar.advance(self._task)
        what = f"failed in {failure}" if failure else "done"
        level = logging.ERROR if failure else logging.INFO
        _log.log(level, "[%d/%d] %s %s", self._count, self._total, name, what)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar:
            self._bar.stop()
