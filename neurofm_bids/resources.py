"""How many processors and how much memory this process may use.

The limits are those of the affinity mask, the control groups (v1 and v2, this process's own and those above
it) and the SLURM job, never just the host's totals.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "available_cpus",
    "available_memory_gb",
    "end_with_parent",
    "out_of_memory_kills",
    "torch_threads",
    "without_garbage_collection",
]

_ROOT = Path("/")
_V2 = "unified"


def available_cpus(environ: Mapping[str, str] = os.environ, root: Path = _ROOT) -> int:
    """Return the processors this process may use (at least 1).

    Parameters
    ----------
    environ
        Where SLURM says what the job was given.
    root
        Root of the file system that holds ``proc`` and ``sys``.
    """
    limits = [float(len(os.sched_getaffinity(0))), *_cgroup_cpus(root)]
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if environ.get(name, "").isdigit():
            limits.append(float(environ[name]))
            break
    return max(1, int(min(limits)))


def available_memory_gb(environ: Mapping[str, str] = os.environ, root: Path = _ROOT) -> float:
    """Return the memory this process may use: 90% of the tightest limit, in steps of 0.1 GB (1e8 bytes)."""
    import psutil

    limits = [float(psutil.virtual_memory().total), *_cgroup_memory(root), *_slurm_memory(environ)]
    return max(9 * min(limits) // 1e9, 1) / 10


def out_of_memory_kills(root: Path = _ROOT) -> int:
    """Return how many processes of the innermost control group were killed for lack of memory so far."""
    for folder in _cgroup_folders("memory", root):
        for name in ("memory.events", "memory.oom_control"):
            words = _words(folder / name)
            if "oom_kill" in words[::2]:
                return int(words[words.index("oom_kill") + 1])
    return 0


def _slurm_memory(environ: Mapping[str, str]) -> Iterator[float]:
    """Yield what SLURM gives the job on this node, in bytes; 0 means all memory of the node."""
    node, cpu = environ.get("SLURM_MEM_PER_NODE", ""), environ.get("SLURM_MEM_PER_CPU", "")
    cpus = environ.get("SLURM_CPUS_ON_NODE", "")
    if node.isdigit() and int(node) > 0:
        yield float(node) * 1024**2
    elif cpu.isdigit() and int(cpu) > 0 and cpus.isdigit():
        yield float(cpu) * int(cpus) * 1024**2


def _cgroup_cpus(root: Path) -> Iterator[float]:
    for folder in _cgroup_folders("cpu", root):
        quota, period = [*_words(folder / "cpu.max"), "", ""][:2]
        if not quota:
            quota = " ".join(_words(folder / "cpu.cfs_quota_us"))
            period = " ".join(_words(folder / "cpu.cfs_period_us"))
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            yield int(quota) / int(period)


def _cgroup_memory(root: Path) -> Iterator[float]:
    for folder in _cgroup_folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdigit():
                yield float(words[0])


def _cgroup_folders(controller: str, root: Path) -> Iterator[Path]:
    """Yield the control groups that bind this process: its own and all above, in both hierarchies.

    In a container the path of ``/proc/self/cgroup`` may not exist below the mount; its end does, or the root.
    """
    mount = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            bases = [mount, mount / _V2]
        elif controller in controllers.split(","):
            bases = [mount / controllers, mount / controller]
        else:
            continue
        parts = Path(path.strip("/")).parts
        for base in bases:
            yield from (base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and afterwards as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Make many objects that stay: Python would search them for garbage again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def end_with_parent() -> None:
    """End this worker process when the one that started it is gone, however it ended; for a thread."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
