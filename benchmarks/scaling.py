"""What 1,000 to 1,000,000 scans take: node-hours, wall time, files, inodes, storage and transfer.

    python benchmarks/scaling.py [--nodes 10] [--seed 1] [--scans 1000 10000]
    python benchmarks/scaling.py --count OUT_DIR [OUT_DIR ...]

The first prints the tables of docs/scaling.md: arrays of the size that ``--executor slurm`` would submit
(``neurofm_bids.cluster.sizing``), one per shard, run on a simulated cluster (``benchmarks/schedule.py``). The
second counts files and bytes of finished output folders, from which ``FILES`` was filled in.

Measured: the seconds of scans (``SECONDS``), files and bytes (``FILES``, ``INPUT_MB``), how the memory of a
step grows with the image (``neurofm_bids.pipeline.steps``), time and memory of the group level
(docs/cohort-tables.md). Assumed, as stated in docs/scaling.md: everything in ``ASSUMED`` and ``NODES``.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from schedule import Machines, Outcome, Work, simulate

from neurofm_bids.cluster.outcome import Killed
from neurofm_bids.cluster.sizing import START_SECONDS, size_of
from neurofm_bids.config import Config
from neurofm_bids.engine.plugin import MAIN_GB
from neurofm_bids.pipeline.steps import USUAL_VOXELS, most_memory_gb

SEED = 1
SIZES = (1_000, 10_000, 100_000, 1_000_000)
MOST_TASKS = 1001  # MaxArraySize of SLURM where nobody has set it
SHARD = 100_000  # scans of one output folder

# Processor seconds of all steps of a scan with default options (timing.tsv), 29 November 2026, two cores with
# other load of 8 to 18: ds002748 sub-01, 05, 09; ds000011 sub-01, 03, 05, 07, 09, 12; the demo.
SECONDS = (19.3, 15.0, 15.8, 20.0, 14.5, 18.1, 22.3, 17.2, 19.2, 20.5)

BLOCK = 4096  # bytes of a file system


@dataclass(frozen=True)
class Files:
    """Files of one kind: their number, their bytes, and the bytes of the blocks that they take."""

    number: float
    size: float
    on_disk: float

    def __add__(self, other: Files) -> Files:
        return Files(self.number + other.number, self.size + other.size, self.on_disk + other.on_disk)


@dataclass(frozen=True)
class Assumed:
    """What was not measured.

    Parameters
    ----------
    large
        Share of scans with more voxels than usual.
    largest
        The most voxels, times the usual number; those of large scans are uniform up to it.
    """

    large: float = 0.01
    largest: float = 4.0


ASSUMED = Assumed()
NODES = Machines(nodes=10, cores=32, slow=0.05, slowness=2.0, failures=0.01)

# Mean of the scans above, by --count.
FOLDERS = 3  # per scan, where each participant has one scan and no sessions
FILES = {
    "report": Files(1, 3_072_000, 3_074_000),
    "figures": Files(7, 1_701_000, 1_715_000),
    "masks, segmentation": Files(2, 224_000, 228_000),
    "tables, records": Files(13, 49_800, 82_700),
}
# What options add, from scans with and without them: sub-01 and 05 of ds002748, sub-01 and 03 of ds000011;
# only the first two for --no-anatomy, and the first one for --attribution (all targets).
OPTIONS = {
    "--no-anatomy": Files(-5, -808_000, -817_000),
    "--output-images": Files(4, 22_590_000, 22_600_000),
    "--attribution": Files(5, 20_900_000, 20_910_000),
}
GROUP_BYTES = (
    27_100  # of a scan with 512 features in all group tables (benchmarks/group_scale.py, 1,010 scans)
)
INPUT_MB = 3.3  # of a compressed T1w, 28 images of ds002748 and ds000011

SCHEDULE_HEAD = (
    "| Scans | Folders x tasks | Scans of a task | Node-hours at best | Node-hours | Wall (h) | "
    "Killed for memory | Lost with nodes | Left for another run |",
    "| --- " * 9 + "|",
)
STORAGE_HEAD = (
    "| Scans | Files | Inodes | GB | on disk | without reports | `--no-anatomy` | `--output-images` | "
    "`--attribution` | group tables | T1w images |",
    "| --- " * 11 + "|",
)
KINDS = {
    "report": (".html",),
    "figures": (".svg", "_desc-viewer_T1w.nii.gz"),
    "masks, segmentation": ("_mask.nii.gz", "_dseg.nii.gz"),
    "images": ("_desc-preproc_T1w.nii.gz", "_desc-brain_T1w.nii.gz"),
    "maps of attribution": ("_attribution.nii.gz",),
    "tables, records": (".tsv", ".json", ".txt"),
}


@dataclass(frozen=True)
class Row:
    """One size: how it is split, and what became of it."""

    scans: int
    shards: int
    tasks: int
    machines: Machines
    best_hours: float  # of cores, if nothing happens
    outcome: Outcome


def row(scans: int, machines: Machines, seed: int) -> Row:
    """Return what becomes of so many scans of as many participants."""
    rng = np.random.default_rng(seed)
    shards = math.ceil(scans / SHARD)
    config = Config(Path("bids"), Path("out"))
    size = size_of(config, -(-scans // shards), -(-scans // shards), most_tasks=MOST_TASKS, variant="s")
    tasks = min(scans, shards * size.tasks)
    seconds, memory = scan_seconds(scans, rng), scan_memory_mb(scans, config, rng)
    parts = [np.array_split(values, tasks) for values in (seconds, memory)]
    best = (seconds.sum() + tasks * START_SECONDS) / 3600
    return Row(scans, shards, tasks, machines, best, simulate(Work(size, *parts), machines, rng))


def scan_seconds(scans: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return processor seconds of scans: lognormal, with mean and spread of those that were measured."""
    spread = float(np.std(np.log(SECONDS), ddof=1))
    return rng.lognormal(math.log(np.mean(SECONDS)) - spread**2 / 2, spread, scans)


