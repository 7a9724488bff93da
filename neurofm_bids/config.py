"""The settings of one run: a frozen value made once and passed along."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

__all__ = ["TEMPLATE", "Config"]

TEMPLATE = "MNI152NLin2009cAsym"


def _setting(default: Any, *, changes_results: bool = False) -> Any:
    return field(default=default, metadata={"changes_results": changes_results})


@dataclass(frozen=True)
class Config:
    """Everything a run needs to know; see ``neurofm --help`` for what each option means.

    Fields marked ``changes_results`` enter :attr:`parameters_hash`: a scan done under other values of
    them is done again.
    """

    bids_dir: Path
    out_dir: Path
    levels: tuple[str, ...] = ("participant",)
    # selection
    participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    bids_filter: tuple[tuple[str, Any], ...] = ()
    skip_bids_validation: bool = False
    # what is computed
    skull_strip: str = _setting("auto", changes_results=True)
    bias_correction: str = _setting("n4", changes_results=True)
    encode_space: str = _setting("rigid", changes_results=True)
    template: str = _setting(TEMPLATE, changes_results=True)
    views: int = _setting(8, changes_results=True)
    precision: str = _setting("float32", changes_results=True)
    random_seed: int = _setting(20260101, changes_results=True)
    model: str = "open-s"
    weights: Path | None = None
    # what is written
    output_images: bool = False
    # how it runs
    nprocs: int = 1
    omp_nthreads: int = 1
    memory_gb: float = 4.0
    device: str = "auto"
    batch_size: int | None = None
    work_dir: Path = Path("work")
    use_plugin: Path | None = None
    force: bool = False
    stop_on_first_crash: bool = False
    reports_only: bool = False
    keep_work: bool = False
    resource_monitor: bool = False
    dry_run: bool = False
    verbose: int = 0
    command: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings that change results, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.metadata.get("changes_results")}

    @property
    def parameters_hash(self) -> str:
        """SHA-256 of :attr:`parameters` as sorted JSON."""
        return hashlib.sha256(json.dumps(self.parameters, sort_keys=True).encode()).hexdigest()
