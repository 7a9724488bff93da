"""From parsed options to a checked :class:`~neurofm_bids.config.Config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurofm_bids.bids.filters import read_filter_file
from neurofm_bids.bids.labels import parse_labels
from neurofm_bids.cli.given_derivatives import derivative_settings
from neurofm_bids.cluster_options import EXECUTORS
from neurofm_bids.config import (
    ALL_OR_NONE,
    BOTH_STAGES,
    EXCLUSIVE,
    GROUPS,
    LEVELS,
    PREPROCESS,
    Config,
    Readouts,
    Selection,
)
from neurofm_bids.engine.work_folder import default_work_dir
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath
from neurofm_bids.option import make, options_of

__all__ = ["make_config"]

_LEAST_GB = 0.5


def make_config(given: Mapping[str, Any], *, command: str) -> Config:
    """Return the settings of one run.

    Parameters
    ----------
    given
        Values by field name; the others get their defaults.
    command
        The command line, for reports and logs.

    Raises
    ------
    NeuroFMError
        Folders that must not coincide, options that contradict each other or less than 500 MB of memory
        (exit code 64), a derivative that does not exist, or a label or filter file that cannot be read.
    """
    given = {name: _absolute_paths(value) for name, value in given.items()}
    bids_dir, out_dir = given["bids_dir"], given["out_dir"]
    work_dir = given["work_dir"] if "work_dir" in given else default_work_dir(out_dir)
    _check_folders(bids_dir, out_dir, work_dir)
    _check_options(given)
    readouts = Readouts(tuple(given.get("readouts", ())))
    _check_readouts(readouts, given["analysis_level"])
    _check_group(given)
    if given.get("features", readouts.features) != readouts.features and not readouts.tasks:
        raise NeuroFMError(
            "--features says what tasks are fitted to, and no file of tasks is given",
            fix="Add a file of tasks (.toml) with --readouts, or leave --features out.",
            code=Exit.USAGE,
        )
    if given.get("bids_filter_file"):
        read_filter_file(given["bids_filter_file"])  # an invalid one ends the run before any work
    flags = {item.name: option.flags[0] for item, option in options_of(Selection) if option.many}
    labels = {name: parse_labels(given[name], flag) for name, flag in flags.items() if name in given}
    labels |= _reference_participants(given)
    values = {**given, **labels, **derivative_settings(given), "work_dir": work_dir}
    groups: dict[str, Any] = {name: make(kind, values) for name, kind in GROUPS.items()}
    levels = tuple(level for level in LEVELS if level in given["analysis_level"])
    return Config(bids_dir=bids_dir, out_dir=out_dir, levels=levels, command=command, **groups)


def _check_group(given: Mapping[str, Any]) -> None:
    """Raise if an option of the group level is given without it."""
    for name in ("group_inputs", "group_config", "make_reference"):
        if given.get(name) and LEVELS[1] not in given["analysis_level"]:
            flag = f"--{name.replace('_', '-')}"
            raise NeuroFMError(
                f"{flag} needs the group level", fix="Add group to the levels.", code=Exit.USAGE
            )


def _reference_participants(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the labels and conditions of the participants of a reference, checked, if there are any."""
    named, flag = given.get("reference_participants", ()), "--reference-participants"
    if not named:
        return {}
    conditions = [text for text in named if "=" in text and not Path(text).is_file()]
    labels = [text for text in named if text not in conditions]
    return {"reference_participants": (*(parse_labels(labels, flag) if labels else ()), *conditions)}


def _check_options(given: Mapping[str, Any]) -> None:
    _check_pairs(given)
    _check_parts(given)
    _check_stage(given)
    memory_gb = given.get("memory_gb", _LEAST_GB)
    if memory_gb < _LEAST_GB:
        raise NeuroFMError(
            f"--mem is {memory_gb * 1000:.4g} MB, less than the {_LEAST_GB * 1000:g} MB that any run needs",
            fix="A number without unit is in MB: write 8GB for 8 GB.",
            code=Exit.USAGE,
        )