def scan_memory_mb(scans: int, config: Config, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the memory of a task at each scan in MiB."""
    times = np.where(rng.random(scans) < ASSUMED.large, rng.uniform(1, ASSUMED.largest, scans), 1.0)
    grid = np.linspace(1, ASSUMED.largest, 61)
    needed = [most_memory_gb(config.processing, int(USUAL_VOXELS * one)) for one in grid]
    return (MAIN_GB + np.interp(times, grid, needed)) * 1e9 / 2**20


def schedule_line(one: Row) -> str:
    """Return a line of the table of the schedule."""
    done, cores = one.outcome, one.machines.cores
    cells = (
        f"{one.scans:,}",
        f"{one.shards:,} x {one.tasks // one.shards:,}",
        f"{math.ceil(one.scans / one.tasks):,}",
        f"{one.best_hours / cores:,.2f}",
        f"{done.core_hours / cores:,.2f}",
        f"{done.wall_hours:,.2f}",
        f"{done.killed[Killed.MEMORY]:,}",
        f"{done.killed[Killed.NODE]:,}",
        f"{done.left:,}",
    )
    return f"| {' | '.join(cells)} |"


def count(out_dir: Path) -> dict[str, Files]:
    """Return the files of an output folder by kind; those that are not of one scan are ``of the folder``."""
    counts: defaultdict[str, Files] = defaultdict(lambda: Files(0, 0, 0))
    for path in out_dir.rglob("*"):
        if path.is_file():
            size = path.stat().st_size
            is_own = not path.relative_to(out_dir).parts[0].startswith("sub-")
            kind = "of the folder" if is_own else _kind(path.name)
            counts[kind] += Files(1, size, BLOCK * math.ceil(size / BLOCK))
    return dict(counts)


def folders(out_dir: Path) -> int:
    """Return the number of folders of participants, with those in them."""
    return sum(1 for path in out_dir.glob("sub-*/**/") if path.is_dir())


def _kind(name: str) -> str:
    return next(kind for kind, endings in KINDS.items() if name.endswith(endings))


def storage_line(scans: int) -> str:
    """Return a line of the table of files and storage."""
    default, inputs = total(), scans * INPUT_MB / 1e3
    kinds = [FILES[kind] for kind in ("report", "figures")]
    slim = total().on_disk - sum(files.on_disk for files in kinds)
    cells = (
        f"{scans:,}",
        f"{scans * default.number:,.0f}",
        f"{scans * (default.number + FOLDERS):,.0f}",
        *(_gb(scans * value / 1e9) for value in (default.size, default.on_disk, slim)),
        *(
            _gb(scans * total(option).on_disk / 1e9)
            for option in ("--no-anatomy", "--output-images", "--attribution")
        ),
        _gb(scans * GROUP_BYTES / 1e9),
        _gb(inputs),
    )
    return f"| {' | '.join(cells)} |"


def total(option: str = "") -> Files:
    """Return the files of one scan with an option, all kinds together."""
    return sum(FILES.values(), OPTIONS.get(option, Files(0, 0, 0)))


def _gb(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def counted(out_dirs: list[Path]) -> None:
    """Print files and bytes per scan of output folders, by kind."""
    for out_dir in out_dirs:
        scans = len([*out_dir.glob("sub-*/**/*_features.json")])
        print(f"{out_dir.name}: {scans} scans, {folders(out_dir) / scans:.2f} folders per scan")
        for kind, files in sorted(count(out_dir).items()):
            per_scan = (value / scans for value in (files.number, files.size, files.on_disk))
            print("  {:22s}{:8.2f} files{:12.0f} bytes{:12.0f} on disk".format(kind, *per_scan))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scans", type=int, nargs="+", default=SIZES)
    parser.add_argument("--nodes", type=int, nargs="+", default=[NODES.nodes])
    parser.add_argument("--cores", type=int, default=NODES.cores, help="of a node")
    parser.add_argument("--failures", type=float, default=NODES.failures, help="of a node per day")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=Path, nargs="+", metavar="OUT_DIR", help="count files instead")
    args = parser.parse_args()
    if args.count:
        counted(args.count)
        return
    for nodes in args.nodes:
        machines = replace(NODES, nodes=nodes, cores=args.cores, failures=args.failures)
        print(f"{nodes} nodes of {args.cores} cores", *SCHEDULE_HEAD, sep="\n")
        for scans in args.scans:
            print(schedule_line(row(scans, machines, args.seed)), flush=True)
    print("Files and storage", *STORAGE_HEAD, sep="\n")
    for scans in args.scans:
        print(storage_line(scans))


if __name__ == "__main__":
    main()
