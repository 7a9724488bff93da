"""The settings of analyses of a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["Analyses"]


@dataclass(frozen=True)
class Analyses:
    """How a cohort is analysed."""

    group_config: Path | None = option(
        "--group-config",
        default=None,
        section="Options for the analysis of a cohort",
        convert=Path,
        metavar="FILE",
        default_text="no controls, sites that columns name, no clusters",
        help="at the group level, file of settings (.toml) of age gap, change, sites and clusters",
    )