def _check_pairs(given: Mapping[str, Any]) -> None:
    """Raise if options are combined that exclude each other, or one is absent of two that need each other."""
    fields = {option.flags[0]: item.name for kind in GROUPS.values() for item, option in options_of(kind)}
    for pair in (*EXCLUSIVE, *ALL_OR_NONE):
        count, names = sum(bool(given.get(fields[flag])) for flag in pair), " and ".join(pair)
        if pair in EXCLUSIVE and count > 1:
            raise NeuroFMError(f"{names} cannot be combined", fix="Use only one of them.", code=Exit.USAGE)
        if pair in ALL_OR_NONE and count == 1:
            raise NeuroFMError(f"{names} belong together", fix="Use both.", code=Exit.USAGE)


def _check_parts(given: Mapping[str, Any]) -> None:
    """Raise if a part of the scans or a cluster is asked for where that has no meaning."""
    on_cluster = given.get("executor", EXECUTORS[0]) != EXECUTORS[0]
    if given.get("shard") and LEVELS[1] in given["analysis_level"]:
        raise NeuroFMError(
            "--shard is for the participant level, and the group level needs all scans",
            where=f"--shard {given['shard']}",
            fix="Run the group level once, without --shard, when all parts have ended.",
            code=Exit.USAGE,
        )
    if given.get("shard") and on_cluster:
        raise NeuroFMError(
            "--shard and --executor slurm cannot be combined",
            fix="Omit --shard: the array is split into parts by itself.",
            code=Exit.USAGE,
        )
    if on_cluster and LEVELS[0] not in given["analysis_level"]:
        raise NeuroFMError(
            "--executor slurm is for the participant level, which is not run",
            fix="Add participant to the levels, or omit --executor.",
            code=Exit.USAGE,
        )


def _check_stage(given: Mapping[str, Any]) -> None:
    """Raise if a stage is asked for where it has no meaning."""
    stage, levels = given.get("stage", BOTH_STAGES), given["analysis_level"]
    if stage == BOTH_STAGES:
        return
    if LEVELS[0] not in levels:
        raise NeuroFMError(
            "--stage is for the participant level, which is not run",
            fix="Add participant to the levels, or omit --stage.",
            code=Exit.USAGE,
        )
    if stage == PREPROCESS and LEVELS[1] in levels:
        raise NeuroFMError(
            "the group level needs scans that are encoded, and --stage preprocess encodes none",
            fix="Run the group level with or after --stage encode.",
            code=Exit.USAGE,
        )
    # not in EXCLUSIVE: --stage all may stand beside it, as in settings files and commands of Boutiques
    if given.get("reports_only"):
        raise NeuroFMError(
            "--stage and --reports-only cannot be combined", fix="Use only one of them.", code=Exit.USAGE
        )


def _check_readouts(options: Readouts, levels: Sequence[str]) -> None:
    """Raise if no level that is run uses a file: readouts belong to the first one, tasks to the second."""
    uses = (
        (options.files, LEVELS[0], "a readout is applied"),
        (options.tasks, LEVELS[1], "tasks are fitted"),
    )
    for paths, level, what in uses:
        if paths and level not in levels:
            raise NeuroFMError(
                f"{what} at the {level} level, which is not run",
                where=f"--readouts {paths[0]}",
                fix=f"Add {level} to the levels. Files of tasks end in .toml, fitted readouts in .json.",
                code=Exit.USAGE,
            )


def _absolute_paths(value: Any) -> Any:
    """Make a path absolute, or each of several; other values stay."""
    if isinstance(value, list | tuple):
        return [_absolute_paths(item) for item in value]
    if isinstance(value, NamedPath):
        return replace(value, path=_absolute(value.path))
    return _absolute(value) if isinstance(value, Path) else value


def _absolute(path: Path) -> Path:
    """Make a path absolute without resolving links."""
    try:
        return path.expanduser().absolute()
    except FileNotFoundError as error:
        raise NeuroFMError(
            "the current folder has been removed",
            where=path,
            fix="Change to another folder, or use absolute paths.",
            code=Exit.NO_INPUT,
        ) from error


def _check_folders(bids_dir: Path, out_dir: Path, work_dir: Path) -> None:
    if out_dir.resolve() == bids_dir.resolve():
        raise NeuroFMError(
            "the output folder is the dataset itself",
            where=out_dir,
            fix=f"Use {bids_dir / 'derivatives' / 'neurofm'}, for example.",
            code=Exit.USAGE,
        )
    if work_dir.resolve().is_relative_to(bids_dir.resolve()):
        raise NeuroFMError(
            "the work folder is inside the dataset",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.USAGE,
        )
