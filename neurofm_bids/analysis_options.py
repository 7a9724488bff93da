"""The settings of analyses of a cohort, and the output folders that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.named_path import NamedPath, PathReader
from neurofm_bids.option import option

__all__ = ["Analyses", "group_input"]

group_input = PathReader("folder, or NAME=folder", r"[0-9A-Za-z]+")


@dataclass(frozen=True)
class Analyses:
    """Where a cohort comes from, and how it is analysed."""

    group_inputs: tuple[NamedPath, ...] = option(
        "--group-inputs",
        default=(),
        section="Options for the analysis of a cohort",
        convert=group_input,
        many=True,
        metavar="[NAME=]DIR",
        help="at the group level, output folders whose scans are added to those of out_dir, such as those of "
        "shards or sites; covariates come from the dataset that each links; NAME, of letters and digits, "
        "tells apart participants of different datasets who have the same label",
    )
    group_config: Path | None = option(
        "--group-config",
        default=None,
        convert=Path,
        metavar="FILE",
        default_text="no controls, sites that columns name, no clusters",
        help="at the group level, file of settings (.toml) of age gap, change, sites and clusters",
    )
