"""The log folder of one run: settings, log, and what failed."""

from __future__ import annotations

import csv
import io
import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from neurofm_bids.bids.derivatives import write_text
from neurofm_bids.config import Config

__all__ = ["Failure", "RunLog"]


@dataclass(frozen=True)
class Failure:
    """Why one scan could not be done.

    Parameters
    ----------
    scan
        Path of the T1w relative to the dataset.
    subject
        Participant label.
    stem
        File name without its suffix, or an empty text if there is no scan.
    step
        Where it failed: ``select``, a preprocessing step or ``encode``.
    reason, fix
        One sentence each: what is wrong, what to do.
    traceback
        For the crash file; empty for expected failures.
    """

    scan: str
    subject: str
    stem: str
    step: str
    reason: str
    fix: str
    traceback: str = ""


class RunLog:
    """``logs/<run>/`` under the output folder."""

    def __init__(self, out_dir: Path, config: Config) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.folder = out_dir / "logs" / f"{stamp}-{uuid.uuid4().hex[:8]}"
        write_text(self.folder / "config.toml", _toml(config))
        self._handler = logging.FileHandler(self.folder / "neurofm.log", encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._handler)

    def close(self, failures: Sequence[Failure]) -> None:
        """Write what failed, one row each and a crash file where the cause was not foreseen."""
        stream = io.StringIO()
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(["scan", "step", "reason", "fix"])
        for failure in failures:
            row = (failure.scan, failure.step, failure.reason, failure.fix)
            table.writerow([" ".join(text.split()) for text in row])
            if failure.traceback:
                name = f"crash-{failure.stem}-{failure.step}.txt"
                write_text(self.folder / name, f"{failure.reason}\n{failure.fix}\n\n{failure.traceback}")
        if failures:
            write_text(self.folder / "failed.tsv", stream.getvalue())
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()


def _toml(config: Config) -> str:
    lines = []
    for field in fields(config):
        value = getattr(config, field.name)
        if value is not None:
            plain = value if isinstance(value, bool | int | float) else _plain(value)
            lines.append(f"{field.name} = {json.dumps(plain, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value)
