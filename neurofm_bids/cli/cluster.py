"""The commands ``neurofm-tools index`` and ``slurm-script``: arrays of tasks for a scheduler."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from neurofm_bids.cli.arguments import Commands, add_command, add_options
from neurofm_bids.cluster_options import EXECUTORS
from neurofm_bids.config import BOTH_STAGES, ENCODE, LEVELS, PREPROCESS, Cluster, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import WholeNumber, make, option

__all__ = ["add_commands"]

_OF_A_TASK = {"shard", "index"}


@dataclass(frozen=True)
class _Index:
    bids_dir: Path = option(convert=Path, help="the BIDS dataset")
    file: Path = option(convert=Path, help="the file to write, such as out_dir/logs/index.jsonl")


@dataclass(frozen=True)
class _Script:
    image: Path = option(convert=Path, help="the image of Apptainer (.sif), as the nodes see it")
    gpu_args: str = option(
        "--gpu-args",
        default="",
        metavar="TEXT",
        help="encode in a second array that gets a GPU by these arguments of sbatch, in one word: "
        '--gpu-args="--partition=gpu --gres=gpu:1"; give it before the image',
    )
    gpu_tasks: int = option(
        "--gpu-tasks",
        default=1,
        convert=WholeNumber(),
        metavar="N",
        help="tasks of that array",
    )


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
    from neurofm_bids.cluster.apptainer import Encoding, apptainer_script
    from neurofm_bids.cluster.sizing import Size, size_of
    from neurofm_bids.model.registry import model_spec

    config = parse([*given["neurofm"], "--executor", EXECUTORS[1]])
    if config.running.stage != BOTH_STAGES:
        raise NeuroFMError(
            "the script submits the stages itself", fix="Use --gpu-args, not --stage.", code=Exit.USAGE
        )
    script = make(_Script, given)
    scans = find_scans(config).scans
    if not scans:
        raise NeuroFMError(
            "no image can be processed",
            where=config.bids_dir,
            fix="neurofm with --dry-run says why.",
            code=Exit.NOTHING_SELECTED,
        )
    participants = len({scan.subject for scan in scans})
    variant = model_spec(config.processing.model).variant

    def sized(stage: str, options: Cluster) -> Size:
        staged = replace(config, running=replace(config.running, stage=stage), cluster=options)
        return size_of(staged, len(scans), max(1, participants), most_tasks=len(scans), variant=variant)

    encoding, stage = None, BOTH_STAGES
    if script.gpu_args:
        few = replace(config.cluster, slurm_tasks=script.gpu_tasks, slurm_scans=None)
        encoding, stage = Encoding(sized(ENCODE, few), script.gpu_args), PREPROCESS
    size = sized(stage, config.cluster)
    sys.stdout.write(apptainer_script(config, script.image.absolute(), size, encoding))
    return Exit.OK
