"""The log folder of one run: settings, log, timing and failures."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.bids.names import FAILED, LOGS, TASKS
from neurofm_bids.config import GROUPS, Config
from neurofm_bids.engine.crash import crash_text
from neurofm_bids.errors import NeuroFMError, os_error
from neurofm_bids.option import options_of
from neurofm_bids.records.failure import FAILURE_COLUMNS, Failure
from neurofm_bids.storage.atomic import write_text
from neurofm_bids.storage.tables import table_text

__all__ = ["RunLog", "Timing", "settings_text"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """Time and memory that one step of one scan took.

    Parameters
    ----------
    scan, step
        Stem of the scan and name of the step.
    outcome
        ``done``, ``failed`` or ``killed``.
    seconds, cpu_seconds
        Wall time and processor time of all threads.
    peak_memory_mb
        Peak resident memory of the worker, 1e6 bytes; None where it is not known.
    """

    scan: str
    step: str
    outcome: str
    seconds: float
    cpu_seconds: float | None
    peak_memory_mb: float | None


class RunLog:
    """``logs/<run>/`` under the output folder, complete at any moment.

    A run that processes a part of an index has the folder ``tasks/<part>/`` beside it, where an earlier
    attempt may have left its log: the new one is appended.

    Raises
    ------
    NeuroFMError
        It cannot be written.
    """

    def __init__(self, out_dir: Path, config: Config) -> None:
        self.folder = _folder(out_dir, config)
        self._config, self._failures = config, list[Failure]()
        write_text(self.folder / "config.toml", settings_text(config))
        try:
            (self.folder / FAILED).unlink(missing_ok=True)
            self._handler = _LogFile(self.folder / "neurofm.log", encoding="utf-8", errors="backslashreplace")
            self._timing = (self.folder / "timing.tsv").open("a", encoding="utf-8", buffering=1)
            self._timing.write("\t".join(("finished", *(f.name for f in fields(Timing)))) + "\n")
        except OSError as error:
            raise os_error(error, self.folder) from error
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._handler)

    def timed(self, timing: Timing) -> None:
        """Add one line on a step; a log that cannot be written does not end the run."""
        values = [getattr(timing, field.name) for field in fields(Timing)]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = "\t".join([now, *("n/a" if value is None else str(value) for value in values)])
        with contextlib.suppress(OSError):
            self._timing.write(line + "\n")

    def failed(self, *failures: Failure) -> None:
        """Add scans to the list of failures, with a crash file for unexpected errors."""
        self._failures += failures
        try:
            for failure in failures:
                if failure.traceback:
                    self.crashed(failure.scan, failure.step, failure.reason, failure.traceback)
            write_text(self.folder / FAILED, _table(self._failures))
        except NeuroFMError as error:
            _log.warning("The list of failed scans is not up to date: %s", error)

    def note(self, text: str) -> None:
        """Add a line to the log file only."""
        self._handler.emit(logging.LogRecord(__name__, logging.ERROR, "", 0, text, None, None))

    def crashed(self, scan: str, step: str, reason: str, trace: str) -> Path:
        """Write a file that can be attached to a bug report, and return its path."""
        stem = scan_stem(Path(scan).name)
        name = f"crash-{stem}-{step}.txt" if stem else f"crash-{step}.txt"
        write_text(self.folder / name, crash_text(self._config, scan, step, reason, trace))
        return self.folder / name

    def close(self) -> None:
        """Write nothing more."""
        logging.getLogger().removeHandler(self._handler)
        for stream in (self._handler, self._timing):
            with contextlib.suppress(OSError):
                stream.close()


class _LogFile(logging.FileHandler):
    """A log file that fails silently when its disk is full or gone: the run itself reports that, once."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- the name in logging
        """Do nothing."""


def _table(failures: Sequence[Failure]) -> str:
    rows = [failure.row() for failure in failures]
    return table_text(FAILURE_COLUMNS, [row.values() for row in rows])


def _folder(out_dir: Path, config: Config) -> Path:
    part, index = config.selection.shard, config.selection.index
    if part and index:
        return index.parent / TASKS / str(part.number)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return out_dir / LOGS / f"{stamp}-{uuid.uuid4().hex[:8]}"


def settings_text(config: Config, without: Collection[str] = ()) -> str:
    """Return the settings as the text of a settings file, without the fields of these names."""
    lines = [f"# {_printable(config.command)}"]
    for name in GROUPS:
        group = getattr(config, name)
        for field, option in options_of(type(group)):
            value = getattr(group, field.name)
            if value is not None and value != () and field.name not in without:
                lines.append(f"{option.flags[0].removeprefix('--')} = {option.to_toml(value)}")
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """Return text without line breaks and control characters, which a comment must not have."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
