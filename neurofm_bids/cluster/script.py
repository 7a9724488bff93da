"""The scripts that SLURM runs: plain shell that calls the program, so that it may be in a container."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neurofm_bids.bids.names import TASKS
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.config import LEVELS, Analyses, Centiles, Cluster, Config, Outputs, Readouts, Running
from neurofm_bids.engine.run_log import settings_text
from neurofm_bids.engine.work_folder import default_work_dir

__all__ = [
    "OF_THE_MACHINE",
    "Folder",
    "array_arguments",
    "array_script",
    "as_list",
    "task_config",
    "task_memory_mb",
    "task_settings",
]

OF_THE_MACHINE = frozenset({"nprocs", "memory_gb", "shard", "index", "verbose"})
_USED = 0.9  # of the memory of a job


@dataclass(frozen=True)
class Folder:
    """The files of an array in the log folder of the run that submitted it."""

    path: Path

    @property
    def index(self) -> Path:
        """The images of the participants that are processed, in the order of the tasks."""
        return self.path / "index.jsonl"

    @property
    def settings(self) -> Path:
        """The settings of the tasks."""
        return self.path / "task.toml"

    @property
    def script(self) -> Path:
        """What SLURM runs."""
        return self.path / "task.sh"

    @property
    def state(self) -> Path:
        """The jobs that were submitted."""
        return self.path / "slurm.json"

    def task(self, number: int) -> Path:
        """Return the log folder of a task."""
        return self.path / TASKS / str(number)

    def output(self, number: int) -> Path:
        """Return what a task prints."""
        return self.path / TASKS / f"{number}.out"

    def ending(self, number: int) -> Path:
        """Return where a task leaves its exit code."""
        return self.path / TASKS / f"{number}.exit"


def task_config(config: Config) -> Config:
    """Return the settings of a task: those of the run at the participant level, processed where it runs."""
    return replace(
        config,
        levels=LEVELS[:1],
        command="",
        cluster=Cluster(),
        readouts=Readouts(config.readouts.files),
        centiles=Centiles(config.centiles.reference),
        analyses=Analyses(),
        outputs=replace(config.outputs, pdf=Outputs.pdf, include_failed=Outputs.include_failed),
        running=replace(config.running, dry_run=Running.dry_run),
    )


def task_settings(config: Config) -> str:
    """Return the settings file of a task, without what concerns only this machine."""
    is_default = config.running.work_dir == default_work_dir(config.out_dir)
    return settings_text(task_config(config), OF_THE_MACHINE | ({"work_dir"} if is_default else set()))


def array_script(config: Config, folder: Folder, tasks: int, memory_mb: int) -> str:
    """Return the script of the tasks of an array.

    Parameters
    ----------
    tasks
        Their number, however many are submitted.
    memory_mb
        Memory of a task in MiB.
    """
    prefix = config.cluster.slurm_prefix
    here = shlex.join([sys.executable, "-m", "neurofm_bids"])  # also where neurofm is not on the path
    program = f"{prefix} neurofm" if prefix else here
    words = [
        *(str(config.bids_dir), str(config.out_dir), "participant"),
        *("--config-file", str(folder.settings), "--index", str(folder.index)),
        *("--nprocs", str(config.cluster.slurm_cpus), "--mem", str(task_memory_mb(memory_mb))),
    ]
    ending = f"{shlex.quote(str(folder.path / TASKS))}/$SLURM_ARRAY_TASK_ID.exit"
    return (
        "#!/bin/bash\n"
        f"rm -f {ending}\n"
        f"{program} {shlex.join(words)} --shard $SLURM_ARRAY_TASK_ID/{tasks}\n"
        "code=$?\n"
        f"echo $code > {ending}.new && mv {ending}.new {ending}\n"
        "exit $code\n"
    )


def task_memory_mb(memory_mb: int) -> int:
    """Return what the program may use of the memory of a job (MiB), in units of 1e6 bytes."""
    return int(memory_mb * _USED * 2**20 / 1e6)


def array_arguments(cluster: Cluster, folder: Folder, tasks: Sequence[int], size: Size) -> list[str]:
    """Return the arguments of sbatch for an array of these tasks; those of the user come last."""
    output = str(folder.path / TASKS).replace("%", "%%")
    named = {"--partition": cluster.slurm_partition, "--account": cluster.slurm_account}
    return [
        "--job-name=neurofm",
        f"--array={as_list(tasks)}",
        f"--cpus-per-task={cluster.slurm_cpus}",
        f"--mem={size.memory_mb}M",
        f"--time={size.minutes}",
        f"--output={output}/%a.out",
        "--open-mode=append",
        "--requeue",
        *(f"{flag}={value}" for flag, value in named.items() if value),
        *shlex.split(cluster.slurm_args),
    ]


def as_list(numbers: Sequence[int]) -> str:
    """Return numbers as SLURM writes them.

    >>> as_list([1, 2, 3, 7, 9, 10])
    '1-3,7,9-10'
    """
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
