"""The nipype graph of one chunk of scans: six nodes per scan, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.participant.plan import ScanJob

if TYPE_CHECKING:
    from nipype import Node, Workflow

__all__ = ["FAILURE", "IDLE_GB", "MAIN_GB", "STEPS", "TIMING", "chunk_graph", "most_memory_gb", "step_folder"]

FAILURE = "failure.json"  # what a failed step leaves in its folder
TIMING = "timing.json"  # what every step leaves there

STEPS = ("brain", "bias", "register", "grid", "figures", "encode")

# Peak resident memory in GB of a worker in each step: a part that is always needed, and one for each million
# voxels of the T1w. Measured with benchmarks/memory.py and rounded up.
_MEMORY_GB = {
    "brain": (1.4, 0.012),
    "bias": (0.7, 0.050),
    "register": (0.75, 0.035),
    "grid": (0.85, 0.022),
    "figures": (1.0, 0.005),
    "encode": (1.0, 0.005),
}
IDLE_GB = 0.8  # what a worker keeps between steps
MAIN_GB = 0.4  # what the command itself takes
_USUAL_VOXELS = 256**3

_EDGES = (
    ("brain", "bias", ("t1w", "mask")),
    ("brain", "register", ("mask",)),
    ("bias", "register", ("corrected",)),
    ("brain", "grid", ("t1w", "mask")),
    ("bias", "grid", ("corrected",)),
    ("register", "grid", ("registration",)),
    ("brain", "figures", ("t1w", "mask")),
    ("bias", "figures", ("corrected",)),
    ("register", "figures", ("registration",)),
    ("grid", "figures", ("grid",)),
    ("grid", "encode", ("grid",)),
    ("figures", "encode", ("grid_svg",)),
)


def chunk_graph(jobs: Sequence[ScanJob], folder: Path, *, gpu: bool = False) -> Workflow:
    """Return the workflow of some scans, one sub-workflow ``scan_<n>`` each, working under ``folder``.

    Parameters
    ----------
    jobs
        At least one scan, all of one run.
    gpu
        The network runs on a GPU: one process of the run does all of the encoding.
    """
    from nipype import Workflow

    chunk = Workflow("chunk", base_dir=str(folder))
    chunk.config["execution"] = {
        "crashdump_dir": str(folder),
        "crashfile_format": "txt",
        "hash_method": "timestamp",
        "poll_sleep_duration": "0.1",
        "remove_unnecessary_outputs": "false",
        "stop_on_first_crash": str(jobs[0].config.running.stop_on_first_crash).lower(),
        "check_version": "false",
    }
    for index, job in enumerate(jobs):
        chunk.add_nodes([_scan_graph(job, index, gpu)])
    return chunk


def step_folder(folder: Path, index: int, step: str = "") -> Path:
    """Return the folder in which one step of the scan number ``index`` works, or that of all its steps."""
    return folder / "chunk" / f"scan_{index}" / step


def most_memory_gb(voxels: int | None = None) -> float:
    """Return what the most demanding step of a scan needs, in GB."""
    return max(_memory_gb(step, voxels) for step in STEPS)


def _memory_gb(step: str, voxels: int | None) -> float:
    base, per_million = _MEMORY_GB[step]
    return base + per_million * (voxels or _USUAL_VOXELS) / 1e6


def _scan_graph(job: ScanJob, index: int, gpu: bool) -> Workflow:
    from nipype import Workflow

    graph = Workflow(f"scan_{index}")
    nodes = _nodes(job, gpu)
    for source, target, fields in _EDGES:
        graph.connect([(nodes[source], nodes[target], [(f, f) for f in fields])])
    return graph


def _nodes(job: ScanJob, gpu: bool) -> dict[str, Node]:
    from neurofm_bids.pipeline import interfaces

    config, path = job.config, str(job.scan.path)
    brain = interfaces.BrainStep(
        in_file=path, skull_strip=config.processing.skull_strip, threads=config.resources.omp_nthreads
    )
    bias = interfaces.BiasStep(method=config.processing.bias_correction)
    register = interfaces.RegisterStep(
        template=config.processing.template, seed=config.processing.random_seed
    )
    grid = interfaces.GridStep(space=config.processing.encode_space)
    figures = interfaces.FiguresStep(template=config.processing.template)
    encode = interfaces.EncodeStep(job=job, use_gpu=gpu)
    steps = dict(zip(STEPS, (brain, bias, register, grid, figures, encode), strict=True))
    return {name: _node(name, interface, job) for name, interface in steps.items()}


def _node(name: str, interface: Any, job: ScanJob) -> Node:
    from nipype import Node

    config = job.config
    needed = _memory_gb(name, job.voxels)
    threads = config.resources.omp_nthreads if name == "brain" else 1
    return Node(interface, name=name, mem_gb=min(needed, config.resources.memory_gb), n_procs=threads)
