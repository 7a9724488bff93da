"""The settings of how a run behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["BOTH_STAGES", "ENCODE", "PREPROCESS", "STAGES", "Running"]

STAGES = BOTH_STAGES, PREPROCESS, ENCODE = "all", "preprocess", "encode"


@dataclass(frozen=True)
class Running:
    """How the run behaves."""

    work_dir: Path = option(
        "--work-dir",
        "-w",
        default=Path("work"),
        section="Other options",
        convert=Path,
        writes=True,
        metavar="DIR",
        default_text="a folder in the temporary directory",
        help="folder for intermediate files, which are removed as scans finish",
    )
    keep_work: bool = option("--keep-work", default=False, help="keep the intermediate files")
    stage: str = option(
        "--stage",
        default=BOTH_STAGES,
        choices=STAGES,
        help="preprocess leaves what the networks read in out_dir/interim, which encode finishes without "
        "preprocessing again, such as on a GPU node",
    )
    dry_run: bool = option(
        "--dry-run",
        default=False,
        help="list what would be done with each scan, and why; check folders, weights and device",
    )
    stop_on_first_crash: bool = option(
        "--stop-on-first-crash", default=False, help="stop the run at the first failure"
    )
    verbose: int = option(
        "--verbose",
        "-v",
        default=0,
        counts=True,
        help="-vv: also log debug messages; -vvv: also those of libraries; a single -v changes nothing",
    )
