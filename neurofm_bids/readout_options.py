"""The settings of readouts: linear models on the features of scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["FEATURE_SETS", "Readouts"]

_READOUTS = "Options for readouts"
_TASKS = ".toml"
FEATURE_SETS = ("latent", "regional", "both")


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
        help="at the participant level: files of fitted readouts (.json), whose scores each scan gets; "
        "at the group level: files of tasks (.toml), which are fitted to the features of the cohort",
    )
    features: str = option(
        "--features",
        default=FEATURE_SETS[0],
        choices=FEATURE_SETS,
        help="features that tasks are fitted to: those of the model, the volumes of regions, or both",
    )

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of fitted readouts."""
        return tuple(path for path in self.readouts if path.suffix.lower() != _TASKS)

    @property
    def tasks(self) -> tuple[Path, ...]:
        """Files of tasks."""
        return tuple(path for path in self.readouts if path.suffix.lower() == _TASKS)
