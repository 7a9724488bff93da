"""The nipype graph of one chunk of scans: five nodes per scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.scans import Scan
from neurofm_bids.config import Config

if TYPE_CHECKING:
    from nipype import Node, Workflow

__all__ = ["FAILURE", "STEPS", "chunk_graph", "step_folder"]

FAILURE = "failure.json"  # what a failed step leaves in its folder

STEPS = ("brain", "bias", "register", "grid", "figures")

# Peak resident memory of each step in GB, measured with benchmarks/chain.py on 256^3 heads and rounded up.
_MEMORY_GB = {"brain": 1.6, "bias": 1.3, "register": 1.0, "grid": 1.2, "figures": 1.0}

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
)


def chunk_graph(scans: Sequence[Scan], config: Config, folder: Path) -> Workflow:
    """Return the workflow of some scans, one sub-workflow ``scan_<n>`` each, working under ``folder``."""
    from nipype import Workflow

    chunk = Workflow("chunk", base_dir=str(folder))
    chunk.config["execution"] = {
        "crashdump_dir": str(folder),
        "crashfile_format": "txt",
        "hash_method": "timestamp",
        "poll_sleep_duration": "0.1",
        "remove_unnecessary_outputs": "false",
        "stop_on_first_crash": str(config.stop_on_first_crash).lower(),
        "check_version": "false",
    }
    for index, scan in enumerate(scans):
        chunk.add_nodes([_scan_graph(scan, config, index)])
    return chunk


def step_folder(folder: Path, index: int, step: str) -> Path:
    """Return the folder in which one step of the scan number ``index`` works."""
    return folder / "chunk" / f"scan_{index}" / step


def _scan_graph(scan: Scan, config: Config, index: int) -> Workflow:
    from nipype import Workflow

    graph = Workflow(f"scan_{index}")
    nodes = _nodes(scan, config)
    for source, target, fields in _EDGES:
        graph.connect([(nodes[source], nodes[target], [(f, f) for f in fields])])
    return graph


def _nodes(scan: Scan, config: Config) -> dict[str, Node]:
    from neurofm_bids.workflow import interfaces

    brain = interfaces.BrainStep(in_file=str(scan.path), skull_strip=config.skull_strip)
    bias = interfaces.BiasStep(method=config.bias_correction)
    register = interfaces.RegisterStep(template=config.template, seed=config.random_seed)
    grid = interfaces.GridStep(space=config.encode_space)
    figures = interfaces.FiguresStep(template=config.template)
    steps = dict(zip(STEPS, (brain, bias, register, grid, figures), strict=True))
    return {name: _node(name, interface, config) for name, interface in steps.items()}


def _node(name: str, interface: Any, config: Config) -> Node:
    from nipype import Node

    threads = config.omp_nthreads if name == "brain" else 1
    return Node(interface, name=name, mem_gb=min(_MEMORY_GB[name], config.memory_gb), n_procs=threads)
