"""The settings of analyses of a cohort, and the output folders that it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["Analyses", "Input", "group_input"]

_NAMED = re.compile(r"([0-9A-Za-z]+)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """An output folder whose scans are added, and the name by which its dataset is told apart from others.

    Parameters
    ----------
    out_dir
        The folder.
    name
        Letters and digits; empty for none.
    """

    out_dir: Path
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.out_dir}" if self.name else str(self.out_dir)


def group_input(text: str) -> Input:
    """Read an output folder, with or without a name before it.

    >>> str(group_input("siteA=/data/out")), group_input("out").name
    ('siteA=/data/out', '')
    """
    named = _NAMED.fullmatch(text)
    name, folder = named.groups() if named else ("", text)
    if not folder:
        raise ValueError(text)
    return Input(Path(folder), name)


group_input.__name__ = "folder, or NAME=folder"


@dataclass(frozen=True)
class Analyses:
    """Where a cohort comes from, and how it is analysed."""

    group_inputs: tuple[Input, ...] = option(
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
