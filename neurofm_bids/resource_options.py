"""The settings of a run that say which processors and how much memory it uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import WholeNumber, memory_gb, option
from neurofm_bids.resources import available_cpus, available_memory_gb

__all__ = ["Resources"]


@dataclass(frozen=True)
class Resources:
    """Processors and memory of the run."""

    nprocs: int = option(
        "--nprocs",
        "--n-cpus",
        "--nthreads",
        default=1,
        section="Options to handle performance",
        convert=WholeNumber(),
        metavar="N",
        default_text="all that the CPU affinity, control group and SLURM job allow",
        detect=available_cpus,
        help="number of processors to use",
    )
    omp_nthreads: int = option(
        "--omp-nthreads",
        default=1,
        convert=WholeNumber(),
        metavar="N",
        help="number of threads per brain extraction",
    )
    memory_gb: float = option(
        "--mem",
        "--mem-mb",
        default=4.0,
        convert=memory_gb,
        metavar="SIZE",
        default_text="90% of what is available",
        detect=available_memory_gb,
        unit="GB",
        help="memory to use, such as 8GB, 500MB at least; a number without unit is in MB",
    )
    resource_monitor: bool = option(
        "--resource-monitor",
        default=False,
        help="record processor and memory use every second in logs/<run>/resources.tsv",
    )
    use_plugin: Path | None = option(
        "--use-plugin",
        default=None,
        convert=Path,
        metavar="FILE",
        help="nipype plugin configuration file (YAML)",
    )
