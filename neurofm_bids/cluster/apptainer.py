"""A script to review and submit: an array for the participants and a job for the group, with Apptainer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.bids.link import linked_source
from neurofm_bids.cluster.script import OF_THE_MACHINE, task_config, task_memory_mb
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.config import GROUPS, LEVELS, Cluster, Config, Outputs, Readouts, Selection
from neurofm_bids.named_path import NamedPath
from neurofm_bids.option import Option, arguments_of, options_of

__all__ = ["Encoding", "apptainer_script"]

_TEMPLATE = "slurm_apptainer.sh"
_ELSEWHERE = OF_THE_MACHINE | {"work_dir"}
_IMPLIED = ("skull_strip",)  # has another default where derivatives are given
_GROUP_MB = 8000  # of the group job: a guess that the reviewer of the script can change


@dataclass(frozen=True)
class Encoding:
    """The array of the stage of encoding: its size, and arguments of sbatch such as ``--gres=gpu:1``."""

    size: Size
    sbatch: str


def apptainer_script(config: Config, image: Path, size: Size, encoding: Encoding | None = None) -> str:
    """Return the text of a shell script that submits the levels of a command.

    Parameters
    ----------
    config
        Of the command; the participant level is always submitted.
    image
        The container.
    size
        Of the array for the participants.
    encoding
        The array that encodes what the first one preprocesses; None if that does both.
    """
    cluster, second = config.cluster, encoding.size if encoding else size
    named = {"--partition": cluster.slurm_partition, "--account": cluster.slurm_account}
    words = {
        "VERSION": __version__,
        "BIDS": shlex.quote(str(config.bids_dir)),
        "OUT": shlex.quote(str(config.out_dir)),
        "IMAGE": shlex.quote(str(image)),
        "BINDS": _joined(_binds(config)),
        "TASKS": str(size.tasks),
        "SBATCH": _joined(
            [*(f"{flag}={value}" for flag, value in named.items() if value), *shlex.split(cluster.slurm_args)]
        ),
        "CPUS": str(cluster.slurm_cpus),
        "MEMORY": str(size.memory_mb),
        "USED": str(task_memory_mb(size.memory_mb)),
        "MINUTES": str(size.minutes),
        "GPU_TASKS": str(encoding.size.tasks if encoding else 0),
        "GPU_MEMORY": str(second.memory_mb),
        "GPU_USED": str(task_memory_mb(second.memory_mb)),
        "GPU_MINUTES": str(second.minutes),
        "GPU_SBATCH": _joined(shlex.split(encoding.sbatch)) if encoding else "",
        "GROUP_MEMORY": str(_GROUP_MB),
        "GROUP_USED": str(task_memory_mb(_GROUP_MB)),
        "SELECTION": _joined(arguments_of(config.selection, _ELSEWHERE)),
        "PARTICIPANT": _joined(_arguments(task_config(config))),
        "GROUP": _joined(_arguments(_group_config(config))),
        "HAS_GROUP": "yes" if LEVELS[1] in config.levels else "no",
    }
    text = (files("neurofm_bids") / "data" / _TEMPLATE).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda place: words[place[1]], text)


def _group_config(config: Config) -> Config:
    """Return the settings of the group job: those of the run, without what belongs to participants."""
    return replace(
        config,
        cluster=Cluster(),
        readouts=Readouts(config.readouts.tasks, config.readouts.features),
        outputs=replace(Outputs(), include_failed=config.outputs.include_failed),
    )


def _arguments(config: Config) -> list[str]:
    """Return options that differ from their defaults, without those that select scans."""
    groups = (getattr(config, name) for name, kind in GROUPS.items() if kind is not Selection)
    implied = _IMPLIED if config.processing.derivatives else ()
    return [word for group in groups for word in arguments_of(group, _ELSEWHERE, implied)]


def _binds(config: Config) -> list[str]:
    """Return what the container needs to see besides dataset and outputs, what is only read first.

    These are derivatives, further folders of outputs with the datasets that they link, and folders of files.
    """
    read, written = set[Path](), set[Path]()
    for name, declared, value in _values(config):
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Path) and name not in _ELSEWHERE:
                (written if declared.writes else read).add(item.parent)
            if isinstance(item, NamedPath):
                linked = linked_source(item.path) if name == "group_inputs" else None
                read |= {item.path, *([linked] if linked and linked.is_dir() else [])}
    return [*(f"{path}:{path}:ro" for path in sorted(read - written)), *map(str, sorted(written))]


def _values(config: Config) -> Iterator[tuple[str, Option, Any]]:
    for name, kind in GROUPS.items():
        for item, declared in options_of(kind):
            yield item.name, declared, getattr(getattr(config, name), item.name)


def _joined(words: Iterable[str]) -> str:
    return " ".join(map(shlex.quote, words))
