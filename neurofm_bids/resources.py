"""How many processors and how much memory this process may use.

The limits are those of the affinity mask, the control group (v1 or v2) and the SLURM job, never just the
host's totals.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["available_cpus", "available_memory_gb"]

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(environ: Mapping[str, str] = os.environ, cgroup: Path = _CGROUP) -> int:
    """Return the processors this process may use (at least 1)."""
    limits = [float(len(os.sched_getaffinity(0))), *_cgroup_cpus(cgroup)]
    if environ.get("SLURM_CPUS_PER_TASK", "").isdigit():
        limits.append(float(environ["SLURM_CPUS_PER_TASK"]))
    return max(1, int(min(limits)))


def available_memory_gb(environ: Mapping[str, str] = os.environ, cgroup: Path = _CGROUP) -> float:
    """Return the memory this process may use, in GB (1e9 bytes), 90 % of the tightest limit."""
    import psutil

    limits = [float(psutil.virtual_memory().total), *_cgroup_memory(cgroup)]
    if environ.get("SLURM_MEM_PER_NODE", "").isdigit():
        limits.append(float(environ["SLURM_MEM_PER_NODE"]) * 1024**2)
    return 0.9 * min(limits) / 1e9


def _cgroup_cpus(root: Path) -> Iterator[float]:
    quota, period = [*_words(root / "cpu.max"), "", ""][:2]
    if not quota:
        quota = " ".join(_words(root / "cpu/cpu.cfs_quota_us"))
        period = " ".join(_words(root / "cpu/cpu.cfs_period_us"))
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        yield int(quota) / int(period)


def _cgroup_memory(root: Path) -> Iterator[float]:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        words = _words(root / name)
        if words and words[0].isdigit():
            yield float(words[0])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
