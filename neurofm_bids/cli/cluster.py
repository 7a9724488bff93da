"""The commands ``neurofm-tools index`` and ``slurm-script``: arrays of tasks for a scheduler."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from neurofm_bids.cli.arguments import Commands, add_command, add_options
from neurofm_bids.cluster_options import EXECUTORS
from neurofm_bids.config import LEVELS, Selection
from neurofm_bids.errors import Exit
from neurofm_bids.option import make, option

__all__ = ["add_commands"]

_OF_A_TASK = {"shard", "index"}


@dataclass(frozen=True)
class _Index:
    bids_dir: Path = option(convert=Path, help="the BIDS dataset")
    file: Path = option(convert=Path, help="the file to write, such as out_dir/logs/index.jsonl")


@dataclass(frozen=True)
class _Script:
    image: Path = option(convert=Path, help="the image of Apptainer (.sif), as the nodes see it")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    about = "list the images of a dataset in a file, which --index gives to the tasks of an array"
    index = add_command(commands, "index", about, _write_index, _Index)
    names = [item.name for item in fields(Selection) if item.name not in _OF_A_TASK]
    add_options(index, Selection, *names)
    about = "print a script that submits an array and a group job to SLURM, with Apptainer"
    script = add_command(commands, "slurm-script", about, _print_script, _Script)
    script.add_argument(
        "neurofm",
        nargs=argparse.REMAINDER,
        metavar="bids_dir out_dir levels [options]",
        help="the command as without a cluster, with options such as --slurm-partition",
    )


def _write_index(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.bids.discovery import check_dataset
    from neurofm_bids.bids.filters import selector
    from neurofm_bids.bids.index_file import write_index
    from neurofm_bids.bids.parts import dealing_order, list_dataset
    from neurofm_bids.cli.settings import make_config

    file = make(_Index, given).file.absolute()
    values = {"out_dir": file.parent, "analysis_level": LEVELS[:1]}
    config = make_config({**given, **values}, command="")
    check_dataset(config)
    root, options = config.bids_dir, config.selection
    subjects, listing = list_dataset(root, options)
    order = dealing_order(subjects, listing, selector(options), root)
    write_index(file, root, order, listing, options)
    sys.stdout.write(f"{file}\n")
    return Exit.OK


def _print_script(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.bids.discovery import find_scans
    from neurofm_bids.cli.options import parse
    from neurofm_bids.cluster.apptainer import apptainer_script
    from neurofm_bids.cluster.sizing import size_of
    from neurofm_bids.model.registry import model_spec

    config = parse([*given["neurofm"], "--executor", EXECUTORS[1]])
    scans = find_scans(config).scans
    participants = len({scan.subject for scan in scans})
    variant = model_spec(config.processing.model).variant
    size = size_of(config, len(scans), max(1, participants), most_tasks=len(scans), variant=variant)
    sys.stdout.write(apptainer_script(config, make(_Script, given).image.absolute(), size))
    return Exit.OK
