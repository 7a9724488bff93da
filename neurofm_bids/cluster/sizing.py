"""How many tasks an array has, and what each of them asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurofm_bids.config import BOTH_STAGES, PREPROCESS, Config, Processing
from neurofm_bids.engine.plugin import MAIN_GB
from neurofm_bids.pipeline.steps import most_memory_gb

__all__ = ["START_SECONDS", "Size", "memory_mb", "minutes", "scan_seconds", "size_of"]

# Processor seconds of one scan (docs/benchmarks.md): the largest of the heads there, by part. The passes are
# those of docs/performance.md.
_WITHOUT_ANATOMY, _ANATOMY, _ATTRIBUTION = 12.0, 3.0, 64.0
_PASS = {"s": 0.15, "m": 2.3, "l": 2.3}
START_SECONDS = 15.0  # of the command and its worker

_TASK_SECONDS = 600.0
_FEW_TASKS = 50  # which any cluster runs at once: a small dataset is split into as many
_MARGIN = 4.0  # slow nodes, network file systems
_FREE = 0.9  # of the memory of a job that the program uses


@dataclass(frozen=True)
class Size:
    """What a job array asks for.

    Parameters
    ----------
    tasks
        Their number.
    memory_mb, minutes
        Memory (MiB) and time limit of each.
    """

    tasks: int
    memory_mb: int
    minutes: int


def size_of(config: Config, scans: int, participants: int, *, most_tasks: int, variant: str) -> Size:
    """Return what an array for some scans of some participants asks for.

    Parameters
    ----------
    most_tasks
        That the cluster allows.
    variant
        Of the network: ``s``, ``m`` or ``l``.
    """
    options = config.cluster
    seconds = scan_seconds(config.processing, variant, config.running.stage)
    each = options.slurm_scans or max(1, int(_TASK_SECONDS * options.slurm_cpus / seconds))
    tasks = math.ceil(scans / each)
    if options.slurm_scans is None:
        tasks = max(tasks, min(participants, _FEW_TASKS))
    tasks = min(tasks, participants, options.slurm_tasks, most_tasks)
    return Size(
        tasks,
        memory_mb(config),
        options.slurm_minutes or minutes(math.ceil(scans / tasks), seconds, options.slurm_cpus),
    )


def scan_seconds(processing: Processing, variant: str, stage: str = BOTH_STAGES) -> float:
    """Return the processor seconds of one scan.

    Each stage is given those of the steps without networks, some of which are in either.

    Parameters
    ----------
    variant
        Of the network: ``s``, ``m`` or ``l``.
    """
    if stage == PREPROCESS:
        return _WITHOUT_ANATOMY
    anatomy = 0.0 if processing.no_anatomy else _ANATOMY
    attribution = _ATTRIBUTION if processing.attribution else 0.0
    return _WITHOUT_ANATOMY + anatomy + attribution + processing.views * _PASS[variant]


def memory_mb(config: Config) -> int:
    """Return the memory of a task in MiB: what the options say, or what its processors can use."""
    asked = config.cluster.slurm_memory_gb
    if asked is not None:
        return math.ceil(asked * 1e9 / 2**20)
    needed_gb = MAIN_GB + config.cluster.slurm_cpus * most_memory_gb(
        config.processing, stage=config.running.stage
    )
    return 100 * math.ceil(needed_gb / _FREE * 1e9 / 2**20 / 100)


def minutes(scans: int, seconds: float, cpus: int) -> int:
    """Return the time limit of a task with so many scans."""
    rounds = math.ceil(scans / cpus)
    return math.ceil(_MARGIN * (START_SECONDS + rounds * seconds) / 60) + 10
