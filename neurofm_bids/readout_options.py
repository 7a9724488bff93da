"""The settings of readouts: linear models on the features of scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["Readouts"]

_READOUTS = "Options for readouts"
_TASKS = ".toml"


@dataclass(frozen=True)
class Readouts:
    """Which readouts are applied to scans, and which tasks are fitted."""

    readouts: tuple[Path, ...] = option(
        "--readouts",
        default=(),
        section=_READOUTS,
        convert=Path,
        many=True,
        metavar="FILE",
        help="at the participant level: files of fitted readouts (.json), whose scores each scan gets",
    )

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of fitted readouts."""
        return tuple(path for path in self.readouts if path.suffix.lower() != _TASKS)

    @property
    def tasks(self) -> tuple[Path, ...]:
        """Files of tasks."""
        return tuple(path for path in self.readouts if path.suffix.lower() == _TASKS)
